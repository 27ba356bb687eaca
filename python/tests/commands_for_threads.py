"""Preloaded by the workers of the tests that ask how many threads a library may have."""

import ctypes

from snakepit_bridge import command, thread_limits

GETTERS = tuple(name.replace("_set_", "_get_") for name in thread_limits.SETTERS)


@command("openblas-threads")
def openblas_threads() -> list[int]:
    """Of each OpenBLAS in this process, as it says itself."""
    libraries = [ctypes.CDLL(path) for path in thread_limits.loaded_openblas()]
    return [
        next(int(getattr(one, name)()) for name in GETTERS if hasattr(one, name))
        for one in libraries
    ]
