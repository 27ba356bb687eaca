"""Commands that misbehave in every way that the end-to-end tests ask for."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from snakepit_bridge import Context, command, on_session_end
from snakepit_bridge.values.refs import refs


@command("e2e.pid")
def pid() -> int:
    return os.getpid()


@command("e2e.sleep_async")
async def sleep_async(seconds: float, mark: str) -> str:
    """Writes into the file `mark` how it ended, and makes `mark`.began when it begins."""
    Path(f"{mark}.began").write_text("")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        Path(mark).write_text("cancelled")
        raise
    Path(mark).write_text("finished")
    return "slept"


@command("e2e.poll")
def poll(ctx: Context, mark: str) -> None:
    """A loop that looks whether its caller has gone."""
    Path(f"{mark}.began").write_text("")
    while not ctx.cancelled:
        time.sleep(0.001)
    Path(mark).write_text("cancelled")


@command("e2e.deaf")
def deaf(seconds: float) -> str:
    time.sleep(seconds)
    return "heard nothing"


@command("e2e.stubborn")
def stubborn(gate: str, seconds: float, mark: str) -> None:
    """Hears no cancel. Makes `mark`.began; it ends so long after somebody has made `gate`, and then
    makes `mark`."""
    Path(f"{mark}.began").write_text("")
    while not Path(gate).exists():
        time.sleep(0.001)
    time.sleep(seconds)
    Path(mark).write_text("ended")


@command("e2e.remaining")
def remaining(ctx: Context) -> float | None:
    return ctx.remaining()


@command("e2e.segfault")
def segfault() -> None:
    print("about to crash", flush=True)
    ctypes.string_at(0)


@command("e2e.exit")
def leave(code: int) -> None:
    os._exit(code)


@command("e2e.grandchild")
def grandchild() -> int:
    """A process of its own session, which no signal to the worker's group reaches."""
    return subprocess.Popen(["sleep", "300"], start_new_session=True).pid


@command("e2e.count")
def count(n: int, mark: str | None = None) -> Iterator[int]:
    try:
        yield from range(n)
    finally:
        if mark is not None:
            Path(mark).write_text("closed")


@command("e2e.count_async")
async def count_async(n: int) -> AsyncIterator[int]:
    for number in range(n):
        await asyncio.sleep(0)
        yield number


@command("e2e.fail")
def fail() -> None:
    raise ValueError("the answer is not 42")


@command("e2e.unserialisable")
def unserialisable() -> object:
    return {"items": [1, object()]}


@command("e2e.log")
def log(ctx: Context, message: str) -> None:
    ctx.log("warning", message)


produced = 0


@command("e2e.produce")
def produce(n: int) -> Iterator[int]:
    """As `e2e.count`, and `e2e.produced` tells how far it has got."""
    global produced
    for number in range(n):
        produced = number + 1
        yield number


@command("e2e.produced")
def how_far() -> int:
    return produced


@command("e2e.payload")
def payload(value: str) -> str:
    return value


@command("e2e.payload_context")
def payload_context(ctx: Context, value: str) -> str:
    ctx.check_cancelled()
    return value


@command("e2e.payload_async")
async def payload_async(value: str) -> str:
    await asyncio.sleep(0)
    return value


@command("e2e.payload_slow")
def payload_slow(value: str) -> str:
    time.sleep(0.004)
    return value


@command("e2e.payload_uneven")
def payload_uneven(value: str, seconds: float) -> str:
    """Short mostly, so that the worker believes it."""
    if seconds:
        time.sleep(seconds)
    return value


@command("e2e.payload_block")
async def payload_block(value: str) -> str:
    """Blocks the event loop, as a handler should not."""
    time.sleep(0.006)
    return value


@command("e2e.payload_chunks")
def payload_chunks(value: str, n: int) -> Iterator[str]:
    for number in range(n):
        yield f"{value}#{number}"


@command("e2e.payload_chunks_async")
async def payload_chunks_async(value: str, n: int) -> AsyncIterator[str]:
    for number in range(n):
        yield f"{value}#{number}"


remembered: dict[str, list[str]] = {}


@command("e2e.remember")
def remember(ctx: Context, value: str) -> list[str]:
    """What this worker has been told in the call's session."""
    values = [] if ctx.session_id is None else remembered.setdefault(ctx.session_id, [])
    values.append(value)
    return values


@command("e2e.session")
def session(ctx: Context) -> str | None:
    return ctx.session_id


@command("e2e.sessions")
def sessions() -> list[str]:
    return sorted(remembered)


@on_session_end
def forget(session_id: str) -> None:
    remembered.pop(session_id, None)


