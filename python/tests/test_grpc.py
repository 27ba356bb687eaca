"""The same frames on a gRPC stream, with a real gRPC server in this process."""

import subprocess

from grpc_host import GrpcHost, Stream
from host import PATIENCE

Dialled = tuple[GrpcHost, subprocess.Popen[str]]


def admitted(host: GrpcHost) -> Stream:
    stream = host.next()
    stream.hello()
    stream.welcome()
    return stream


def test_a_worker_serves_over_grpc(dialled: Dialled) -> None:
    host, process = dialled
    stream = host.next()
    hello = stream.hello()
    stream.welcome()
    assert hello["type"] == "hello"
    assert hello["pid"] == process.pid
    stream.send(*([0, i, "add", {"a": i, "b": 1}] for i in range(1, 257)))
    records = stream.wait_for(256)
    assert sorted(r[1] for r in records) == list(range(1, 257))
    assert all(r[2] == r[1] + 1 for r in records)
    blob = bytes(6 * 1024 * 1024)  # above gRPC's own limit of 4 MiB
    stream.send([0, 1, "echo", {"blob": blob}])
    assert stream.wait_for(1) == [[0, 1, {"blob": blob}]]


def test_streams_and_cancels_work_over_grpc(dialled: Dialled) -> None:
    host, _ = dialled
    stream = admitted(host)
    stream.send([1, 1, "count", {"n": 100}], [0, 2, "until-cancelled"])
    records = stream.wait_for(102)
    assert [r[2] for r in records if r[0] == 2] == list(range(100))
    stream.send([2, 2])
    (answer,) = stream.wait_for(1)
    assert (answer[1], answer[2]["code"]) == (2, "CANCELLED")


def test_a_refusal_over_grpc_says_why(dialled: Dialled) -> None:
    host, process = dialled
    stream = host.next()
    stream.hello()
    stream.say({"type": "refused", "code": "PROTOCOL", "message": "not today"})
    assert process.wait(PATIENCE) == 5
    assert process.stderr is not None
    assert "not today" in process.stderr.read()


def test_a_worker_leaves_when_its_grpc_stream_ends(dialled: Dialled) -> None:
    host, process = dialled
    stream = admitted(host)
    stream.send([0, 1, "wait-at-gate"])
    stream.end()
    assert process.wait(PATIENCE) == 0


def test_a_worker_leaves_on_sigterm_over_grpc(dialled: Dialled) -> None:
    host, process = dialled
    stream = admitted(host)
    stream.send([0, 1, "wait-at-gate"], [4, 2])
    stream.wait_for(1)
    process.terminate()
    assert process.wait(PATIENCE) == 0
