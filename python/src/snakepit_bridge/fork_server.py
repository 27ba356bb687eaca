"""`python -m snakepit_bridge.fork_server`: imports once, then forks workers in milliseconds.

Controlled by lines of JSON on stdin and stdout. Single-threaded, and runs nobody's code after the
preload: whatever a thread holds at the moment of a fork would be held in the child for ever.
"""

import asyncio
import contextlib
import gc
import json
import os
import select
import signal
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from snakepit_bridge import forked, lifeline, thread_limits, worker
from snakepit_bridge.version import versions


def main() -> None:
    lifeline.die_with_parent(lifeline.owner_pid())
    close_inherited()
    control = take_over_stdout()
    threads = thread_limits.hold_back()
    # Otherwise LiteLLM downloads a price list when it is imported.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    reason = preload(os.environ.get("SNAKEPIT_PRELOAD", ""))
    server = ForkServer(control, reason, threads)
    # What exists now is never collected, so that no collection in a child copies its pages.
    gc.collect()
    gc.freeze()
    server.run()


def close_inherited() -> None:
    """What the host, or whoever has started it, has left open by mistake: with it here and in every
    worker, its other end would never see its end. What Python opens itself is not inheritable."""
    with contextlib.suppress(OSError):  # not Linux: nothing is forked there
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # the one that the list itself was read with
                if descriptor > 2 and os.get_inheritable(descriptor):
                    os.close(descriptor)


def take_over_stdout() -> int:
    """The protocol owns stdout: a private copy of it; what anyone prints goes to stderr."""
    control = os.dup(1)
    os.dup2(2, 1)
    return control


def preload(names: str) -> str | None:
    """Imports the modules; returns why this process must not be forked, if it must not."""
    reason = None
    # The event loop is ours and cheap here; each worker would need 0.05 s for it.
    for name in (
        "snakepit_bridge.event_loop",
        "snakepit_bridge.commands",
        *worker.module_names(names),
    ):
        try:
            import_module(name)
        except BaseException as error:  # SystemExit too, as of a module that checks its licence
            worker.preload_failed(error)
        reason = reason or unforkable(name)
    return reason


def unforkable(module: str) -> str | None:
    """What makes a fork unsafe after this import."""
    torch: Any = sys.modules.get("torch")
    # First, as CUDA has threads of its own, of which less can be said.
    if torch is not None and torch.cuda.is_initialized():
        return f"importing {module} initialised CUDA"
    threads = count_threads()
    if threads > 1:
        names = ", ".join(t.name for t in threading.enumerate() if t is not threading.main_thread())
        known = f" ({names})" if names else ""
        return f"importing {module} left {threads - 1} thread(s) running{known}"
    if asyncio._get_running_loop() is not None:
        return f"importing {module} left an event loop running"
    if torch is not None and loses_cuda(torch):
        return f"importing {module} asked for CUDA devices, so that no child could use them"
    return None


