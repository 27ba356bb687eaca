import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy  # type: ignore[import-not-found, unused-ignore]
import pytest
from host import ForkServer, Host, admit_forked, end, is_running, wait_gone, worker_env

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        assert server.event()["event"] == "ready"
        yield server


def test_it_says_when_the_preload_is_done(host: Host) -> None:
    with ForkServer() as server:
        ready = server.event()
    assert ready["event"] == "ready"
    assert ready["pid"] == server.process.pid
    assert ready["forkable"] is True
    assert set(ready["versions"]) == {"python", "snakepit_bridge"}


def test_a_forked_worker_serves_and_its_end_is_reported(host: Host, server: ForkServer) -> None:
    pid = server.fork(host, "w1")
    output, connection = admit_forked(host)
    assert output.hello == {"type": "output", "workerId": "w1", "token": host.token}
    assert connection.hello["pid"] == pid
    assert "add" in connection.hello["commands"]
    assert connection.call("add", {"a": 1, "b": 2}) == 3
    assert connection.call("async-add", {"a": 1, "b": 2}, call_id=2) == 3
    connection.socket.close()
    assert server.event() == {"event": "exited", "workerId": "w1", "pid": pid, "code": 0}


def test_each_worker_prints_to_its_own_connection(host: Host, server: ForkServer) -> None:
    for worker_id in ("w1", "w2"):
        server.fork(host, worker_id)
        output, connection = admit_forked(host)
        connection.call("print", {"text": f"hello from {worker_id}"})
        connection.socket.close()
        assert output.read_to_the_end() == f"hello from {worker_id}\nfrom fd 2\n".encode()
        assert server.event()["workerId"] == worker_id


def test_a_segfault_is_reported_with_its_signal_and_its_stack(
    host: Host, server: ForkServer
) -> None:
    pid = server.fork(host, "w1")
    output, connection = admit_forked(host)
    connection.send([0, 1, "segfault"])
    # Read first, as every host must: a worker waits when nobody takes what it prints.
    text = output.read_to_the_end().decode()
    exited = {"event": "exited", "workerId": "w1", "pid": pid, "signal": "SIGSEGV"}
    assert server.event() == exited
    assert text.startswith("about to fall\n")
    assert "Segmentation fault" in text
    assert "in segfault" in text


def test_a_signal_goes_to_the_worker_and_all_that_it_started(
    host: Host, server: ForkServer
) -> None:
    pid = server.fork(host, "w1")
    _, connection = admit_forked(host)
    child = connection.call("start-child")
    server.tell(op="signal", workerId="w1", signal=int(signal.SIGKILL))
    exited = {"event": "exited", "workerId": "w1", "pid": pid, "signal": "SIGKILL"}
    assert server.event() == exited
    wait_gone(child)
    server.tell(op="signal", workerId="w1", signal=int(signal.SIGKILL))  # too late, and ignored
    server.fork(host, "w1")  # the name is free again


def test_what_a_dead_worker_left_behind_is_ended_with_it(host: Host, server: ForkServer) -> None:
    server.fork(host, "w1")
    output, connection = admit_forked(host)
    child = connection.call("start-child", {"quiet": True})
    connection.send([0, 2, "segfault"])
    output.read_to_the_end()
    assert server.event()["signal"] == "SIGSEGV"
    wait_gone(child)


def test_sigterm_ends_a_worker_in_good_order(host: Host, server: ForkServer) -> None:
    server.fork(host, "w1")
    _, connection = admit_forked(host)
    connection.send([0, 1, "wait-at-gate"])
    server.tell(op="signal", workerId="w1", signal=int(signal.SIGTERM))
    assert server.event()["code"] == 0


def test_a_worker_inherits_no_descriptor_of_the_fork_server(host: Host, server: ForkServer) -> None:
    for worker_id in ("w1", "w2"):
        server.fork(host, worker_id)
        _, connection = admit_forked(host)
        seen = connection.call("process")
        open_now = {
            number: target
            for number, target in seen["descriptors"].items()
            if not target.startswith("/proc/")
        }
        assert open_now.pop("0") == "/dev/null"
        # Its frames, its output, and the two ends of what wakes it for a signal; nothing else.
        assert open_now.pop("1") == open_now.pop("2")
        assert len(open_now) == 3
        assert all(target.startswith("socket:") for target in open_now.values())
        assert seen["group"] == seen["pid"]
        assert seen["parent"] == server.process.pid
        assert seen["oom"] == 500
        assert seen["token"] is None


