"""A small host: a real listener, the handshake, frames; and real worker processes."""

import contextlib
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormsgpack

HERE = Path(__file__).parent
# Long enough for a busy machine; a test that meets it has failed.
PATIENCE = 20.0
# The kind of record with which a worker says how short its calls are: no answer to any call.
PACE = 6
Record = list[Any]


class Connection:
    """The host's end of one worker's connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self.codec = "msgpack"
        self.hello: dict[str, Any] = {}
        self.acked = 0
        self.records: list[Record] = []
        self.paces: list[list[Any]] = []
        self.frames: list[list[Any]] = []

    def read_frame(self) -> bytes | None:
        header = self._exactly(4)
        return None if header is None else self._exactly(struct.unpack(">I", header)[0])

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not more:
                return None
            data += more
        return data

    def write_frame(self, document: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(document)) + document)

    def welcome(self, **changes: Any) -> None:  # noqa: ANN401
        answer = {"type": "welcome", "protocol": 1, "codec": self.codec, **changes}
        self.codec = answer["codec"]
        self.write_frame(json.dumps(answer).encode())

    def send(self, *records: Record) -> None:
        batch = [0, *records]
        data = ormsgpack.packb(batch) if self.codec == "msgpack" else json.dumps(batch).encode()
        self.write_frame(data)

    def receive(self) -> list[Any]:
        """One batch, also added to `records` and `acked`, and what it says of pace to `paces`."""
        document = self.read_frame()
        assert document is not None, "the worker hung up"
        batch: list[Any] = (
            ormsgpack.unpackb(document, ext_hook=lambda kind, data: (kind, data))
            if self.codec == "msgpack"
            else json.loads(document)
        )
        self.acked += batch[0]
        self.records += [record for record in batch[1:] if record[0] != PACE]
        self.paces += [record[2:] for record in batch[1:] if record[0] == PACE]
        self.frames.append(batch)
        return batch

    def wait_for(self, count: int = 1) -> list[Record]:
        """The next `count` records, in order."""
        while len(self.records) < count:
            self.receive()
        taken, self.records = self.records[:count], self.records[count:]
        return taken

    def answer_to(self, call_id: int) -> Record:
        """The record that settles this call; others stay where they are."""
        while True:
            for record in self.records:
                if record[1] == call_id and record[0] != 2:
                    self.records.remove(record)
                    return record
            self.receive()

    def call(self, command: str, args: Any = None, call_id: int = 1) -> Any:  # noqa: ANN401
        self.send([0, call_id, command, args])
        kind, _, value = self.answer_to(call_id)
        if kind == 1:
            raise RemoteError(value)
        return value

    def read_to_the_end(self) -> bytes:
        """For an output connection: all that was printed."""
        return b"".join(iter(lambda: self.socket.recv(4096), b""))

    def is_hung_up(self) -> bool:
        """Waits for the end of the connection, whatever comes before it."""
        while self.read_frame() is not None:
            pass
        return True


class RemoteError(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error

    @property
    def code(self) -> str | None:
        return self.error.get("code")


class Host:
    """Listens in a private directory. `with Host() as host`."""

    token = "secret-token"

    def __enter__(self) -> "Host":
        self._stack = contextlib.ExitStack()
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sp-"))
        self.path = os.path.join(directory, "s")
        self.listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.listener.settimeout(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def address(self) -> str:
        return f"unix:{self.path}"

    def environment(self) -> dict[str, str]:
        return {
            "SNAKEPIT_ADDRESS": self.address,
            "SNAKEPIT_WORKER_ID": "w1",
            "SNAKEPIT_TOKEN": self.token,
            "SNAKEPIT_PRELOAD": "commands_for_tests",
        }

    def spawn(self, *, env: dict[str, str] | None = None, **changes: Any) -> subprocess.Popen[str]:  # noqa: ANN401
        """A worker whose stdin we hold. Killed and reaped at the end of the host."""
        process = subprocess.Popen(
            [sys.executable, "-m", "snakepit_bridge"],
            stdin=subprocess.PIPE,
            stdout=changes.pop("stdout", subprocess.DEVNULL),
            stderr=changes.pop("stderr", None),
            text=True,
            env=worker_env(**{**self.environment(), **(env or {})}),
            **changes,
        )
        self._stack.callback(end, process)
        return process

    def accept(self) -> Connection:
        """A connection whose first frame has been read."""
        accepted, _ = self.listener.accept()
        connection = Connection(accepted)
        self._stack.callback(accepted.close)
        first = connection.read_frame()
        assert first is not None
        connection.hello = json.loads(first)
        return connection

    def admit(self, **changes: Any) -> Connection:  # noqa: ANN401
        connection = self.accept()
        assert connection.hello["type"] == "hello"
        assert connection.hello["token"] == self.token
        connection.welcome(**changes)
        return connection

    @contextlib.contextmanager
    def worker(self, **env: str) -> Iterator[Connection]:
        process = self.spawn(env=env)
        yield self.admit()
        assert process.poll() is None, "the worker died in the middle of the test"


class ForkServer:
    """A real fork server of ours, spoken to in lines of JSON."""

    def __init__(
        self, *, preload: str = "commands_for_tests", pass_fds: tuple[int, ...] = (), **env: str
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snakepit_bridge.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_env(SNAKEPIT_PRELOAD=preload, **env),
            pass_fds=pass_fds,
        )
        self._rest = b""
        self._selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        self._selector.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        end(self.process)

    def tell(self, **message: Any) -> None:  # noqa: ANN401
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def fork(self, host: Host, worker_id: str, **changes: Any) -> int:  # noqa: ANN401
        self.tell(
            **{
                "op": "fork",
                "workerId": worker_id,
                "address": host.address,
                "token": host.token,
                **changes,
            }
        )
        event = self.event()
        assert event["event"] == "forked", event
        assert event["workerId"] == worker_id
        return int(event["pid"])

    def event(self) -> dict[str, Any]:
        """The next one. Fails when the fork server has ended."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            assert self._selector.select(PATIENCE), "the fork server says nothing"
            data = os.read(self.process.stdout.fileno(), 65_536)
            assert data, "the fork server has ended"
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        event: dict[str, Any] = json.loads(line)
        return event


def admit_forked(host: Host) -> tuple[Connection, Connection]:
    """The output connection, which comes first, and the one of the frames."""
    output = host.accept()
    assert output.hello["type"] == "output"
    return output, host.admit()


def worker_env(**extra: str) -> dict[str, str]:
    path = os.pathsep.join([str(HERE), str(HERE.parent / "src")])
    owner = {"SNAKEPIT_OWNER_PID": str(os.getpid())}
    return {**os.environ, "PYTHONPATH": path, **owner, **extra}


def end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def wait_gone(pid: int) -> None:
    """Until a process that is not our child is gone, or a zombie that nobody has reaped yet."""
    until = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"
