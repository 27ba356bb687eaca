"""What a worker does between `fork` and its first frame, so that nothing of its fork server is
left in it."""

import contextlib
import faulthandler
import json
import os
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from snakepit_bridge import lifeline, seeding, thread_limits, worker

# Of the kernel's 0 to 1000: when memory runs out, it takes a worker and not the fork server,
# with which all workers die.
OOM_SCORE = "500"


@dataclass(frozen=True, slots=True)
class Upbringing:
    """What a child needs to know to leave its fork server behind."""

    output: str | None
    """Where its stdout and stderr go; None: where the fork server's go."""
    server_pid: int
    descriptors: tuple[int, ...]
    """The fork server's own, besides the standard ones."""
    threads: int
    seed: int | None


def become_worker(identity: worker.Identity, upbringing: Upbringing) -> NoReturn:
    """The order matters: first the guards, then what may fail. Never returns to the fork server's
    code, whatever happens."""
    try:
        lifeline.die_with_parent(upbringing.server_pid)
        signal.set_wakeup_fd(-1)
        # Else the worker would read the fork server's commands and hide its death from the host.
        for descriptor in upbringing.descriptors:
            os.close(descriptor)
        lifeline.redirect_stdin()
        prefer_for_out_of_memory()
        os.setsid()  # a group of its own, which can be killed with all that it started
        if upbringing.output is not None:
            connect_output(upbringing.output, identity)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        lifeline.exit_on_signals()
        faulthandler.enable()
        thread_limits.allow(upbringing.threads)
        seeding.reseed(upbringing.seed)
        os.environ["SNAKEPIT_WORKER_ID"] = identity.worker_id
    except BaseException as error:
        traceback.print_exception(error)
        worker.leave(lifeline.NOT_ADMITTED)
    worker.serve(identity)


def prefer_for_out_of_memory() -> None:
    # Not Linux, or not allowed in this container: then the kernel chooses by itself.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def connect_output(address: str, identity: worker.Identity) -> None:
    """Makes a connection of its own this worker's stdout and stderr, also for C code."""
    hello = {"type": "output", "workerId": identity.worker_id, "token": identity.token}
    document = json.dumps(hello).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address.removeprefix("unix:"))
        connection.sendall(struct.pack(">I", len(document)) + document)
        for descriptor in (1, 2):
            os.dup2(connection.fileno(), descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