@command("e2e.measure")
def measure(ctx: Context) -> None:
    ctx.telemetry("model-loaded", {"seconds": 1.5}, {"model": "demo", "layers": [2, 3]})


@command("e2e.at_gate")
def at_gate(gate: str, number: int) -> int:
    """Short, unless there is a gate: then it waits until the file is there."""
    if gate:
        Path(f"{gate}.{number}").write_text("")
        while not Path(gate).exists():
            time.sleep(0.001)
    return number


@command("e2e.at_gate_async")
async def at_gate_async(gate: str) -> str:
    """Waits until the file is there, and hears a cancel. Each attempt leaves a line in
    `<gate>.attempts`."""
    with Path(f"{gate}.attempts").open("a") as attempts:
        attempts.write("began\n")
    while not Path(gate).exists():
        await asyncio.sleep(0.001)
    return "passed"


@command("e2e.cut")
def cut() -> None:
    """Ends this worker's connections to its host from below, as a broken network would."""
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            connection = socket.socket(fileno=os.dup(int(entry)))
            if connection.getpeername() and int(entry) > 2:
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@command("e2e.sizes")
def sizes(data: list[bytes]) -> list[int]:
    return [len(one) for one in data]


@command("e2e.blob")
def blob(size: int) -> bytes:
    return bytes(size)


@command("e2e.blobs")
def blobs(size: int, n: int) -> Iterator[dict[str, object]]:
    for index in range(n):
        yield {"index": index, "data": bytes([index % 256]) * size}


@command("e2e.medium")
def medium(n: int, size: int) -> list[bytes]:
    return [bytes([index % 256]) * size for index in range(n)]


@command("e2e.blobs_with_a_long_goodbye")
def blobs_with_a_long_goodbye(size: int, seconds: float, mark: str) -> Iterator[bytes]:
    """Makes `mark` when it is asked for its second chunk."""
    try:
        yield bytes(size)
        Path(mark).write_text("")
        while True:
            yield bytes(size)
    finally:
        time.sleep(seconds)


@command("e2e.blob_and_death")
def blob_and_death(size: int, once: str) -> bytes:
    """Unless the file `once` is there: says in it who we are, waits for a file `<once>.go`, and
    dies in the middle of its answer, for a host that reads nothing from then on."""
    if not Path(once).exists():
        Path(f"{once}.new").write_text(str(os.getpid()))
        Path(f"{once}.new").rename(once)
        while not Path(f"{once}.go").exists():
            time.sleep(0.005)
        threading.Thread(target=die_with_bytes_unread).start()
    return bytes(size)


def die_with_bytes_unread() -> None:
    """More than what is sent beside an answer, less than a gRPC peer takes without a word."""
    while most_unread_bytes() < 16 * 1024:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


def most_unread_bytes() -> int:
    """What this worker has sent over one of its connections and the host has not read."""
    most = 0
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            waiting = fcntl.ioctl(int(entry), termios.TIOCOUTQ, bytes(4))
            most = max(most, int.from_bytes(waiting, sys.byteorder))
    return most


@command("e2e.big_chunks")
def big_chunks(mark: str, n: int, size: int) -> Iterator[list[object]]:
    for number in range(n):
        yield [mark, number, bytes(size)]


@command("e2e.big_chunks_async")
async def big_chunks_async(mark: str, n: int, size: int) -> AsyncIterator[list[object]]:
    for number in range(n):
        await asyncio.sleep(0)
        yield [mark, number, bytes(size)]


@command("e2e.big_chunk")
def big_chunk(mark: str, n: int, size: int) -> list[object]:
    """Read as a stream, it has one chunk."""
    return [mark, n, bytes(size)]


@command("e2e.big_chunk_async")
async def big_chunk_async(mark: str, n: int, size: int) -> list[object]:
    return [mark, n, bytes(size)]


class Kept:
    """Has no form on the wire."""


@command("e2e.objects_kept")
def objects_kept() -> int:
    return len(refs)


@command("e2e.kept_beside")
def kept_beside(size: int, binary: bool) -> dict[str, object]:
    """An object beside data that is found only when it is packed."""
    data: object = bytes(size) if binary else "x" * size
    return {"kept": Kept(), "a": {"b": {"c": {"d": {"e": data}}}}}


@command("e2e.kept_late")
def kept_late(ctx: Context, mark: str) -> Kept:
    """Answers when its caller has gone."""
    Path(mark).write_text("began")
    while not ctx.cancelled:
        time.sleep(0.001)
    return Kept()


@command("e2e.kept_late_async")
async def kept_late_async(ctx: Context, mark: str) -> Kept:
    Path(mark).write_text("began")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(3600)
    return Kept()
