"""What JavaScript sends where a handler's annotation names a class."""

import datetime
import decimal
import enum
import pathlib
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pydantic
import pytest

from snakepit_bridge.arguments import check_for
from snakepit_bridge.errors import BridgeError

UUID_TEXT = "c0ffee00-0000-4000-8000-00000000abcd"


class Colour(enum.Enum):
    RED = "r"


@dataclass
class Node:
    x: float
    when: datetime.date | None = None
    children: "list[Node]" = field(default_factory=list)


@dataclass
class Positive:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n must not be negative")


class Model(pydantic.BaseModel):
    text: str = pydantic.Field(alias="theText", default="")
    points: list[int] = []


def checked(annotation: object, value: object) -> Any:  # noqa: ANN401
    check = check_for(annotation)
    assert check is not None
    return check(value, "a")


@pytest.mark.parametrize(
    ("annotation", "value", "wanted"),
    [
        (datetime.date, "2024-02-29", datetime.date(2024, 2, 29)),
        (datetime.time, "09:30", datetime.time(9, 30)),
        (datetime.datetime, "2024-02-29T00:00:00", datetime.datetime(2024, 2, 29)),
        (datetime.timedelta, datetime.timedelta(1), datetime.timedelta(1)),
        (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
        (decimal.Decimal, 2, decimal.Decimal(2)),
        (uuid.UUID, UUID_TEXT, uuid.UUID(UUID_TEXT)),
        (pathlib.Path, "/tmp", pathlib.Path("/tmp")),
        (complex, 1.5, 1.5 + 0j),
        (Colour, "r", Colour.RED),
        (Colour, "RED", Colour.RED),
        (Colour, Colour.RED, Colour.RED),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[float, ...], (1, 2), (1.0, 2.0)),
        (tuple[int, ...], [], ()),
        (tuple, [1], (1,)),
        (set[int], [1, 2], {1, 2}),
        (set[decimal.Decimal], {"1.5"}, {decimal.Decimal("1.5")}),
        (frozenset[str], {"a"}, frozenset("a")),
        (dict[str, list[uuid.UUID]], {"k": [UUID_TEXT]}, {"k": [uuid.UUID(UUID_TEXT)]}),
        (dict[int, str], {1: "a"}, {1: "a"}),
        (uuid.UUID | None, None, None),
        (uuid.UUID | None, UUID_TEXT, uuid.UUID(UUID_TEXT)),
        (float | int, 1, 1),
        (float | None, 1, 1.0),
        (float | str | None, None, None),
        (Node | Model, {"text": "t"}, Model(theText="t")),
        (uuid.UUID | str, UUID_TEXT, UUID_TEXT),
        (Node, {"x": 1, "children": [{"x": 2, "when": "2024-02-29"}]}, None),
        (Model, {"theText": "t", "points": [1]}, Model(theText="t", points=[1])),
        # As the reply has it that was a model, by the names in Python.
        (Model, {"text": "t"}, Model(theText="t")),
        (list[Model], [Model()], [Model()]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_becomes_what_the_annotation_says(
    annotation: object, value: object, wanted: object
) -> None:
    if annotation is Node:
        wanted = Node(1.0, None, [Node(2.0, datetime.date(2024, 2, 29))])
    arrived = checked(annotation, value)
    assert arrived == wanted
    assert type(arrived) is type(wanted)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (datetime.date, datetime.datetime(2024, 1, 1), "a must be date, not datetime"),
        (datetime.datetime, "yesterday", "a must be a datetime as text such as 2024"),
        (datetime.timedelta, 5, "a must be timedelta, not int"),
        (float, 10**400, "a must be float, not an int beyond its range"),
        (decimal.Decimal, "1,5", "a must be a Decimal as text such as 1.50, not another str"),
        (decimal.Decimal, 1.5, "a must be Decimal, not float"),
        (uuid.UUID, 7, "a must be UUID, not int"),
        (Colour, "green", "a must be RED, not another str"),
        (tuple[int, str], [1], "a must be tuple of 2, not list of 1"),
        (tuple[int, ...], [1, "x"], r"a\[1\] must be int, not str"),
        (
            set[int],
            [1, 1],
            "a must be set of different values, not list whose item 1 was there before",
        ),
        (set, [[1]], "a must be set of hashable values, not list"),
        (dict[int, str], {"1": "a"}, r"a\[0\] must be int, not str"),
        (dict[str, list[uuid.UUID]], {"k k": ["x"]}, r'a\["k k"\]\[0\] must be UUID'),
        (Node, {"children": []}, "a is no Node, which needs x"),
        (Node, {"x": 1, "y": 2}, "a is no Node, which has no y"),
        (Node, {"x": 1, "children": [{"x": "1"}]}, r"a.children\[0\].x must be float, not str"),
        (Node, [1], "a must be Node, not list"),
        (Positive, {"n": -1}, "a is no Positive: n must not be negative"),
        (Model, {"points": ["secret"]}, "a.points.0: Input should be a valid integer"),
        (Model, 5, "a: Input should be a valid dictionary"),
        (Node | None, {"x": "1"}, r"a\.x must be float, not str"),
        (
            set[int] | None,
            [1, 1],
            "a must be set of different values, not list whose item 1 was there before",
        ),
        (datetime.date | None, "yesterday", "a must be a date as text such as 2024-02-29, not"),
        (list[int | None], [1, None, "2"], r"a\[2\] must be int, not str"),
        (Annotated[int, "n"] | None, "2", "a must be int, not str"),
        (Literal["a"] | None, "b", "a must be 'a', not 'b'"),
        # Only one member is a map, or a list: what it says is what is wrong.
        (Node | str, {"x": "1"}, r"a\.x must be float, not str"),
        (Model | list[int] | None, {"points": ["x"]}, r"a\.points\.0: Input should be"),
        (Model | list[int] | None, [1, "2"], r"a\[1\] must be int, not str"),
        (Node | Model, {"x": "1", "points": 5}, "a must be Node or Model, not dict"),
        (int | str | None, 1.5, "a must be int or str or None, not float"),
        (Literal["a", "b"], "c", "a must be 'a' or 'b', not 'c'"),
        (Literal["a", "b"], "'\n", r"""a must be 'a' or 'b', not "'\\n"$"""),
        (Literal["a", "b"], "c" * 51, f"not '{'c' * 50}…'$"),
        (Literal["a", "b"], ["secret"], "a must be 'a' or 'b', not list"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_does_not_fit_is_refused_before_the_handler_begins(
    annotation: object, value: object, message: str
) -> None:
    with pytest.raises(BridgeError, match=message) as caught:
        checked(annotation, value)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "secret" not in str(caught.value)
