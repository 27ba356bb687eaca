"""Values from MessagePack. One that cannot be made ends its own call and no other."""

import datetime
import decimal
import enum
import pathlib
import struct
import sys
import uuid
from collections.abc import Callable
from typing import Any

import ormsgpack

from snakepit_bridge.errors import BridgeError, NotBegunError, ProtocolError
from snakepit_bridge.incoming_parts import IncomingParts
from snakepit_bridge.values import kinds
from snakepit_bridge.values.binary import data_of
from snakepit_bridge.values.refusals import (
    DEEPEST,
    KEY,
    PART_OF_A_KEY,
    TOO_DEEP,
    described,
    step,
    type_name,
)

# What the content of an extension becomes. Raises `BridgeError`, or anything for what is no content
# of its kind.
Maker = Callable[[Any], object]


class Unreadable:
    """Stands where a value could not be made, and then for the arguments of the call it is in."""

    __slots__ = ("error", "type_name")

    def __init__(self, error: BridgeError, type_name: str) -> None:
        """`type_name`: as the host calls what it is."""
        self.error = error
        self.type_name = type_name


class Reader:
    """One document at a time."""

    def __init__(self, look_up: Maker) -> None:
        """`look_up` finds the object of a reference: [worker, id, type name, summary]."""
        self._makers: dict[int, Maker] = {**MAKERS, kinds.REF: look_up}
        self._depth = 0
        self._failed = False
        self._parts: IncomingParts | None = None
        # The kind of the extension whose content is being read.
        self._holder = 0

    def unpack(
        self, document: bytes | bytearray | memoryview, parts: IncomingParts | None = None
    ) -> Any:  # noqa: ANN401
        """`parts` has the data that came ahead of the document. Raises `ValueError` for bytes that
        are no MessagePack, `ProtocolError` for a part that is not there."""
        self._depth = 0
        self._failed = False
        self._parts = parts
        return ormsgpack.unpackb(document, ext_hook=self._extension)

    @property
    def failed(self) -> bool:
        """Whether the last document holds something `Unreadable`."""
        return self._failed

    def _extension(self, kind: int, packed: bytes) -> object:
        if kind == kinds.PART:
            return self._part(packed)
        self._depth += 1
        try:
            return self._made(kind, packed)
        except ProtocolError:
            raise
        except BridgeError as error:
            return self._unreadable(error, kind)
        except Exception as error:
            message = f"cannot be made in Python: {_brief(error)}"
            return self._unreadable(NotBegunError("SERIALIZATION", message), kind)
        finally:
            self._depth -= 1

    def _made(self, kind: int, packed: bytes) -> object:
        if self._depth > DEEPEST:
            raise NotBegunError("SERIALIZATION", TOO_DEEP)
        maker = self._makers.get(kind)
        if maker is None:
            raise NotBegunError("SERIALIZATION", _why_unknown(kind))
        outer, self._holder = self._holder, kind
        try:
            content = ormsgpack.unpackb(packed, ext_hook=self._extension)
        finally:
            self._holder = outer
        return maker(content)

    def _part(self, reference: bytes) -> bytes | memoryview:
        if self._parts is None:
            raise ProtocolError("a record names a part, and none can come here")
        part = self._parts.take(reference)
        # An array may be written to where its data have come in.
        return part.as_buffer() if self._holder == kinds.TENSOR else part.as_bytes()

    def _unreadable(self, error: BridgeError, kind: int) -> Unreadable:
        self._failed = True
        return Unreadable(error, kinds.HOST_NAMES.get(kind, f"extension {kind}"))


def unreadable_part(value: object, path: str, role: str = "") -> Unreadable | None:
    """The first part of the value that could not be made, with its path in the error."""
    if isinstance(value, Unreadable):
        error, name = value.error, value.type_name
        details = {"path": path, "type": name, **(error.details or {})}
        message = f"{described(path, name, role)} {error.message}"
        return Unreadable(NotBegunError(error.code, message, details), name)
    if isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            part = unreadable_part(key, f"{path}[{index}]", KEY) or unreadable_part(
                item, path + step(key if isinstance(key, str) else index)
            )
            if part is not None:
                return part
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            part = unreadable_part(item, f"{path}[{index}]", PART_OF_A_KEY if role else "")
            if part is not None:
                return part
    return None


def _why_unknown(kind: int) -> str:
    if kind in kinds.HOST_NAMES:
        return "is for the host only; send what it stands for"
    return "is of a kind that this worker does not know; use one version on both sides"


def _brief(error: Exception) -> str:
    """The class of the error, and its words where they are ours: others may quote the value."""
    return str(error) if type(error) is ValueError else type(error).__name__


def _tuple(items: list[Any]) -> object:
    return tuple(items)


def _set(items: list[Any]) -> set[Any]:
    """Nothing is lost without a word: 1 and 1.0 and True are one member of a set."""
    members = set(_hashable(items, "member of a set"))
    if len(members) < len(items):
        raise NotBegunError("SERIALIZATION", "has two members that are equal in Python")
    return members


def _map(flat: list[Any]) -> dict[Any, Any]:
    keys = _hashable(flat[::2], "key of a dict")
    entries = dict(zip(keys, flat[1::2], strict=True))
    if len(entries) < len(keys):
        raise NotBegunError("SERIALIZATION", "has two keys that are equal in Python")
    return entries


def _hashable(items: list[Any], role: str) -> list[Any]:
    for item in items:
        if not _is_hashable(item):
            message = (
                f"holds a {_unhashable_name(item)}, which cannot be a {role} in Python; "
                "a tuple of plain values can: PyTuple.of(…)"
            )
            raise NotBegunError("SERIALIZATION", message)
    return items


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _unhashable_name(value: object) -> str:
    """`list`, `tuple with a list in it`: a tuple is what it holds."""
    name = type_name(type(value))
    while isinstance(value, tuple):
        value = next(item for item in value if not _is_hashable(item))
        inner = type_name(type(value))
        if not isinstance(value, tuple):
            return f"{name} with a {inner} in it"
    return name