def test_no_descriptor_of_the_fork_server_or_its_host_reaches_a_worker(host: Host) -> None:
    read_end, write_end = os.pipe()  # as a host may leave open by mistake
    with ForkServer(pass_fds=(write_end,)) as server:
        os.close(write_end)
        assert server.event()["event"] == "ready"
        os.set_blocking(read_end, False)
        assert os.read(read_end, 1) == b""  # nobody holds the other end
        os.close(read_end)
        pid = server.fork(host, "w1")
        _, connection = admit_forked(host)
        connection.call("ping")
        assert open_files(pid) & open_files(server.process.pid) <= {"/dev/null"}


def open_files(pid: int) -> set[str]:
    files = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed while we looked
            files.add(os.readlink(entry))
    return files


SEEDED = "commands_for_tests,numpy"  # which imports its generators only when they are used


def draws(host: Host, server: ForkServer, seeds: list[int | None]) -> list[list[float]]:
    drawn = []
    for number, seed in enumerate(seeds):
        server.fork(host, f"w{number}", seed=seed)
        _, connection = admit_forked(host)
        drawn.append(connection.call("random"))
    return drawn


def test_the_same_seed_gives_the_same_numbers_in_another_run(host: Host) -> None:
    runs = []
    for _ in range(2):
        with ForkServer(preload=SEEDED) as server:
            assert server.event()["forkable"] is True
            runs.append(draws(host, server, [1, 2, None]))
    seeded = [random.Random(1).random(), float(numpy.random.RandomState(1).random_sample())]
    assert runs[0][0] == runs[1][0] == seeded
    assert runs[0][1] == runs[1][1] != runs[0][0]
    assert runs[0][2] != runs[1][2]


def test_numeric_libraries_get_the_threads_they_may_have_after_the_fork(host: Host) -> None:
    with ForkServer(preload="commands_for_threads,numpy", OPENBLAS_NUM_THREADS="3") as server:
        ready = server.event()
        assert ready["forkable"] is True, ready
        server.fork(host, "w1")
        _, connection = admit_forked(host)
        assert connection.call("openblas-threads") == [3]


def test_workers_draw_different_random_numbers(host: Host) -> None:
    with ForkServer(preload="commands_for_tests,numpy.random") as server:
        assert server.event()["forkable"] is True
        drawn = []
        for worker_id in ("w1", "w2", "w3"):
            server.fork(host, worker_id)
            _, connection = admit_forked(host)
            drawn += connection.call("random")
        assert len(set(drawn)) == 6


def test_many_workers_start_side_by_side(host: Host, server: ForkServer) -> None:
    for number in range(8):
        server.tell(op="fork", workerId=f"w{number}", address=host.address, token=host.token)
    connections = [host.accept() for _ in range(16)]
    assert [server.event()["event"] for _ in range(8)] == ["forked"] * 8
    hellos = [c for c in connections if c.hello["type"] == "hello"]
    assert {c.hello["workerId"] for c in hellos} == {f"w{n}" for n in range(8)}
    for connection in hellos:
        connection.welcome()
        assert connection.call("ping")["pong"] is True


def test_a_failed_preload_says_why_and_ends_with_code_3() -> None:
    with ForkServer(preload="no_such_module") as server:
        _, stderr = server.process.communicate()
        assert server.process.returncode == 3
        lines = stderr.decode().splitlines()
        assert lines[0].startswith("Traceback")
        assert lines[-1].endswith("ModuleNotFoundError: No module named 'no_such_module'")


def preload_module(directory: Path, source: str, **env: str) -> ForkServer:
    (directory / "preloaded.py").write_text(source)
    path = os.pathsep.join([str(directory), worker_env()["PYTHONPATH"]])
    return ForkServer(preload="preloaded", PYTHONPATH=path, **env)


