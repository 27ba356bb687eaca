"""A worker with a lease: it dials in again as long as that lasts, and ends itself afterwards."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from grpc_host import GrpcHost, Stream
from host import PACE, PATIENCE, Host

SECRET = "the secret of this incarnation"

Dialled = tuple[GrpcHost, subprocess.Popen[str]]


def welcome(stream: Stream, lease_ms: int) -> None:
    stream.welcome(leaseMs=lease_ms, incarnation=SECRET)


def pace(stream: Stream) -> list[Any]:
    """What the worker says of a command's pace, once it has run often enough."""
    for call_id in range(1, 10_000):  # a busy machine may make a quick call look slow
        stream.send([0, call_id, "add", {"a": 1, "b": 2}])
        is_answered = False
        while not is_answered:
            for record in stream.batch():
                if record[0] == PACE:
                    return list(record)
                is_answered |= record[:2] == [0, call_id]
    raise AssertionError("no pace")


def test_the_token_travels_in_the_metadata_and_no_incarnation_in_the_first_hello(
    dialled: Dialled,
) -> None:
    grpc_host, _ = dialled
    stream = grpc_host.next()
    assert stream.metadata["snakepit-token"] == Host.token
    assert stream.metadata["snakepit-worker-id"] == "w1"
    assert stream.metadata["snakepit-protocol"] == "1"
    assert "incarnation" not in stream.hello()


def test_a_worker_dials_in_again_as_the_same_one_and_remembers(dialled: Dialled) -> None:
    grpc_host, process = dialled
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 10_000)
    for _ in range(5):
        stream.send([0, 1, "add", {"a": 1, "b": 2}])
        assert stream.answer() == [0, 1, 3]
        stream.cut()
        stream = grpc_host.next()
        hello = stream.hello()
        assert hello["incarnation"] == SECRET
        assert hello["pid"] == process.pid
        welcome(stream, 10_000)
    # No thread is left of the connections of before: they are many in a long life.
    stream.send([0, 1, "add", {"a": 3, "b": 4}])
    assert stream.answer() == [0, 1, 7]
    names = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/comm")]
    assert len(names) < 40, names


def test_each_connection_hears_anew_which_commands_are_short(dialled: Dialled) -> None:
    grpc_host, _ = dialled
    for _ in range(3):
        stream = grpc_host.next()
        stream.hello()
        welcome(stream, 10_000)
        assert pace(stream) == [PACE, 0, "add", True]
        stream.cut()


def test_calls_of_a_lost_connection_are_cancelled_and_never_answered(dialled: Dialled) -> None:
    grpc_host, _ = dialled
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 10_000)
    stream.send([0, 1, "until-cancelled"], [1, 2, "count", {"n": 1_000_000_000}])
    assert stream.answer()[:2] == [2, 2]
    stream.cut()
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 10_000)
    stream.send([0, 1, "add", {"a": 1, "b": 2}])
    assert stream.answer() == [0, 1, 3]


def test_a_worker_that_hears_nothing_for_its_lease_ends_although_its_connection_stands(
    dialled: Dialled,
) -> None:
    grpc_host, process = dialled
    stream = grpc_host.next()
    stream.hello()
    began = time.monotonic()
    welcome(stream, 1_000)
    assert process.wait(PATIENCE) == 6
    assert time.monotonic() - began >= 1
    assert process.stderr is not None
    assert "the lease is over" in process.stderr.read()


def test_a_busy_worker_that_hears_its_host_lives(dialled: Dialled) -> None:
    grpc_host, process = dialled
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 1_000)
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
    dialled: Dialled, answer: dict[str, Any]
) -> None:
    grpc_host, process = dialled
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 10_000)
    stream.send([4, 1])
    stream.answer()
    stream.cut()
    again = grpc_host.next()
    again.hello()
    again.say(answer)
    assert process.wait(PATIENCE) == 5


def test_a_host_that_says_goodbye_is_not_dialled_again(dialled: Dialled) -> None:
    grpc_host, process = dialled
    stream = grpc_host.next()
    stream.hello()
    welcome(stream, 10_000)
    stream.send([4, 1])
    stream.answer()
    stream.end()
    assert process.wait(PATIENCE) == 0
    assert grpc_host.streams.empty()


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
