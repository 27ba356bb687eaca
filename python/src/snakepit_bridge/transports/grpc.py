"""Frames on one bidirectional gRPC stream: proto/snakepit_bridge/v1/bridge.proto."""

import queue
import sys
import time
from collections.abc import Iterator

import grpc

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.transports import Buffer, PartSink
from snakepit_bridge.v1 import bridge_pb2, bridge_pb2_grpc

OPTIONS = [
    # Ours is checked per frame, against what the welcome says; gRPC's would end the connection.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A Unix socket has no name that an authority could be made of.
    ("grpc.default_authority", "localhost"),
    # A proxy from the environment must not see what stays on this machine.
    ("grpc.enable_http_proxy", 0),
]
# Frames between us and gRPC's own thread. When it is full, records gather in the outbox instead.
MOST_WAITING = 4


class GrpcTransport:
    name = "grpc"
    # Several messages are on their way at once: see packages/grpc-bridge/src/grpc-transport.ts.
    part_frame_bytes = 256 * 1024

    def __init__(self, channel: grpc.Channel) -> None:
        self._outgoing: queue.Queue[bridge_pb2.Frame] = queue.Queue(MOST_WAITING)
        self.parts: PartSink | None = None
        # Kept: the stream ends when its channel is collected.
        self._channel = channel
        stub = bridge_pb2_grpc.BridgeServiceStub(channel)
        self._incoming = iter(stub.Connect(self._requests()))

    @classmethod
    def dial(cls, target: str) -> "GrpcTransport":
        return cls(grpc.insecure_channel(target, options=OPTIONS))

    def receive(self, limit: int) -> Buffer | None:
        try:
            frame = next(self._incoming).frame
            # A document is never empty, so the common case costs one look.
            while not (document := frame.document) and frame.HasField("part"):
                self._take_part(frame.part)
                frame = next(self._incoming).frame
        except StopIteration:
            return None
        except grpc.RpcError as error:
            print(f"snakepit_bridge: the gRPC stream ended: {_status(error)}", file=sys.stderr)
            return None
        if len(document) > limit:
            raise ProtocolError(
                f"a frame of {len(document):,} bytes; at most {limit:,} are allowed"
            )
        return document

    def _take_part(self, part: bridge_pb2.Part) -> None:
        if self.parts is None:
            raise ProtocolError("a part came before the handshake")
        data = part.bytes
        self.parts.place(part.call_id, part.number, part.part_bytes, len(data))[:] = data
        self.parts.filled(len(data))

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        part = bridge_pb2.Part(
            call_id=call_id, number=number, part_bytes=length, bytes=bytes(chunk)
        )
        self._outgoing.put(bridge_pb2.Frame(part=part))

    def send(self, document: Buffer) -> None:
        self._outgoing.put(bridge_pb2.Frame(document=bytes(document)))
        # gRPC's thread takes it from here, and must get the interpreter's lock first: measured
        # for the first chunk of a busy stream, 0.45 ms with this pause and 1.15 ms without.
        time.sleep(0)

    def _requests(self) -> Iterator[bridge_pb2.ConnectRequest]:
        while True:
            yield bridge_pb2.ConnectRequest(frame=self._outgoing.get())


def _status(error: grpc.RpcError) -> str:
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    return f"{code().name}: {details()}" if code and details else repr(error)
