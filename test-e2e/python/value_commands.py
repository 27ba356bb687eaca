"""What Python sees of the values that it gets: `proto/values.json`."""

import dataclasses
import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "proto"))

import numpy
import pyarrow
import pydantic
import value_cases

from snakepit_bridge import command


@command("e2e.describe")
def describe(value: Any) -> dict[str, str]:  # noqa: ANN401
    return {"type": value_cases.class_name(value), "repr": repr(value)}


@command("e2e.compare")
def compare(value: Any, description: str) -> dict[str, Any]:  # noqa: ANN401
    """The value's class, whether it is what the description says, and the value itself."""
    expected = value_cases.built(json.loads(description))
    same = value_cases.same(expected, value)
    return {"type": value_cases.class_name(value), "same": same, "value": value}


@command("e2e.build")
def build(description: str) -> Any:  # noqa: ANN401
    return value_cases.built(json.loads(description))


@dataclasses.dataclass
class Point:
    x: float
    label: str = "p"


class Answer(pydantic.BaseModel):
    text: str
    points: list[Point] = []


class Opaque:
    """Of no form on the wire. Its `repr` is a trap."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        raise RuntimeError("nobody may ask for this")


class Pile(list[int]):
    def __len__(self) -> int:
        raise RuntimeError("nobody may ask for this either")


@command("e2e.answer")
def answer(text: str) -> Answer:
    return Answer(text=text, points=[Point(1.5)])


@command("e2e.take_answer")
def take_answer(answer: Answer, point: Point) -> str:
    return f"{type(answer).__name__} {answer.points[0].x} {type(point).__name__} {point.x}"


@command("e2e.opaque")
def opaque(secret: str = "s3cret") -> dict[str, Any]:
    return {"it": Opaque(secret), "pile": Pile([1, 2]), "ordered": OrderedDict(a=1)}


@command("e2e.secret_of")
def secret_of(it: Any) -> str:  # noqa: ANN401
    return str(it.secret)


@command("e2e.double_in_place")
def double_in_place(small: Any, big: Any, raw: bytes) -> dict[str, Any]:  # noqa: ANN401
    small *= 2
    big *= 2
    return {"small": small, "big": big, "raw": raw}


def big_list() -> list[Any]:
    numbers = numpy.arange(100_000, dtype="float64")
    table = pyarrow.table({"n": numbers})
    return [b"\x01" * 300_000, numbers, table, b"\x02" * 400_000, {1: numbers}]


@command("e2e.big_mixture")
def big_mixture() -> list[Any]:
    return big_list()


@command("e2e.big_mixture_is")
def big_mixture_is(items: list[Any]) -> bool:
    return all(map(value_cases.same, big_list(), items))


@command("e2e.endless_array")
def endless_array() -> Any:  # noqa: ANN401
    """Of 12 GB, in 4 bytes of memory."""
    return numpy.broadcast_to(numpy.float32(1), (3 << 30,))
