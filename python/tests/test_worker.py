import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import ormsgpack
import pytest
from host import Host, RemoteError, is_running, wait_gone, worker_env


def test_a_worker_introduces_itself_and_serves(host: Host) -> None:
    process = host.spawn()
    connection = host.accept()
    hello = connection.hello
    assert hello["protocol"] == 1
    assert hello["workerId"] == "w1"
    assert hello["token"] == host.token
    assert hello["pid"] == process.pid
    assert hello["codecs"] == ["msgpack", "json"]
    assert hello["concurrency"] == 64
    assert {"ping", "echo", "info", "python.call"} <= set(hello["commands"])
    assert set(hello["versions"]) == {"python", "snakepit_bridge"}
    connection.welcome()
    assert connection.call("echo", {"text": "hi", "bytes": b"\0"}) == {"text": "hi", "bytes": b"\0"}
    assert connection.call("ping", call_id=2)["pong"] is True
    assert connection.call("info", call_id=3)["pid"] == process.pid


def test_a_worker_speaks_json_when_its_host_asks_for_it(host: Host) -> None:
    host.spawn()
    connection = host.admit(codec="json")
    assert connection.call("echo", {"text": "hällo"}) == {"text": "hällo"}
    with pytest.raises(RemoteError) as caught:
        connection.call("bad-value", call_id=2)
    assert caught.value.code == "SERIALIZATION"


@pytest.mark.parametrize("policy", ["", "placeholder", "ref"])
def test_a_worker_refuses_the_reference_of_another_with_both_names(host: Host, policy: str) -> None:
    host.spawn(env={"SNAKEPIT_UNKNOWN_OBJECTS": policy})
    connection = host.admit()
    reference = ormsgpack.Ext(18, ormsgpack.packb(["w7", "abc.1", "models.Model", "a model"]))
    with pytest.raises(RemoteError) as caught:
        connection.call("echo", {"model": reference})
    assert caught.value.code == "SESSION_LOST"
    assert caught.value.error["begun"] is False
    says = "args.model (PyRef) is a models.Model that lives in worker w7, and this is w1; make both"
    assert str(caught.value.error["message"]).startswith(says)


def test_concurrency_and_preload_come_from_the_environment(host: Host) -> None:
    host.spawn(env={"SNAKEPIT_CONCURRENCY": "3", "SNAKEPIT_PRELOAD": ""})
    hello = host.accept().hello
    assert hello["concurrency"] == 3
    assert "add" not in hello["commands"]


def test_a_refused_worker_says_why_and_leaves(host: Host) -> None:
    process = host.spawn(stderr=subprocess.PIPE)
    connection = host.accept()
    connection.write_frame(b'{"type":"refused","code":"PROTOCOL","message":"not today"}')
    assert process.wait(20) == 5
    assert process.stderr is not None
    assert "[PROTOCOL] not today" in process.stderr.read()


@pytest.mark.parametrize(
    ("welcome", "says"),
    [
        (b'{"type":"welcome","protocol":7,"codec":"msgpack"}', "protocol 7, this worker 1"),
        (b'{"type":"welcome","protocol":1,"codec":"morse"}', "morse"),
        (b"\xff", "no JSON"),
        (b"[]", "no object"),
    ],
)
def test_a_worker_leaves_a_host_it_does_not_understand(
    host: Host, welcome: bytes, says: str
) -> None:
    process = host.spawn(stderr=subprocess.PIPE)
    host.accept().write_frame(welcome)
    assert process.wait(20) == 5
    assert process.stderr is not None
    assert says in process.stderr.read()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xc1",
        b"\x01",
        b"\x90",
        b"\x92\x00\x01",
        b"\x92\x00\x90",
        b"\x92\x00\x92\x09\x01",
        b"\x92\x00\x93\x00\x01\x81\x01\x02",
    ],
    ids=repr,
)
def test_a_malformed_frame_ends_the_connection_with_a_clear_line(
    host: Host, document: bytes
) -> None:
    process = host.spawn(stderr=subprocess.PIPE)
    connection = host.admit()
    connection.write_frame(document)
    assert process.wait(20) == 4
    assert process.stderr is not None
    assert "the host broke the protocol" in process.stderr.read()
    assert connection.is_hung_up()


def test_a_frame_longer_than_agreed_ends_the_connection(host: Host) -> None:
    process = host.spawn(stderr=subprocess.PIPE)
    connection = host.admit(maxFrameBytes=1000)
    connection.write_frame(bytes(1001))
    assert process.wait(20) == 4
    assert process.stderr is not None
    assert "1,001 bytes; at most 1,000" in process.stderr.read()


