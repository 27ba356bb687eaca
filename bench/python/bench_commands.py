"""What the bridge's worker runs while it is measured. The peers do the same work."""

from collections.abc import Iterator
from typing import Any

from snakepit_bridge import command

CHUNK = "x" * 32


@command("add")
def add(a: int, b: int) -> int:
    return a + b


@command("count")
def count(chunks: int) -> Iterator[str]:
    for _ in range(chunks):
        yield CHUNK


@command("echo_array")
def echo_array(array: Any) -> Any:  # noqa: ANN401 - a NumPy array
    return array
