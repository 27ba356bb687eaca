"""Records and batches as bytes, and back: docs/protocol.md, "Codecs".

ormsgpack by itself turns tuples into lists and dates into text; its options make it refuse them.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import ormsgpack
from ormsgpack import packb

from snakepit_bridge.errors import BridgeError, ProtocolError
from snakepit_bridge.incoming_parts import PART_EXTENSION, IncomingParts
from snakepit_bridge.transports import Buffer
from snakepit_bridge.values import DEEPEST, Limits, refusal_of, refused, type_name

OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_ENUM
)

# Kind, id, and for most kinds a value.
Record = list[Any]


class Codec(Protocol):
    @property
    def name(self) -> str: ...

    def record(self, record: Record) -> bytes:
        """One record. Later changes to its value do not reach it. Any thread.

        Raises `BridgeError` SERIALIZATION, with path and type, when the value cannot be carried.
        """

    def chunk(self, call_id: int, value: object) -> tuple[bytes, int]:
        """The record of one piece of a stream, and the size that it gives for the value."""

    def small(self, acked: int, records: Sequence["bytes | Record"]) -> bytes | None:
        """A batch of records of which none was packed before, in one step. None when one was, or
        when one cannot be carried."""

    def document(self, acked: int, records: Sequence[bytes]) -> bytes:
        """A batch of packed records."""

    def decode(self, document: Buffer, parts: IncomingParts | None = None) -> list[Any]:
        """A batch; `parts` has the binaries that came ahead of it. Raises `ProtocolError`."""


class MsgpackCodec:
    name = "msgpack"
    limits = Limits(-(2**63), 2**64 - 1, binary=True, non_finite=True)

    def __init__(self) -> None:
        # One level more for the record around the value.
        self._collar, self._innermost = _collar(DEEPEST + 1)
        self._collar_lock = threading.Lock()

    def record(self, record: Record) -> bytes:
        try:
            packed = packb(record, None, OPTIONS)
        except (TypeError, ValueError):
            raise self._refusal(record[2]) from None
        # To nest too deep takes a byte per level, and a container in a container.
        if len(packed) > DEEPEST and _holds_containers(record[2]):
            self._check_depth(record)
        return packed

    def chunk(self, call_id: int, value: object) -> tuple[bytes, int]:
        if type(value) is str and value.isascii():
            # The common case, text as a model writes it: its size is known beforehand.
            size = len(value)
            return packb([2, call_id, value, size]), size
        packed = self.record([2, call_id, value])
        size = len(packed)
        return sized_chunk(packed, size), size

    def small(self, acked: int, records: Sequence[bytes | Record]) -> bytes | None:
        if bytes in map(type, records):
            return None
        try:
            return packb([acked, *records], None, OPTIONS)
        except (TypeError, ValueError):
            return None

    def document(self, acked: int, records: Sequence[bytes]) -> bytes:
        return b"".join((_array_header(1 + len(records)), packb(acked), *records))

    def decode(self, document: Buffer, parts: IncomingParts | None = None) -> list[Any]:
        self._parts = parts
        try:
            return _as_batch(ormsgpack.unpackb(document, ext_hook=self._extension))
        except ValueError as error:
            raise ProtocolError(f"not a MessagePack document: {error}") from error

    def _extension(self, kind: int, data: bytes) -> object:
        if kind != PART_EXTENSION:
            raise ProtocolError(f"an extension of the unknown type {kind}")
        if self._parts is None:
            raise ProtocolError("a record names a part, and none can come here")
        return self._parts.take(data).as_bytes()

    def _check_depth(self, record: Record) -> None:
        """Packs the record inside so many lists that ormsgpack's own limit falls on ours: a walk in
        Python would take several times as long."""
        with self._collar_lock:
            self._innermost[0] = record
            try:
                packb(self._collar, None, OPTIONS)
            except (TypeError, ValueError):
                raise self._refusal(record[2]) from None
            finally:
                self._innermost[0] = None

    def _refusal(self, value: object) -> BridgeError:
        return refusal_of(value, self.limits) or refused(
            "value", type_name(type(value)), "was refused by the encoder"
        )


class JsonCodec:
    """For hosts without MessagePack; not made for speed."""

    name = "json"
    limits = Limits(-(2**53 - 1), 2**53 - 1, binary=False, non_finite=False)

    def record(self, record: Record) -> bytes:
        if len(record) > 2:
            refusal = refusal_of(record[2], self.limits)
            if refusal is not None:
                raise refusal
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()

    def chunk(self, call_id: int, value: object) -> tuple[bytes, int]:
        size = len(self.record([2, call_id, value]))
        return self.record([2, call_id, value, size]), size

    def small(self, acked: int, records: Sequence[bytes | Record]) -> bytes | None:
        return None  # each is checked by itself

    def document(self, acked: int, records: Sequence[bytes]) -> bytes:
        return b"[%b]" % b",".join((b"%d" % acked, *records))

    def decode(self, document: Buffer, parts: IncomingParts | None = None) -> list[Any]:
        try:
            return _as_batch(json.loads(bytes(document)))
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"not a JSON document: {error}") from error


# In the order in which the hello offers them.
CODECS: Mapping[str, Callable[[], Codec]] = {"msgpack": MsgpackCodec, "json": JsonCodec}


def _as_batch(batch: object) -> list[Any]:
    if type(batch) is not list or not batch or type(batch[0]) is not int:
        raise ProtocolError("a batch is an array that begins with a number")
    return batch


def sized_chunk(packed: bytes, size: int) -> bytes:
    """The packed record of a chunk with its size: an array of three becomes one of four."""
    return b"".join((b"\x94", memoryview(packed)[1:], packb(size)))


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes((0x90 | length,))
    return b"\xdc" + length.to_bytes(2)  # the outbox puts at most 256 records into a frame


def _holds_containers(value: object) -> bool:
    items: Iterable[object]
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, list):
        items = value
    else:
        return False
    return any(item.__class__ is dict or item.__class__ is list for item in items)


def _collar(depth: int) -> tuple[list[Any], list[Any]]:
    """Nested lists, outermost and innermost, in which only `depth` more levels can be packed."""
    innermost: list[Any] = [None]
    outermost = innermost
    for _ in range(_deepest_packable() - depth - 1):
        outermost = [outermost]
    return outermost, innermost


def _deepest_packable() -> int:
    """ormsgpack's own nesting limit, 255 in 1.13; asked, because it is not documented."""
    value: list[Any] = []
    for depth in range(1, 4096):
        try:
            packb(value)
        except TypeError:
            return depth - 1
        value = [value]
    raise RuntimeError("ormsgpack has no nesting limit below 4096; codecs.py counts on one")