def test_a_worker_without_its_environment_says_what_is_missing() -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEPIT")}
    result = subprocess.run(
        [sys.executable, "-m", "snakepit_bridge"],
        env=env,
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 5
    assert "SNAKEPIT_ADDRESS, SNAKEPIT_WORKER_ID, SNAKEPIT_TOKEN is not set" in result.stderr


def test_a_failed_preload_ends_with_a_clear_last_line(host: Host) -> None:
    process = host.spawn(env={"SNAKEPIT_PRELOAD": "no_such_module"}, stderr=subprocess.PIPE)
    assert process.wait(20) == 3
    assert process.stderr is not None
    lines = process.stderr.read().splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].endswith("ModuleNotFoundError: No module named 'no_such_module'")


@pytest.mark.parametrize("missing", ["grpc", "google"])
def test_a_worker_without_grpc_says_what_to_install(
    host: Host, tmp_path: Path, missing: str
) -> None:
    # Found before the one that is installed.
    (tmp_path / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{missing}'\", name='{missing}')"
    )
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    address = f"grpc:unix:{tmp_path}/no-host"
    process = host.spawn(
        env={"PYTHONPATH": path, "SNAKEPIT_ADDRESS": address}, stderr=subprocess.PIPE
    )
    assert process.wait(20) == 5
    assert process.stderr is not None
    assert process.stderr.read() == (
        "snakepit_bridge: the gRPC transport needs grpcio and protobuf in this Python "
        f"(No module named '{missing}'): npx snakepit-bridge setup --extra grpc, "
        "or pip install grpcio protobuf\n"
    )


def test_user_code_sees_neither_the_secret_nor_the_lifeline(host: Host) -> None:
    host.spawn()
    seen = host.admit().call("process")
    assert seen["token"] is None
    assert seen["stdin"] == b""


@pytest.mark.parametrize("command", ["wait-at-gate", "async-wait"])
def test_a_worker_leaves_when_its_connection_ends_whatever_runs(host: Host, command: str) -> None:
    process = host.spawn()
    connection = host.admit()
    connection.send([0, 1, command])
    connection.socket.close()
    assert process.wait(20) == 0


def test_a_worker_leaves_at_the_end_of_its_stdin_whatever_runs(host: Host) -> None:
    process = host.spawn()
    connection = host.admit()
    connection.send([0, 1, "wait-at-gate"])
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_a_worker_leaves_on_sigterm_whichever_thread_it_reaches(host: Host) -> None:
    process = host.spawn()
    connection = host.admit()
    connection.send([0, 1, "take-sigterm"])
    assert process.wait(20) == 0


def test_a_worker_leaves_on_sigterm_whatever_runs(host: Host) -> None:
    process = host.spawn()
    connection = host.admit()
    connection.send([0, 1, "wait-at-gate"])
    process.send_signal(signal.SIGINT)  # Ctrl-C is the host's business
    assert connection.call("ping", call_id=2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


OWNER = """
import os, subprocess, sys, time
os.environ["SNAKEPIT_OWNER_PID"] = str(os.getpid())
worker = subprocess.Popen([sys.executable, "-m", sys.argv[1]], stdin=open(sys.argv[2]))
print(worker.pid, flush=True)
time.sleep(3600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal")
def test_a_worker_dies_with_its_host_even_while_c_code_holds_the_interpreter(
    host: Host, tmp_path: os.PathLike[str]
) -> None:
    # A lifeline that nobody holds the other end of, so that only the kernel can tell.
    pipe = os.path.join(tmp_path, "never-ends")
    os.mkfifo(pipe)
    keep_open = os.open(pipe, os.O_RDWR)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, "snakepit_bridge", pipe],
        stdout=subprocess.PIPE,
        text=True,
        env=worker_env(**host.environment()),
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    connection = host.admit()
    connection.send([0, 1, "hold-interpreter"])
    assert is_running(pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_gone(pid)
    os.close(keep_open)


def test_a_crash_in_c_leaves_its_stack_on_stderr(host: Host) -> None:
    process = host.spawn(stderr=subprocess.PIPE)
    connection = host.admit()
    connection.send([0, 1, "segfault"])
    assert process.wait(20) == -signal.SIGSEGV
    assert process.stderr is not None
    assert re.search(r"Fatal Python error: Segmentation fault", process.stderr.read())
