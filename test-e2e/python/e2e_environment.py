"""Commands that tell in what kind of process a worker runs."""

import ctypes
import os
import random
import sys
from pathlib import Path
from typing import Any

from snakepit_bridge import Context, command


@command("env.parent")
def parent() -> int:
    return os.getppid()


@command("env.variable")
def variable(name: str) -> str | None:
    return os.environ.get(name)


@command("env.draw")
def draw() -> list[float]:
    """Random numbers of every generator that the preload has imported."""
    numbers = [random.random()]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numbers.append(float(numpy.random.random()))
    return numbers


@command("env.openblas_threads")
def openblas_threads() -> list[int]:
    """Of each OpenBLAS in this process, as it says itself."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}
    names = ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads")
    libraries = [ctypes.CDLL(path) for path in sorted(paths)]
    return [getattr(lib, name)() for lib in libraries for name in names if hasattr(lib, name)]


@command("env.rebuild")
def rebuild(ctx: Context, values: list[str]) -> None:
    rebuilt[ctx.session_id or ""] = values


@command("env.rebuilt")
def what_was_rebuilt(ctx: Context) -> list[str] | None:
    return rebuilt.get(ctx.session_id or "")


rebuilt: dict[str, list[str]] = {}
