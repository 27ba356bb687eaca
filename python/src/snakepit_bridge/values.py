"""Batches of records as documents and back: docs/protocol.md, "Codecs".

Exactly the listed types are carried. ormsgpack by itself turns tuples into lists and dates into
text; the options below make it refuse them instead.
"""

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ormsgpack

from snakepit_bridge.errors import BridgeError, ProtocolError

DEEPEST = 100
# Immutable, always carried, and small.
SCALARS = frozenset((bool, type(None), float))
Record = list[Any]
Buffer = bytes | bytearray | memoryview


class Codec(Protocol):
    name: str

    def pack(self, value: object) -> tuple[Any, int]:
        """What to put into a record for this value, and its size in bytes.

        Later changes to the value do not reach it. Raises `BridgeError` SERIALIZATION, with path
        and type, when the value cannot be carried. Any thread.
        """

    def encode(self, acked: int, records: Sequence[Record]) -> Buffer:
        """One document of records that hold packed values."""

    def decode(self, document: Buffer) -> list[Any]:
        """Raises `ProtocolError`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the codecs differ in what they carry."""

    smallest_int: int
    largest_int: int
    binary: bool
    non_finite: bool


class MsgpackCodec:
    name = "msgpack"
    limits = Limits(-(2**63), 2**64 - 1, binary=True, non_finite=True)
    options = (
        ormsgpack.OPT_PASSTHROUGH_TUPLE
        | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
        | ormsgpack.OPT_PASSTHROUGH_DATETIME
        | ormsgpack.OPT_PASSTHROUGH_DATACLASS
        | ormsgpack.OPT_PASSTHROUGH_UUID
        | ormsgpack.OPT_PASSTHROUGH_ENUM
    )

    def __init__(self) -> None:
        self._collar, self._innermost = _collar(DEEPEST)
        self._collar_lock = threading.Lock()

    def pack(self, value: object) -> tuple[Any, int]:
        # Cases in the order of how often small calls answer with them. A scalar is packed with
        # its whole frame (0.08 µs instead of 0.3).
        kind = value.__class__
        if kind is str:
            return value, _utf8_length(value)  # type: ignore[arg-type]
        if kind is int:
            if -(2**63) <= value < 2**64:  # type: ignore[operator]
                return value, 9
            raise self._refusal(value)
        if kind in SCALARS:
            return value, 9
        if kind is bytes:
            return value, len(value)  # type: ignore[arg-type]
        try:
            packed = ormsgpack.packb(value, None, self.options)
        except (TypeError, ValueError):
            raise self._refusal(value) from None
        # As many bytes as levels are needed to nest too deep, and a container in a container.
        if len(packed) > DEEPEST and _holds_containers(value):
            self._check_depth(value)
        return ormsgpack.Fragment(packed), len(packed)

    def encode(self, acked: int, records: Sequence[Record]) -> Buffer:
        return ormsgpack.packb([acked, *records], None, self.options)

    def decode(self, document: Buffer) -> list[Any]:
        try:
            batch = ormsgpack.unpackb(document)
        except ValueError as error:
            raise ProtocolError(f"not a MessagePack document: {error}") from error
        return _as_batch(batch)

    def _check_depth(self, value: object) -> None:
        """Packs the value inside so many lists that ormsgpack's own limit falls on ours: a walk in
        Python would take several times as long."""
        with self._collar_lock:
            self._innermost[0] = value
            try:
                ormsgpack.packb(self._collar, None, self.options)
            except (TypeError, ValueError):
                raise self._refusal(value) from None
            finally:
                self._innermost[0] = None

    def _refusal(self, value: object) -> BridgeError:
        return _refusal(value, "value", 0, self.limits) or _refused(
            "value", _type_name(type(value)), "was refused by the encoder"
        )


class JsonCodec:
    """For hosts without MessagePack; not made for speed."""

    name = "json"
    limits = Limits(-(2**53 - 1), 2**53 - 1, binary=False, non_finite=False)

    def pack(self, value: object) -> tuple[Any, int]:
        refusal = _refusal(value, "value", 0, self.limits)
        if refusal is not None:
            raise refusal
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(text), len(text.encode())

    def encode(self, acked: int, records: Sequence[Record]) -> Buffer:
        return json.dumps([acked, *records], ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, document: Buffer) -> list[Any]:
        try:
            batch = json.loads(bytes(document))
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"not a JSON document: {error}") from error
        return _as_batch(batch)


