"""Commands for the tests with torch."""

import sys

import torch  # type: ignore[import-not-found, unused-ignore]

from snakepit_bridge import command


@command("draw")
def draw() -> list[float]:
    drawn: list[float] = torch.rand(4).tolist()
    return drawn


@command("threads")
def threads() -> int:
    count: int = torch.get_num_threads()
    return count


@command("dtype")
def dtype(value: "torch.Tensor | None" = None) -> str:
    return "None" if value is None else str(value.dtype)


@command("has-numpy-array")
def has_numpy_array(value: object) -> bool:
    return isinstance(value, sys.modules["numpy"].ndarray)
