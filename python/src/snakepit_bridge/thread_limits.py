"""How many threads numeric libraries may have in a worker, although they were loaded before it.

OpenMP and MKL start their threads when they first have work. OpenBLAS starts them as it is loaded,
which would forbid a fork; so the fork server loads it with one, and each worker gives it the rest.
"""

import contextlib
import ctypes
import os
from pathlib import Path

OPENBLAS = "OPENBLAS_NUM_THREADS"
# As numpy's and scipy's wheels call it, and as distributions do.
SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def hold_back() -> int:
    """Lets OpenBLAS have one thread from now on; returns how many workers may have."""
    limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    for name in limits:
        os.environ.setdefault(name, "1")
    wanted = os.environ.get(OPENBLAS, "1")
    os.environ[OPENBLAS] = "1"
    return int(wanted) if wanted.isdecimal() else 1


def allow(threads: int) -> None:
    """In a worker: for what is loaded already, and for what will be."""
    if threads == 1:
        return
    os.environ[OPENBLAS] = str(threads)
    for path in loaded_openblas():
        library = ctypes.CDLL(path)
        for name in SETTERS:
            with contextlib.suppress(AttributeError):  # it is called otherwise here
                getattr(library, name)(ctypes.c_int(threads))
                break


def loaded_openblas() -> list[str]:
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:  # not Linux
        return []
    paths = {line.split(maxsplit=5)[-1] for line in lines if "/" in line}
    return sorted(path for path in paths if "openblas" in os.path.basename(path))
