"""Preloaded by the workers of the tests."""

import asyncio
import contextvars
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import Any, Literal

from snakepit_bridge import BridgeError, Context, command, on_session_end

gate = threading.Event()
produced = 0
closed = threading.Event()
mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="fresh")
reused: dict[str, int] = {"n": 0}


@command("add")
def add(a: float, b: float) -> float:
    return a + b


@command("typed")
def typed(
    text: str, count: int = 1, mode: Literal["a", "b"] = "a", rows: list[float] | None = None
) -> list[Any]:
    return [text, count, mode, rows]


@command("open-gate")
def open_gate() -> None:
    gate.set()


@command("wait-at-gate")
def wait_at_gate() -> str:
    gate.wait()
    return "through"


@command("take-sigterm")
def take_sigterm() -> None:
    """The kernel gives this thread the signal, as it may when it has the choice."""
    time.sleep(0.3)  # the main thread sleeps by then; one that does not hears of it anyway
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    gate.wait()


@command("until-cancelled")
def until_cancelled(ctx: Context) -> None:
    ctx.log("info", "begun")
    ctx.sleep(3600)


@command("ignores-cancel")
def ignores_cancel(ctx: Context) -> str:
    ctx.log("info", "begun")
    while not ctx.cancelled:
        time.sleep(0.001)
    return "finished all the same"


@command("async-wait")
async def async_wait(ctx: Context) -> None:
    ctx.log("info", "begun")
    try:
        await asyncio.sleep(3600)
    finally:
        ctx.log("info", "cleaned up")


@command("async-add")
async def async_add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


@command("async-exit")
async def async_exit() -> None:
    raise SystemExit(3)


@command("context")
def context(ctx: Context) -> dict[str, Any]:
    remaining = ctx.remaining()
    return {
        "callId": ctx.call_id,
        "session": ctx.session_id,
        "command": ctx.command,
        "hasTime": remaining is not None and 0 < remaining <= 60,
        "unlimited": remaining is None,
    }


@command("fail")
def fail(message: str = "no luck") -> None:
    raise ValueError(message)


@command("refuse")
def refuse(details: Any = None) -> None:  # noqa: ANN401
    raise BridgeError("QUOTA_EXCEEDED", "too much", {"limit": 3})


@command("refuse-badly")
def refuse_badly() -> None:
    raise BridgeError("QUOTA_EXCEEDED", "too much", {"when": object()})


@command("exit")
def leave() -> None:
    sys.exit(3)


@command("bad-value")
def bad_value() -> dict[str, Any]:
    return {"items": [1, {"when": object()}]}


@command("surrogate")
def surrogate() -> str:
    return "\ud800"


@command("big")
def big(size: int) -> str:
    return "x" * size


@command("reused")
def reused_value() -> dict[str, int]:
    reused["n"] += 1
    return reused


@command("set-mark")
def set_mark(value: str) -> str:
    before = mark.get()
    mark.set(value)
    return before


@command("count")
def count(n: int, size: int = 0) -> Generator[Any, None, None]:
    global produced
    produced = 0
    closed.clear()
    try:
        for i in range(n):
            produced += 1
            yield "x" * size if size else i
    finally:
        closed.set()


@command("count-async")
async def count_async(n: int) -> AsyncGenerator[int, None]:
    global produced
    produced = 0
    closed.clear()
    try:
        for i in range(n):
            produced += 1
            yield i
    finally:
        closed.set()


@command("produced")
def how_many() -> int:
    return produced


@command("wait-closed")
def wait_closed() -> bool:
    return closed.wait(20)


@command("gated-chunks")
def gated_chunks() -> Iterator[str]:
    yield "first"
    gate.wait()
    yield "second"


@command("gated-chunks-async")
async def gated_chunks_async() -> AsyncGenerator[str, None]:
    yield "first"
    await asyncio.to_thread(gate.wait)
    yield "second"


@command("reused-chunks")
def reused_chunks() -> Iterator[list[int]]:
    chunk: list[int] = []
    for i in range(5):
        chunk.append(i)
        yield chunk


@command("breaks")
def breaks(bad: str) -> Iterator[Any]:
    yield 1
    if bad == "value":
        yield {"when": object()}
    raise ValueError("in the middle")


@command("both")
def both_call() -> str:
    return "called"


@command("both")
def both_stream() -> Iterator[str]:
    yield "streamed"


@command("random")
def random_numbers() -> list[float]:
    import numpy  # type: ignore[import-not-found, unused-ignore]

    return [random.random(), float(numpy.random.random())]


@command("segfault")
def segfault() -> None:
    print("about to fall", flush=True)
    ctypes.string_at(0)


@command("hold-interpreter")
def hold_interpreter() -> None:
    """Sleeps in C with the interpreter's lock held, so that no thread of ours can do anything."""
    ctypes.PyDLL(None).sleep(3600)


@command("hold-interpreter-then-wait")
def hold_interpreter_then_wait() -> None:
    """Long enough for the monitor to find, when it can look again, that nothing has come lately."""
    ctypes.PyDLL(None).usleep(200_000)
    gate.wait()


