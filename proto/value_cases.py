"""Python values of the descriptions in `values.json`, and whether two values are the same.

The tests of both languages use the same descriptions: TypeScript's half is `values.ts`.
"""

import datetime
import decimal
import enum
import math
import pathlib
import struct
import sys
import uuid
import zoneinfo
from typing import Any


class Colour(enum.Enum):
    RED = "red"
    GREEN = (0, 255)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Holder:
    class Inner(enum.Enum):
        ONE = 1


def built(description: Any) -> Any:  # noqa: ANN401 - what JSON holds, and any value
    if not isinstance(description, dict):
        return description
    ((tag, content),) = description.items()
    return BUILDERS[tag](content)


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 - any values
    """Of the same class, and alike in every bit that can be seen."""
    if type(left) is not type(right):
        return False
    compare = COMPARISONS.get(type(left).__module__.partition(".")[0])
    if compare is not None:
        return compare(left, right)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.keys()), list(right.keys())) and same(
            list(left.values()), list(right.values())
        )
    if isinstance(left, set | frozenset):
        # No order is promised, nor the same one twice.
        return left == right and all(any(same(one, other) for other in right) for one in left)
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (
            math.isnan(left) and math.isnan(right)
        )
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, decimal.Decimal):
        return str(left) == str(right)
    if isinstance(left, datetime.datetime):
        zones = (left.tzinfo, right.tzinfo)
        return left.isoformat() == right.isoformat() and same(*map(repr, zones))
    if isinstance(left, datetime.time):
        return left.isoformat() == right.isoformat()
    return bool(left == right)


def class_name(value: object) -> str:
    kind = type(value)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return prefix + kind.__qualname__


def _datetime(text: str) -> datetime.datetime:
    moment, _, zone = text.partition("[")
    value = datetime.datetime.fromisoformat(moment)
    if not zone:
        return value
    wall = value.replace(tzinfo=zoneinfo.ZoneInfo(zone.removesuffix("]")))
    return wall if wall.utcoffset() == value.utcoffset() else wall.replace(fold=1)


def _enum(content: list[Any]) -> enum.Enum:
    name, _, value = content
    kind: Any = sys.modules[__name__]
    for part in name.split(".")[1:]:
        kind = getattr(kind, part)
    member: enum.Enum = kind(built(value))
    return member


def _path(content: list[str]) -> pathlib.PurePath:
    flavour, text = content
    path: pathlib.PurePath = getattr(pathlib, flavour)(text)
    return path


def _array(content: list[Any]) -> object:
    import ml_dtypes
    import numpy

    name, shape, digits = content
    dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
    return numpy.frombuffer(bytearray.fromhex(digits), dtype).reshape(shape)


COLUMNS = {"n": [1, 2, 3], "text": ["a", None, "ü"], "x": [0.5, math.inf, -1.0]}


def _table(source: str) -> object:
    module, name = source.split(".")
    if module == "pyarrow":
        import pyarrow

        columns = {**COLUMNS, "nested": [[1], [], None]}
        return getattr(pyarrow, name).from_pydict(columns)
    if module == "polars":
        import polars

        return polars.DataFrame(COLUMNS) if name == "DataFrame" else polars.Series("s", [1, None])
    import pandas

    if name == "Series":
        return pandas.Series([1.5, 2.5], index=["a", "b"])
    index = pandas.date_range("2024-01-01", periods=3, tz="Europe/Berlin", name="day")
    return pandas.DataFrame(COLUMNS, index=index)


def _same_arrays(left: Any, right: Any) -> bool:  # noqa: ANN401
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and bool(left.tobytes() == right.tobytes())
        and right.flags.writeable
    )


def _same_pandas(left: Any, right: Any) -> bool:  # noqa: ANN401
    names = getattr(left, "name", None) == getattr(right, "name", None)
    types = str(left.dtypes) == str(right.dtypes)
    return bool(left.equals(right)) and bool(left.index.equals(right.index)) and names and types


COMPARISONS = {
    "numpy": _same_arrays,
    "pandas": _same_pandas,
    "polars": lambda left, right: bool(left.equals(right)),
    "pyarrow": lambda left, right: bool(left.equals(right) and left.schema == right.schema),
}
BUILDERS: dict[str, Any] = {
    "int": int,
    "float": float,
    "text": lambda content: content[0] * content[1],
    "bytes": bytes.fromhex,
    "list": lambda items: [built(item) for item in items],
    "tuple": lambda items: tuple(built(item) for item in items),
    "set": lambda items: {built(item) for item in items},
    "frozenset": lambda items: frozenset(built(item) for item in items),
    "dict": lambda entries: {built(key): built(item) for key, item in entries},
    "datetime": _datetime,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "complex": lambda parts: complex(*map(float, parts)),
    "path": _path,
    "enum": _enum,
    "array": _array,
    "table": _table,
}
