"""A worker with a lease: it dials in again as long as that lasts, and ends itself afterwards."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import ormsgpack
import pytest
from host import PACE, Host

from snakepit_bridge.v1 import bridge_pb2, bridge_pb2_grpc

PATIENCE = 20.0
LOG = 5
SECRET = "the secret of this incarnation"


class Stream:
    """One connection of the worker, in the order of their coming."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.context = context
        self.metadata = dict(context.invocation_metadata())
        self.incoming: queue.Queue[bytes] = queue.Queue()
        self.outgoing: queue.Queue[bytes | None] = queue.Queue()

    def hello(self) -> dict[str, Any]:
        hello: dict[str, Any] = json.loads(self.incoming.get(timeout=PATIENCE))
        return hello

    def welcome(self, lease_ms: int, **changes: Any) -> None:  # noqa: ANN401
        welcome = {"type": "welcome", "protocol": 1, "codec": "msgpack", "maxFrameBytes": 1 << 20}
        lease = {"leaseMs": lease_ms, "incarnation": SECRET}
        self.outgoing.put(json.dumps({**welcome, **lease, **changes}).encode())

    def send(self, *records: list[Any]) -> None:
        self.outgoing.put(ormsgpack.packb([0, *records]))

    def answer(self) -> list[Any]:
        while True:
            batch = ormsgpack.unpackb(self.incoming.get(timeout=PATIENCE))
            for record in batch[1:]:
                if record[0] not in (PACE, LOG):
                    return list(record)

    def pace(self) -> list[Any]:
        """What the worker says of a command's pace, once it has run often enough."""
        for call_id in range(1, 10_000):  # a busy machine may make a quick call look slow
            self.send([0, call_id, "add", {"a": 1, "b": 2}])
            is_answered = False
            while not is_answered:
                batch = ormsgpack.unpackb(self.incoming.get(timeout=PATIENCE))
                for record in batch[1:]:
                    if record[0] == PACE:
                        return list(record)
                    is_answered |= record[:2] == [0, call_id]
        raise AssertionError("no pace")

    def cut(self) -> None:
        self.context.cancel()
        self.outgoing.put(None)


class Bridge(bridge_pb2_grpc.BridgeServiceServicer):
    def __init__(self) -> None:
        self.streams: queue.Queue[Stream] = queue.Queue()
        self.all: list[Stream] = []

    def Connect(
        self,
        request_iterator: Iterator[bridge_pb2.ConnectRequest],
        context: Any,  # noqa: ANN401
    ) -> Iterator[bridge_pb2.ConnectResponse]:
        stream = Stream(context)
        self.all.append(stream)
        self.streams.put(stream)

        def read() -> None:
            try:
                for request in request_iterator:
                    stream.incoming.put(request.frame.document)
            except grpc.RpcError:
                stream.outgoing.put(None)

        threading.Thread(target=read, daemon=True).start()
        while (document := stream.outgoing.get()) is not None:
            yield bridge_pb2.ConnectResponse(frame=bridge_pb2.Frame(document=document))

    def next(self) -> Stream:
        return self.streams.get(timeout=PATIENCE)


Served = tuple[Bridge, subprocess.Popen[str]]


@pytest.fixture
def served(host: Host) -> Iterator[Served]:
    bridge = Bridge()
    server = grpc.server(ThreadPoolExecutor(16))
    bridge_pb2_grpc.add_BridgeServiceServicer_to_server(bridge, server)
    target = f"unix:{Path(host.path).with_name('g')}"
    server.add_insecure_port(target)
    server.start()
    process = host.spawn(env={"SNAKEPIT_ADDRESS": f"grpc:{target}"}, stderr=subprocess.PIPE)
    yield bridge, process
    for stream in bridge.all:
        stream.outgoing.put(None)  # else its thread would keep pytest from ending
    server.stop(None)


def test_the_token_travels_in_the_metadata_and_no_incarnation_in_the_first_hello(
    served: Served,
) -> None:
    bridge, _ = served
    stream = bridge.next()
    assert stream.metadata["snakepit-token"] == Host.token
    assert stream.metadata["snakepit-worker-id"] == "w1"
    assert stream.metadata["snakepit-protocol"] == "1"
    assert "incarnation" not in stream.hello()