@command("start-child")
def start_child(quiet: bool = False) -> int:
    """`quiet`: one that does not hold our output open."""
    output = subprocess.DEVNULL if quiet else None
    return subprocess.Popen(["sleep", "3600"], stdout=output, stderr=output).pid


@command("process")
def process() -> dict[str, Any]:
    descriptors = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            descriptors[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
    return {
        "descriptors": descriptors,
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "parent": os.getppid(),
        "oom": int(Path("/proc/self/oom_score_adj").read_text()),
        "token": os.environ.get("SNAKEPIT_TOKEN"),
        "stdin": os.read(0, 1),
    }


@command("print")
def print_line(text: str) -> None:
    print(text)
    os.write(2, b"from fd 2\n")


@command("spin")
def spin(seconds: float) -> None:
    """Keeps the processor busy, as a computation does."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@command("beyond-64-bits")
def beyond_64_bits() -> int:
    return 2**70


@command("nap")
def nap(seconds: float, mark: str = "") -> str:
    time.sleep(seconds)
    return mark


@command("block-loop")
async def block_loop() -> str:
    gate.wait()
    return "through"


ran: list[str] = []


@command("async-echo")
async def async_echo(mark: str) -> str:
    ran.append(mark)
    return mark


@command("context-echo")
def context_echo(_: Context, mark: str) -> str:
    ran.append(mark)
    return mark


@command("marked-chunks")
def marked_chunks(mark: str, n: int) -> Iterator[str]:
    for i in range(n):
        yield f"{mark}#{i}"


@command("marked-chunks-async")
async def marked_chunks_async(mark: str, n: int) -> AsyncGenerator[str, None]:
    for i in range(n):
        yield f"{mark}#{i}"


@command("ran")
def what_ran() -> list[str]:
    return ran


class Overlap:
    """How many handlers run at once, as they see it themselves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


overlap = Overlap()


@command("overlap-plain")
def overlap_plain(seconds: float) -> None:
    with overlap:
        time.sleep(seconds)


@command("overlap-context")
def overlap_context(_: Context, seconds: float) -> None:
    with overlap:
        time.sleep(seconds)


@command("overlap-async")
async def overlap_async(seconds: float) -> None:
    with overlap:
        await asyncio.sleep(seconds)


@command("overlap-chunks")
def overlap_chunks(seconds: float) -> Iterator[int]:
    with overlap:
        time.sleep(seconds)
        yield 1


@command("overlap-chunks-async")
async def overlap_chunks_async(seconds: float) -> AsyncGenerator[int, None]:
    with overlap:
        await asyncio.sleep(seconds)
        yield 1


@command("thread")
def thread(seconds: float) -> str:
    time.sleep(seconds)
    return threading.current_thread().name


@command("overlap-most")
def overlap_most() -> int:
    return overlap.most


kept: dict[str, int] = {}


@command("keep")
def keep(ctx: Context) -> int:
    """How many calls of its session this worker remembers."""
    if ctx.session_id is None:
        return 0
    kept[ctx.session_id] = kept.get(ctx.session_id, 0) + 1
    return kept[ctx.session_id]


@command("kept-sessions")
def kept_sessions() -> list[str]:
    return sorted(kept)


@on_session_end
def forget(session_id: str) -> None:
    kept.pop(session_id, None)


@on_session_end
def complain(session_id: str) -> None:
    raise LookupError(f"what is {session_id}?")


@command("measure")
def measure(ctx: Context, measurements: Any = None, metadata: Any = None) -> None:  # noqa: ANN401
    ctx.telemetry("model-loaded", measurements, metadata)


@command("measure-badly")
def measure_badly(ctx: Context, what: str) -> None:
    if what == "text":
        ctx.telemetry("model-loaded", {"seconds": "many"})  # type: ignore[dict-item]
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    ctx.telemetry("model-loaded", {}, {"deep": deep, "when": object()})


@command("kind-and-echo")
def kind_and_echo(data: Any) -> list[Any]:  # noqa: ANN401
    return [type(data).__name__, data]


@command("size")
def size_of(data: bytes) -> int:
    return len(data)


@command("blobs")
def blobs(sizes: list[int]) -> list[bytes]:
    return [bytes(size) for size in sizes]


@command("blob-chunks")
def blob_chunks(sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield bytes(size)


@command("blob-chunks-async")
async def blob_chunks_async(sizes: list[int]) -> AsyncGenerator[bytes, None]:
    for size in sizes:
        yield bytes(size)


@command("one-blob")
def one_blob(size: int) -> bytes:
    return bytes(size)


@command("one-blob-async")
async def one_blob_async(size: int) -> bytes:
    return bytes(size)


reused_bytes = bytearray()


@command("reused-blob")
def reused_blob(size: int) -> bytearray:
    reused_bytes[:] = bytes(size)
    return reused_bytes


@command("change-reused-blob")
def change_reused_blob() -> None:
    reused_bytes[:] = b"x" * len(reused_bytes)


@command("same-blob-often")
def same_blob_often(size: int, times: int) -> list[bytearray]:
    return [bytearray(size)] * times


@command("resident-bytes")
def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
