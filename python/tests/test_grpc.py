"""The same frames on a gRPC stream, with a real gRPC server in this process."""

import json
import queue
import subprocess
import threading
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


class Bridge(bridge_pb2_grpc.BridgeServiceServicer):
    """One worker's stream as two queues."""

    def __init__(self) -> None:
        self.incoming: queue.Queue[bytes] = queue.Queue()
        self.outgoing: queue.Queue[bytes | None] = queue.Queue()

    def Connect(
        self,
        request_iterator: Iterator[bridge_pb2.ConnectRequest],
        context: Any,  # noqa: ANN401
    ) -> Iterator[bridge_pb2.ConnectResponse]:
        def read() -> None:
            try:
                for request in request_iterator:
                    self.incoming.put(request.frame.document)
            except grpc.RpcError:
                self.outgoing.put(None)  # the worker has gone

        threading.Thread(target=read, daemon=True).start()
        while (document := self.outgoing.get()) is not None:
            yield bridge_pb2.ConnectResponse(frame=bridge_pb2.Frame(document=document))

    def send(self, *records: list[Any]) -> None:
        self.outgoing.put(ormsgpack.packb([0, *records]))

    def wait_for(self, count: int) -> list[list[Any]]:
        records: list[list[Any]] = []
        while len(records) < count:
            batch = ormsgpack.unpackb(self.incoming.get(timeout=PATIENCE))
            records += [record for record in batch[1:] if record[0] != PACE]
        return records


@pytest.fixture
def bridge(host: Host) -> Iterator[tuple[Bridge, subprocess.Popen[str]]]:
    bridge = Bridge()
    server = grpc.server(
        ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)]
    )
    bridge_pb2_grpc.add_BridgeServiceServicer_to_server(bridge, server)
    target = f"unix:{Path(host.path).with_name('g')}"
    server.add_insecure_port(target)
    server.start()
    process = host.spawn(env={"SNAKEPIT_ADDRESS": f"grpc:{target}"}, stderr=subprocess.PIPE)
    yield bridge, process
    bridge.outgoing.put(None)
    server.stop(None)


Served = tuple[Bridge, subprocess.Popen[str]]


def admit(bridge: Bridge) -> dict[str, Any]:
    hello: dict[str, Any] = json.loads(bridge.incoming.get(timeout=PATIENCE))
    welcome = {"type": "welcome", "protocol": 1, "codec": "msgpack", "maxFrameBytes": 1 << 26}
    bridge.outgoing.put(json.dumps(welcome).encode())
    return hello


def test_a_worker_serves_over_grpc(bridge: Served) -> None:
    host, process = bridge
    hello = admit(host)
    assert hello["type"] == "hello"
    assert hello["pid"] == process.pid
    host.send(*([0, i, "add", {"a": i, "b": 1}] for i in range(1, 257)))
    records = host.wait_for(256)
    assert sorted(r[1] for r in records) == list(range(1, 257))
    assert all(r[2] == r[1] + 1 for r in records)
    blob = bytes(6 * 1024 * 1024)  # above gRPC's own limit of 4 MiB
    host.send([0, 1, "echo", {"blob": blob}])
    assert host.wait_for(1) == [[0, 1, {"blob": blob}]]


def test_streams_and_cancels_work_over_grpc(bridge: Served) -> None:
    host, _ = bridge
    admit(host)
    host.send([1, 1, "count", {"n": 100}], [0, 2, "until-cancelled"])
    records = host.wait_for(102)
    assert [r[2] for r in records if r[0] == 2] == list(range(100))
    host.send([2, 2])
    (answer,) = host.wait_for(1)
    assert (answer[1], answer[2]["code"]) == (2, "CANCELLED")


def test_a_refusal_over_grpc_says_why(bridge: Served) -> None:
    host, process = bridge
    host.incoming.get(timeout=PATIENCE)
    host.outgoing.put(b'{"type":"refused","code":"PROTOCOL","message":"not today"}')
    assert process.wait(20) == 5
    assert process.stderr is not None
    assert "not today" in process.stderr.read()


def test_a_worker_leaves_when_its_grpc_stream_ends(bridge: Served) -> None:
    host, process = bridge
    admit(host)
    host.send([0, 1, "wait-at-gate"])
    host.outgoing.put(None)
    assert process.wait(20) == 0


def test_a_worker_leaves_on_sigterm_over_grpc(bridge: Served) -> None:
    host, process = bridge
    admit(host)
    host.send([0, 1, "wait-at-gate"], [4, 2])
    host.wait_for(1)
    process.terminate()
    assert process.wait(20) == 0
