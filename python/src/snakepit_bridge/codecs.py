"""Records and batches as bytes, and back: docs/protocol.md, "Codecs"."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ormsgpack import packb

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.incoming_parts import IncomingParts
from snakepit_bridge.transports import Buffer
from snakepit_bridge.values import Limits, refusal_of
from snakepit_bridge.values.collar import OPTIONS
from snakepit_bridge.values.reader import Reader, unreadable_part
from snakepit_bridge.values.refs import refs
from snakepit_bridge.values.unknown import Unknown, refuse
from snakepit_bridge.values.writer import Writer

# Kind, id, and for most kinds a value.
Record = list[Any]


class Codec(Protocol):
    # A value must not be packed twice: what is kept for the host would be kept twice.
    packs_once: bool

    @property
    def name(self) -> str: ...

    def record(self, record: Record) -> bytes:
        """One record. Later changes to its value do not reach it. Any thread.

        Raises `BridgeError` SERIALIZATION, with path and type, when the value cannot be carried.
        """

    def take_back(self) -> None:
        """The record that this thread has packed last will not be sent."""

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
    packs_once = False

    def __init__(self, unknown: Unknown = refuse) -> None:
        """`unknown` says what becomes of an object that the wire has no form for."""
        self._writer = Writer(unknown)
        self._reader = Reader(refs.look_up)
        self.record = self._writer.pack

    def chunk(self, call_id: int, value: object) -> tuple[bytes, int]:
        if type(value) is str and value.isascii():
            # The common case, text as a model writes it: its size is known beforehand.
            size = len(value)
            return packb([2, call_id, value, size]), size
        packed = self.record([2, call_id, value])
        size = len(packed)
        return sized_chunk(packed, size), size

    def take_back(self) -> None:
        """Nothing is kept for a record."""

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
        try:
            batch = _as_batch(self._reader.unpack(document, parts))
        except ValueError as error:
            raise ProtocolError(f"not a MessagePack document: {error}") from error
        if self._reader.failed:
            _mark_unreadable(batch)
        return batch


class JsonCodec:
    """For hosts without MessagePack; not made for speed."""

    name = "json"
    packs_once = False
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

    def take_back(self) -> None:
        """Nothing is kept for a record."""

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


def _mark_unreadable(batch: list[Any]) -> None:
    """Puts the refusal in place of the arguments, so that the call fails, and alone."""
    for record in batch[1:]:
        if isinstance(record, list) and len(record) > 3:
            part = unreadable_part(record[3], "args")
            if part is not None:
                record[3] = part