CODECS: dict[str, type[MsgpackCodec] | type[JsonCodec]] = {
    "msgpack": MsgpackCodec,
    "json": JsonCodec,
}


def too_large(size: int, limit: int) -> BridgeError:
    message = (
        f"the reply has {size:,} bytes, the host takes at most {limit:,}; "
        "stream it in pieces or write it to a file and send the path"
    )
    return BridgeError("VALUE_TOO_LARGE", message, {"bytes": size, "limitBytes": limit})


def _collar(depth: int) -> tuple[list[Any], list[Any]]:
    """Nested lists, outermost and innermost, in which only `depth` more levels can be packed."""
    innermost: list[Any] = [None]
    outermost = innermost
    for _ in range(_deepest_packable() - depth - 1):
        outermost = [outermost]
    return outermost, innermost


def _holds_containers(value: Any) -> bool:  # noqa: ANN401 - a list or dict that was just packed
    if value.__class__ is bytearray or value.__class__ is memoryview:
        return False
    items = value.values() if value.__class__ is dict else value
    return any(item.__class__ is dict or item.__class__ is list for item in items)


def _deepest_packable() -> int:
    """ormsgpack's own nesting limit, 255 in 1.13; asked, because it is not documented."""
    value: list[Any] = []
    for depth in range(1, 4096):
        try:
            ormsgpack.packb(value)
        except TypeError:
            return depth - 1
        value = [value]
    raise RuntimeError("ormsgpack has no nesting limit below 4096; values.py counts on one")


def _as_batch(batch: object) -> list[Any]:
    if type(batch) is not list or not batch or type(batch[0]) is not int:
        raise ProtocolError("a batch is an array that begins with a number")
    return batch


def _utf8_length(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise _refused("value", "str", "has a lone surrogate, which UTF-8 cannot carry") from None


def _refusal(value: object, path: str, depth: int, limits: Limits) -> BridgeError | None:
    kind = type(value)
    if value is None or kind is bool:
        return None
    if kind is int:
        if limits.smallest_int <= value <= limits.largest_int:  # type: ignore[operator]
            return None
        return _refused(path, "int", f"is beyond {limits.largest_int:,}; send it as text")
    if kind is float:
        if limits.non_finite or math.isfinite(value):  # type: ignore[arg-type]
            return None
        return _refused(path, "float", "is not finite, and JSON has no word for that")
    if kind is str:
        if _is_utf8(value):  # type: ignore[arg-type]
            return None
        return _refused(path, "str", "has a lone surrogate, which UTF-8 cannot carry")
    if limits.binary and kind in (bytes, bytearray, memoryview):
        return None
    if kind is not list and kind is not dict:
        return _refused(path, _type_name(kind), "is of a type that the wire does not carry")
    if depth >= DEEPEST:
        return _refused(path, kind.__name__, f"nests deeper than {DEEPEST} (or contains itself)")
    if kind is list:
        return _list_refusal(value, path, depth, limits)  # type: ignore[arg-type]
    return _dict_refusal(value, path, depth, limits)  # type: ignore[arg-type]


def _list_refusal(items: list[Any], path: str, depth: int, limits: Limits) -> BridgeError | None:
    for index, item in enumerate(items):
        refusal = _refusal(item, f"{path}[{index}]", depth + 1, limits)
        if refusal is not None:
            return refusal
    return None


def _dict_refusal(
    items: dict[Any, Any], path: str, depth: int, limits: Limits
) -> BridgeError | None:
    for key, item in items.items():
        refusal = _key_refusal(key, path) or _refusal(item, path + _step(key), depth + 1, limits)
        if refusal is not None:
            return refusal
    return None


def _key_refusal(key: object, path: str) -> BridgeError | None:
    if type(key) is not str:
        name = _type_name(type(key))
        return _refused(path, "dict", f"has the key {key!r:.80} ({name}); keys must be str")
    if not _is_utf8(key):
        return _refused(path, "dict", "has a key with a lone surrogate, which UTF-8 cannot carry")
    return None


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"


def _is_utf8(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _type_name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _refused(path: str, type_name: str, why: str) -> BridgeError:
    message = f"{path} ({type_name}) {why}"
    return BridgeError("SERIALIZATION", message, {"path": path, "type": type_name})
