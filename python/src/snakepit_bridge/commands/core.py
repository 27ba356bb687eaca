"""What a host asks of any worker."""

import os
import platform
import resource
import sys
import time
from typing import Any

from snakepit_bridge.context import Context
from snakepit_bridge.registry import command, registry
from snakepit_bridge.version import versions


@command("ping")
def ping() -> dict[str, Any]:
    """That a handler can run now, and this machine's wall clock in ms since 1970."""
    return {"pong": True, "timeMs": int(time.time() * 1000)}


@command("echo")
def echo(**anything: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the wire carries
    """Its own arguments."""
    return anything


@command("info")
def info() -> dict[str, Any]:
    """About this process: versions, commands, memory."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "pid": os.getpid(),
        "workerId": os.environ.get("SNAKEPIT_WORKER_ID"),
        "executable": sys.executable,
        "platform": platform.platform(),
        "versions": versions(),
        "commands": registry.names(),
        "modules": len(sys.modules),
        "peakMemoryBytes": usage.ru_maxrss * unit,
        "cpuSeconds": usage.ru_utime + usage.ru_stime,
    }


@command("sleep")
def sleep(ctx: Context, seconds: float) -> float:
    """Waits, and ends early when it is cancelled; to try out timeouts. Returns the seconds."""
    ctx.sleep(seconds)
    return seconds
