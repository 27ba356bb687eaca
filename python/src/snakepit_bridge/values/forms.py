"""Python value -> what it is on the wire, for every kind that MessagePack has no type for.

A form is an `Extension`, or a plain value in place of one that means the same (a NumPy scalar).
"""

import datetime
import decimal
import enum
import pathlib
import struct
import sys
import uuid
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from snakepit_bridge.values import kinds
from snakepit_bridge.values.binary import BigBinary, leaf
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError, type_name

# Raises `UnsupportedError` for a value that its class does not speak for.
Former = Callable[[Any], object]


def former_of(kind: type) -> Former | None:
    """None for a class of which nothing is known. Runs no code of the class."""
    former = BUILT_IN.get(kind)
    if former is not None:
        return former
    ancestors = kind.__mro__
    if enum.Enum in ancestors:
        return _enum
    if is_dataclass(kind):
        return _dataclass
    return _foreign(kind, ancestors)


def _foreign(kind: type, ancestors: tuple[type, ...]) -> Former | None:
    """A class of a library. One that is not loaded has made no value, so nothing is imported."""
    roots = {ancestor.__module__.partition(".")[0] for ancestor in ancestors}
    if "pydantic" in roots and sys.modules["pydantic"].BaseModel in ancestors:
        return _model
    if "numpy" in roots:
        from snakepit_bridge.values import arrays

        return arrays.former_of(kind)
    if "torch" in roots:
        from snakepit_bridge.values import torch_tensors

        return torch_tensors.former_of(kind)
    if not roots.isdisjoint({"pyarrow", "pandas", "polars"}):
        from snakepit_bridge.values import tables

        return tables.former_of(kind)
    return None


def _integer(value: int) -> Extension:
    # One bit more, for the sign.
    return Extension(kinds.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _datetime(value: datetime.datetime) -> Extension:
    text = _iso(value)
    # Only of a zone that the reader can find: a class of somebody's own may call anything its key.
    zone: Any = value.tzinfo
    zoneinfo = sys.modules.get("zoneinfo")
    if zoneinfo is not None and type(zone) is zoneinfo.ZoneInfo and zone.key:
        return Extension(kinds.DATETIME, f"{text}[{zone.key}]")
    return Extension(kinds.DATETIME, text)


def _time(value: datetime.time) -> Extension:
    if value.tzinfo is not None and _offset(value) is None:
        raise UnsupportedError("has a zone whose offset depends on the day; send a datetime")
    return Extension(kinds.TIME, _iso(value))


def _iso(value: datetime.datetime | datetime.time) -> str:
    try:
        return value.isoformat()
    except Exception as error:  # a tzinfo is anybody's code
        raise _unusable_zone(error) from None


def _offset(value: datetime.time) -> datetime.timedelta | None:
    try:
        return value.utcoffset()
    except Exception as error:  # as above
        raise _unusable_zone(error) from None


def _unusable_zone(error: Exception) -> UnsupportedError:
    return UnsupportedError(
        f"has a tzinfo that raised {type(error).__name__}; send x.replace(tzinfo=None)"
    )


def _path(value: pathlib.PurePath) -> Extension:
    flavour = "Path" if isinstance(value, pathlib.Path) else type(value).__name__
    return Extension(kinds.PATH, [flavour, str(value)])


def _enum(value: enum.Enum) -> Extension:
    # A combination of flags may have no name.
    return Extension(kinds.ENUM, [type_name(type(value)), value.name or "", value.value])


def _dataclass(value: Any) -> Extension:  # noqa: ANN401 - of any class
    try:
        content = {field.name: getattr(value, field.name) for field in fields(value)}
    except AttributeError as error:
        raise UnsupportedError(f"has no value in its field {error.name}; give it one") from None
    return Extension(kinds.OBJECT, [type_name(type(value)), content])


def _model(value: Any) -> Extension:  # noqa: ANN401 - a pydantic.BaseModel
    content = {name: getattr(value, name) for name in type(value).model_fields}
    content.update(value.__pydantic_extra__ or {})
    return Extension(kinds.OBJECT, [type_name(type(value)), content])


BUILT_IN: dict[type, Former] = {
    tuple: lambda value: Extension(kinds.TUPLE, list(value)),
    set: lambda value: Extension(kinds.SET, list(value)),
    frozenset: lambda value: Extension(kinds.FROZENSET, list(value)),
    int: _integer,
    datetime.datetime: _datetime,
    datetime.date: lambda value: Extension(kinds.DATE, value.isoformat()),
    datetime.time: _time,
    datetime.timedelta: lambda value: Extension(
        kinds.TIMEDELTA, [value.days, value.seconds, value.microseconds]
    ),
    decimal.Decimal: lambda value: Extension(kinds.DECIMAL, str(value)),
    uuid.UUID: lambda value: Extension(kinds.UUID, str(value)),
    complex: lambda value: Extension(kinds.COMPLEX, struct.pack(">dd", value.real, value.imag)),
    pathlib.PosixPath: _path,
    pathlib.WindowsPath: _path,
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
    BigBinary: lambda big: leaf(big.data),
}

# Of these, the classes whose values hold no others.
LEAVES = frozenset(BUILT_IN) - {tuple, set, frozenset}


def inside(value: object) -> object:
    """What a value of ours holds, as plain containers: to learn how deep it is."""
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    former = former_of(type(value))
    if former in (_enum, _dataclass, _model):
        form: Any = former(value)  # type: ignore[arg-type]
        return form.content[-1:] if former is _enum else form.content[-1]
    return None
