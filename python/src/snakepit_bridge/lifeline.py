"""The worker ends when its host does. Several guards, because each has a case that it misses: the
signal is Linux only, the end of a pipe is not read while C code holds the interpreter's lock."""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
from typing import NoReturn

PR_SET_PDEATHSIG = 1

# Exit codes, for the host's log.
HOST_GONE = 0
PRELOAD_FAILED = 3
BAD_FRAME = 4
NOT_ADMITTED = 5
LEASE_OVER = 6


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent ends. Exits at once if that was so before
    the kernel knew. Linux only; elsewhere it does nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid and not _is_alive(parent_pid):
        os._exit(HOST_GONE)


def owner_pid() -> int:
    """The host's process, as it says itself; else whoever started us."""
    return int(os.environ.get("SNAKEPIT_OWNER_PID") or os.getppid())


def exit_at_end_of_stdin() -> None:
    """Keeps a private copy of stdin and leaves user code an empty one, so that neither `input()`
    nor a subprocess reads the lifeline. The process ends when it does, whatever runs."""
    lifeline = os.dup(0)
    redirect_stdin()

    def watch() -> None:
        try:
            while os.read(lifeline, 4096):
                pass
        finally:
            os._exit(HOST_GONE)

    threading.Thread(target=watch, name="snakepit-lifeline", daemon=True).start()


def redirect_stdin() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def exit_on_signals() -> None:
    """SIGTERM ends the worker at once: the host has drained it before it asks. Ctrl-C is the
    host's business, which shares our terminal; ignored by a handler rather than SIG_IGN, which
    subprocesses would inherit."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(HOST_GONE))
    signal.signal(signal.SIGINT, lambda *_: None)


def leave_at_end_of_lease(seconds: float) -> NoReturn:
    """At once: the host is about to have somebody else serve in our place."""
    text = (
        f"snakepit_bridge: nothing was heard from the host for {seconds:g} s: the lease is over\n"
    )
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
    os._exit(LEASE_OVER)


class Ending:
    """An event that its waiter hears of together with signals.

    On `threading.Event` the main thread sleeps through a signal that the kernel gives to another
    thread, or that comes just as it falls asleep: Python runs handlers on the main thread only,
    and nothing wakes it. Here it sleeps on a socket that the signal writes to.
    """

    def __init__(self) -> None:
        self._wakes, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)
        self._has_come = False

    def set(self) -> None:
        self._has_come = True
        with contextlib.suppress(BlockingIOError):  # full: then it is awake
            self._wakeup.send(b"\0")

    def clear(self) -> None:
        """So that it can come again."""
        self._has_come = False

    def wait(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        while not self._has_come:
            self._wakes.recv(64)


def _is_alive(pid: int) -> bool:
    """A wrapper, such as `uv run`, may stand between the host and us."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