def loses_cuda(torch: Any) -> bool:  # noqa: ANN401 - the module
    """`torch.cuda.is_available()` is enough to make CUDA refuse to work in whatever is forked then,
    and only what is forked can tell."""
    refuses = getattr(torch.cuda, "_is_in_bad_fork", None)
    if refuses is None:
        return False
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = int(refuses())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def count_threads() -> int:
    """Of the operating system's, as C libraries start some that Python does not know."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:  # not Linux
        return threading.active_count()


@dataclass(frozen=True, slots=True)
class Child:
    worker_id: str
    pid: int


class ForkServer:
    def __init__(self, control: int, reason: str | None, threads: int) -> None:
        """`reason` says why no worker can be forked, None if one can; `threads` is how many
        OpenBLAS may have in a worker."""
        self._control = control
        self._reason = reason
        self._threads = threads
        self._children: dict[str, Child] = {}
        self._input = b""
        # Written to by the interpreter when a signal comes, so that `poll` returns.
        self._wakeup, self._wakeup_end = os.pipe()
        self._ends = False

    def run(self) -> NoReturn:
        for end in (self._wakeup, self._wakeup_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the host's business
        self._announce()
        waiting = select.poll()
        waiting.register(0, select.POLLIN)
        waiting.register(self._wakeup, select.POLLIN)
        while not self._ends:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            if self._wakeup in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, 4096)
            # Deaths first: a signal must not go to a worker that is known to be gone.
            self._reap()
            if 0 in ready:
                self._read_commands()
        self._kill_all()
        os._exit(lifeline.HOST_GONE)

    def _announce(self) -> None:
        event = {"event": "ready", "pid": os.getpid(), "versions": versions()}
        if self._reason is None:
            self._emit({**event, "forkable": True})
        else:
            self._emit({**event, "forkable": False, "reason": self._reason})

    def _read_commands(self) -> None:
        data = os.read(0, 65_536)
        if not data:
            self._ends = True
            return
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._obey(line)

    def _obey(self, line: bytes) -> None:
        worker_id = None
        try:
            message = json.loads(line)
            worker_id = message["workerId"]
            operation = message["op"]
            if operation == "fork":
                self._fork(message)
            elif operation == "signal":
                self._signal(worker_id, int(message["signal"]))
            else:
                raise ValueError(f"unknown op {operation!r}")
        except Exception as error:  # told to the host, which knows what it meant
            # The line itself stays out of it: it may hold a token.
            text = f"{type(error).__name__}: {error}"
            self._emit({"event": "error", "workerId": worker_id, "message": text})

    def _fork(self, message: dict[str, Any]) -> None:
        if self._reason is not None:
            raise RuntimeError(f"this process cannot be forked: {self._reason}")
        worker_id = message["workerId"]
        if worker_id in self._children:
            raise ValueError(f"worker {worker_id} is running already")
        identity = worker.Identity(
            worker_id=worker_id,
            address=message["address"],
            token=message["token"],
            concurrency=message.get("concurrency") or worker.concurrency(),
        )
        upbringing = forked.Upbringing(
            output=message.get("output") or default_output(identity.address),
            server_pid=os.getpid(),
            descriptors=(self._control, self._wakeup, self._wakeup_end),
            threads=self._threads,
            seed=message.get("seed"),
        )
        # Text that waits in a buffer would be printed by both.
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            forked.become_worker(identity, upbringing)
        self._children[worker_id] = Child(worker_id, pid)
        self._emit({"event": "forked", "workerId": worker_id, "pid": pid})

    def _signal(self, worker_id: str, number: int) -> None:
        child = self._children.get(worker_id)
        if child is not None:  # else it is reaped, and its pid may be someone else's
            signal_group(child.pid, number)

    def _reap(self) -> None:
        for child in list(self._children.values()):
            # Without reaping first: while it is a zombie its pid, which is its group's, is its own.
            status = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if status is None:
                continue
            signal_group(child.pid, signal.SIGKILL)  # what it started and left behind
            os.waitpid(child.pid, 0)
            del self._children[child.worker_id]
            self._emit(
                {"event": "exited", "workerId": child.worker_id, "pid": child.pid}
                | exit_report(status.si_code, status.si_status)
            )

    def _kill_all(self) -> None:
        for child in self._children.values():
            signal_group(child.pid, signal.SIGKILL)

    def _end(self, *_: object) -> None:
        self._ends = True

    def _emit(self, event: dict[str, Any]) -> None:
        data = json.dumps(event).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._control, data) :]
        except OSError:
            self._ends = True  # the host has gone


def default_output(address: str) -> str | None:
    """Where a worker's own stdout and stderr go: the socket of its frames. gRPC has no room for
    raw bytes, so such a worker prints to the fork server's stderr unless told otherwise."""
    return address if address.startswith("unix:") else None


def signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        # The child has not come to its `setsid` yet, or nobody but a zombie is left.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:
        pass  # macOS says so of a group of zombies


def exit_report(how: int, status: int) -> dict[str, Any]:
    if how == os.CLD_EXITED:
        return {"code": status}
    try:
        return {"signal": signal.Signals(status).name}
    except ValueError:  # a real-time signal
        return {"signal": f"SIG{status}"}


if __name__ == "__main__":
    main()