def _datetime(text: str) -> datetime.datetime:
    """Exact with a zone, too: the offset says which of two equal wall times it is."""
    moment, bracket, rest = text.partition("[")
    value = datetime.datetime.fromisoformat(moment)
    tiny = _tiny_offset(moment)
    if tiny is not None:
        return value.replace(tzinfo=tiny)
    if not bracket:
        return value
    import zoneinfo

    try:
        zone = zoneinfo.ZoneInfo(rest.removesuffix("]"))
    except zoneinfo.ZoneInfoNotFoundError:
        message = "is in a time zone that this machine does not know; install tzdata"
        raise NotBegunError("NOT_FOUND", message) from None
    for fold in (0, 1):
        local = value.replace(tzinfo=zone, fold=fold)
        if local.utcoffset() == value.utcoffset():
            return local
    # To choose one of the two would be to move the moment, or the clock.
    message = f"has an offset that {zone.key} does not have at that time"
    raise NotBegunError("SERIALIZATION", message)


def _time(text: str) -> datetime.time:
    value = datetime.time.fromisoformat(text)
    return value.replace(tzinfo=_tiny_offset(text) or value.tzinfo)


def _tiny_offset(text: str) -> datetime.timezone | None:
    """An offset of less than a second, which `fromisoformat` takes for none (seen in 3.11)."""
    sign, offset = text[-16:-15], text[-15:]
    if sign not in ("+", "-") or not offset.startswith("00:00:00."):
        return None
    microseconds = int(offset.removeprefix("00:00:00."))
    return datetime.timezone(
        datetime.timedelta(microseconds=-microseconds if sign == "-" else microseconds)
    )


def _path(content: list[str]) -> pathlib.PurePath:
    flavour, text = content
    flavours: dict[str, type[pathlib.PurePath]] = {
        "Path": pathlib.Path,
        "PurePosixPath": pathlib.PurePosixPath,
        "PureWindowsPath": pathlib.PureWindowsPath,
    }
    return flavours[flavour](text)


def _complex(data: bytes) -> complex:
    return complex(*struct.unpack(">dd", data))


def _enum(content: list[Any]) -> enum.Enum:
    """A member of a class that this worker has loaded; nothing is imported for it."""
    name, member, value = content
    if isinstance(value, Unreadable):
        inner = value.error
        message = f"has a value ({value.type_name}) that {inner.message}"
        raise NotBegunError(inner.code, message, inner.details)
    kind = _loaded_class(name)
    if kind is None:
        message = f"is a member of {name}, which is no Enum that this worker has imported"
        raise NotBegunError("NOT_FOUND", message, {"kind": "object", "name": name})
    found = kind.__members__.get(member)
    if found is not None and _is_same(found.value, value):
        return found
    try:
        by_value = kind(value)
    except Exception:  # it quotes the value, and a class may say for itself what it raises
        raise _contradiction(name, found, None) from None
    # A combination of flags may have no name.
    if member and by_value.name != member:
        raise _contradiction(name, found, by_value)
    return by_value


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401 - values of any kind
    try:
        # A number that is not equal to itself is "not a number", and both may be.
        return bool(one == other) or bool(one != one and other != other)
    except ValueError:  # arrays, which compare element by element: their name must do
        return True


def _contradiction(
    kind: str, by_name: enum.Enum | None, by_value: enum.Enum | None
) -> NotBegunError:
    # Neither is quoted: they are the caller's.
    none = "that is none of its own"
    name = f"a name {none}" if by_name is None else f"the name {by_name.name}"
    value = f"a value {none}" if by_value is None else f"the value of {by_value.name}"
    return NotBegunError("SERIALIZATION", f"is said to be of {kind}, with {name} and {value}")


def _loaded_class(name: str) -> type[enum.Enum] | None:
    module, dot, rest = name.rpartition(".")
    names = [rest]
    while dot and module not in sys.modules:
        module, dot, rest = module.rpartition(".")
        names.insert(0, rest)
    found: object = sys.modules.get(module)
    for part in names:
        # Of modules and classes only what is really theirs: no code runs for it.
        found = vars(found).get(part) if isinstance(found, type | type(sys)) else None
    if isinstance(found, type) and enum.Enum in found.__mro__ and type_name(found) == name:
        return found
    return None


def _tensor(content: list[Any]) -> object:
    from snakepit_bridge.values.arrays import array_of

    dtype, shape, data = content
    return array_of(dtype, shape, data_of(data))


def _table(content: list[Any]) -> object:
    from snakepit_bridge.values.tables import table_of

    source, data = content
    return table_of(source, data_of(data))


MAKERS: dict[int, Maker] = {
    kinds.TUPLE: _tuple,
    kinds.SET: _set,
    kinds.FROZENSET: lambda items: frozenset(_set(items)),
    kinds.MAP: _map,
    kinds.INTEGER: lambda data: int.from_bytes(data, "big", signed=True),
    kinds.DATETIME: _datetime,
    kinds.DATE: datetime.date.fromisoformat,
    kinds.TIME: _time,
    kinds.TIMEDELTA: lambda parts: datetime.timedelta(*parts),
    kinds.DECIMAL: decimal.Decimal,
    kinds.UUID: uuid.UUID,
    kinds.COMPLEX: _complex,
    kinds.PATH: _path,
    kinds.ENUM: _enum,
    kinds.TENSOR: _tensor,
    kinds.TABLE: _table,
}