def test_a_preload_that_starts_a_thread_is_named_and_nothing_is_forked(
    host: Host, tmp_path: Path
) -> None:
    source = """
import threading, time
threading.Thread(target=time.sleep, args=[3600], name="busy", daemon=True).start()
"""
    with preload_module(tmp_path, source) as server:
        ready = server.event()
        assert ready["forkable"] is False
        assert ready["reason"] == "importing preloaded left 1 thread(s) running (busy)"
        server.tell(op="fork", workerId="w1", address=host.address, token=host.token)
        event = server.event()
        assert (event["event"], event["workerId"]) == ("error", "w1")
        assert "cannot be forked" in event["message"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import asyncio\nasyncio._set_running_loop(asyncio.new_event_loop())",
            "importing preloaded left an event loop running",
        ),
        (
            # Stands in for torch, which no test machine has a CUDA device for.
            "import sys, types\ntorch = types.ModuleType('torch')\n"
            "torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)\n"
            "sys.modules['torch'] = torch",
            "importing preloaded initialised CUDA",
        ),
    ],
    ids=["event loop", "CUDA"],
)
def test_what_else_forbids_a_fork_is_named(tmp_path: Path, source: str, reason: str) -> None:
    with preload_module(tmp_path, source) as server:
        ready = server.event()
        assert (ready["forkable"], ready["reason"]) == (False, reason)


def test_the_module_that_is_to_blame_is_named_not_the_one_that_comes_after(tmp_path: Path) -> None:
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=[3600]).start()"
    (tmp_path / "culprit.py").write_text(source)
    path = os.pathsep.join([str(tmp_path), worker_env()["PYTHONPATH"]])
    with ForkServer(preload="json.tool,culprit,csv", PYTHONPATH=path) as server:
        assert server.event()["reason"].startswith("importing culprit left 1 thread(s)")


def test_what_a_preload_prints_does_not_disturb_the_protocol(tmp_path: Path) -> None:
    source = "import os\nprint('hello')\nos.write(1, b'there')\nos.system('echo outside')"
    with preload_module(tmp_path, source) as server:
        assert server.event()["event"] == "ready"
        server.process.stdin.close()  # type: ignore[union-attr]
        assert server.process.stderr is not None
        text = server.process.stderr.read()
        assert sorted(text.split()) == [b"hello", b"outside", b"there"] or b"outside" in text


@pytest.mark.parametrize(
    "message",
    [{"op": "dance", "workerId": "w1"}, {"op": "fork", "workerId": "w1"}, {"op": "fork"}],
    ids=str,
)
def test_a_command_it_does_not_understand_is_answered_by_an_error(
    server: ForkServer, message: dict[str, Any]
) -> None:
    server.tell(**message)
    event = server.event()
    assert event["event"] == "error"
    assert event["workerId"] == message.get("workerId")
    server.tell(op="signal", workerId="nobody", signal=15)
    server.tell(op="dance", workerId="w2")
    assert server.event()["workerId"] == "w2"


def test_a_worker_that_finds_no_host_is_reported(server: ForkServer) -> None:
    server.tell(op="fork", workerId="w1", address="unix:/no/such/socket", token="secret-token")
    assert server.event()["event"] == "forked"
    assert server.event()["code"] == 5
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.stderr is not None
    text = server.process.stderr.read()
    assert b"FileNotFoundError" in text
    assert b"secret-token" not in text


@pytest.mark.parametrize("how", ["stdin", "sigterm", "sigkill"])
def test_all_workers_end_with_their_fork_server(host: Host, server: ForkServer, how: str) -> None:
    pids = []
    for worker_id in ("w1", "w2"):
        pids.append(server.fork(host, worker_id))
        _, connection = admit_forked(host)
        connection.send([0, 1, "hold-interpreter"])
    if how == "stdin":
        assert server.process.stdin is not None
        server.process.stdin.close()
    else:
        server.process.send_signal(signal.SIGTERM if how == "sigterm" else signal.SIGKILL)
    server.process.wait(20)
    for pid in pids:
        wait_gone(pid)


OWNER = """
import os, subprocess, sys, time
os.environ["SNAKEPIT_OWNER_PID"] = str(os.getpid())
pipe = os.open(sys.argv[1], os.O_RDWR)
server = subprocess.Popen([sys.executable, "-m", "snakepit_bridge.fork_server"], stdin=pipe)
print(server.pid, flush=True)
time.sleep(3600)
"""


def test_it_ends_with_its_host_when_nothing_else_tells_it(tmp_path: Path) -> None:
    pipe = tmp_path / "never-ends"
    os.mkfifo(pipe)
    keep_open = os.open(pipe, os.O_RDWR)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(pipe)],
        stdout=subprocess.PIPE,
        env=worker_env(SNAKEPIT_PRELOAD=""),
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    ready = owner.stdout.readline()  # from the fork server, which shares the owner's stdout
    assert b'"ready"' in ready
    assert is_running(pid)
    end(owner)
    wait_gone(pid)
    os.close(keep_open)
