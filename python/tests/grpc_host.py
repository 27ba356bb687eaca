"""A host that workers dial over gRPC: a real server in this process, each stream as two queues."""

import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
import ormsgpack
from host import PACE, PATIENCE

from snakepit_bridge.v1 import bridge_pb2, bridge_pb2_grpc

LOG = 5


class Stream:
    """One connection of a worker."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.context = context
        self.metadata = dict(context.invocation_metadata())
        self.incoming: queue.Queue[bytes] = queue.Queue()
        self.outgoing: queue.Queue[bytes | None] = queue.Queue()
        self.records: list[list[Any]] = []

    def hello(self) -> dict[str, Any]:
        hello: dict[str, Any] = json.loads(self.incoming.get(timeout=PATIENCE))
        return hello

    def welcome(self, **changes: Any) -> None:  # noqa: ANN401
        welcome = {"type": "welcome", "protocol": 1, "codec": "msgpack", "maxFrameBytes": 1 << 26}
        self.say({**welcome, **changes})

    def say(self, message: dict[str, Any]) -> None:
        self.outgoing.put(json.dumps(message).encode())

    def send(self, *records: list[Any]) -> None:
        self.outgoing.put(ormsgpack.packb([0, *records]))

    def batch(self) -> list[list[Any]]:
        """The records of the next batch."""
        _, *records = ormsgpack.unpackb(self.incoming.get(timeout=PATIENCE))
        return records

    def wait_for(self, count: int) -> list[list[Any]]:
        """The next `count` records, without what the worker says of pace."""
        while len(self.records) < count:
            self.records += [record for record in self.batch() if record[0] != PACE]
        taken, self.records = self.records[:count], self.records[count:]
        return taken

    def answer(self) -> list[Any]:
        """The next record that is of a call."""
        while True:
            (record,) = self.wait_for(1)
            if record[0] != LOG:
                return record

    def end(self) -> None:
        """As a host does that says goodbye."""
        self.outgoing.put(None)

    def cut(self) -> None:
        """As a line does that breaks."""
        self.context.cancel()
        self.end()


class GrpcHost(bridge_pb2_grpc.BridgeServiceServicer):
    """Listens at `target`, which grpc understands."""

    def __init__(self, target: str) -> None:
        self.streams: queue.Queue[Stream] = queue.Queue()
        self._all: list[Stream] = []
        self._server = grpc.server(
            ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", 64 << 20)]
        )
        bridge_pb2_grpc.add_BridgeServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(target)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for stream in self._all:
            stream.end()  # else its thread would keep pytest from ending
        self._server.stop(None)

    def Connect(
        self,
        request_iterator: Iterator[bridge_pb2.ConnectRequest],
        context: Any,  # noqa: ANN401
    ) -> Iterator[bridge_pb2.ConnectResponse]:
        stream = Stream(context)
        self._all.append(stream)
        self.streams.put(stream)

        def read() -> None:
            try:
                for request in request_iterator:
                    stream.incoming.put(request.frame.document)
            except grpc.RpcError:
                stream.end()  # the worker has gone

        threading.Thread(target=read, daemon=True).start()
        while (document := stream.outgoing.get()) is not None:
            yield bridge_pb2.ConnectResponse(frame=bridge_pb2.Frame(document=document))

    def next(self) -> Stream:
        """The next connection that a worker makes."""
        return self.streams.get(timeout=PATIENCE)