def test_a_worker_dials_in_again_as_the_same_one_and_remembers(served: Served) -> None:
    bridge, process = served
    stream = bridge.next()
    stream.hello()
    stream.welcome(10_000)
    for _ in range(5):
        stream.send([0, 1, "add", {"a": 1, "b": 2}])
        assert stream.answer() == [0, 1, 3]
        stream.cut()
        stream = bridge.next()
        hello = stream.hello()
        assert hello["incarnation"] == SECRET
        assert hello["pid"] == process.pid
        stream.welcome(10_000)
    # No thread is left of the connections of before: they are many in a long life.
    stream.send([0, 1, "add", {"a": 3, "b": 4}])
    assert stream.answer() == [0, 1, 7]
    names = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/comm")]
    assert len(names) < 40, names


def test_each_connection_hears_anew_which_commands_are_short(served: Served) -> None:
    bridge, _ = served
    for _ in range(3):
        stream = bridge.next()
        stream.hello()
        stream.welcome(10_000)
        assert stream.pace() == [PACE, 0, "add", True]
        stream.cut()


def test_calls_of_a_lost_connection_are_cancelled_and_never_answered(served: Served) -> None:
    bridge, _ = served
    stream = bridge.next()
    stream.hello()
    stream.welcome(10_000)
    stream.send([0, 1, "until-cancelled"], [1, 2, "count", {"n": 1_000_000_000}])
    assert stream.answer()[:2] == [2, 2]
    stream.cut()
    stream = bridge.next()
    stream.hello()
    stream.welcome(10_000)
    stream.send([0, 1, "add", {"a": 1, "b": 2}])
    assert stream.answer() == [0, 1, 3]


def test_a_worker_that_hears_nothing_for_its_lease_ends_although_its_connection_stands(
    served: Served,
) -> None:
    bridge, process = served
    stream = bridge.next()
    stream.hello()
    began = time.monotonic()
    stream.welcome(1_000)
    assert process.wait(PATIENCE) == 6
    assert time.monotonic() - began >= 1
    assert process.stderr is not None
    assert "the lease is over" in process.stderr.read()


def test_a_busy_worker_that_hears_its_host_lives(served: Served) -> None:
    bridge, process = served
    stream = bridge.next()
    stream.hello()
    stream.welcome(1_000)
    stream.send([0, 1, "until-cancelled"])
    for call_id in range(2, 12):  # twice its lease
        stream.send([4, call_id])
        assert stream.answer() == [4, call_id]
        time.sleep(0.2)
    assert process.poll() is None


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "refused", "code": "PROTOCOL", "message": "not any more"},
        {"type": "welcome", "protocol": 1, "codec": "msgpack", "incarnation": "another"},
    ],
)
def test_a_host_that_does_not_want_the_worker_back_ends_it(
    served: Served, answer: dict[str, Any]
) -> None:
    bridge, process = served
    stream = bridge.next()
    stream.hello()
    stream.welcome(10_000)
    stream.send([4, 1])
    stream.answer()
    stream.cut()
    again = bridge.next()
    again.hello()
    again.outgoing.put(json.dumps(answer).encode())
    assert process.wait(PATIENCE) == 5


def test_a_host_that_says_goodbye_is_not_dialled_again(served: Served) -> None:
    bridge, process = served
    stream = bridge.next()
    stream.hello()
    stream.welcome(10_000)
    stream.send([4, 1])
    stream.answer()
    stream.outgoing.put(None)
    assert process.wait(PATIENCE) == 0
    assert bridge.streams.empty()


def test_an_address_with_certificates_wants_their_files(host: Host) -> None:
    process = host.spawn(
        env={"SNAKEPIT_ADDRESS": "grpcs:localhost:1", "SNAKEPIT_TLS_CA": "/ca.pem"},
        stderr=subprocess.PIPE,
    )
    assert process.wait(PATIENCE) == 5
    assert process.stderr is not None
    said = process.stderr.read()
    assert "SNAKEPIT_TLS_KEY, SNAKEPIT_TLS_CERT is not set" in said
    assert host.token not in said
