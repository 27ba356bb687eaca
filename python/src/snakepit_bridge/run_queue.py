"""How long a thread of this process has waited for a processor, as the kernel counts it."""

from pathlib import Path


def waited_seconds(native_id: int) -> float | None:
    """In all, since the thread began; None where the kernel does not say (macOS, some containers).

    The second number of `schedstat`: nanoseconds on a run queue (Linux,
    Documentation/scheduler/sched-stats.rst). Reading it takes about 20 µs.
    """
    try:
        numbers = Path(f"/proc/self/task/{native_id}/schedstat").read_bytes().split()
        return int(numbers[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
