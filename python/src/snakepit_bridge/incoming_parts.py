"""Big binaries that come ahead of their record: docs/protocol.md, "Big values".

Only for the thread that reads, whichever it is at the moment.
"""

import struct
from collections.abc import Callable

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.large_memory import fresh_buffer

# docs/protocol.md, "Big values": a shorter part belongs into its document.
SMALLEST_PART_BYTES = 64 * 1024
PART_FRAME_BYTES = 1024 * 1024
PART_CREDIT_BYTES = 4 * 1024 * 1024
VALUES_AT_ONCE = 8
# What the extension says that stands in the place of a part: the call and the part's number.
REFERENCE = struct.Struct(">II")


class Part:
    """One binary, in the memory in which its handler finds it."""

    __slots__ = ("_buffer", "filled", "length", "place")

    def __init__(self, length: int) -> None:
        self._buffer = fresh_buffer(length)
        self.place = self._buffer.getbuffer()
        self.length = length
        self.filled = 0

    def as_bytes(self) -> bytes:
        self.place.release()
        return self._buffer.getvalue()

    def as_buffer(self) -> memoryview:
        """Writable, for arrays that are to be changed in place."""
        return self.place


class IncomingValue:
    """The parts of one record, one after the other."""

    __slots__ = ("parts", "size", "taken")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.size = 0
        self.taken = 0

    @property
    def is_filled(self) -> bool:
        return not self.parts or self.parts[-1].filled == self.parts[-1].length


class IncomingParts:
    def __init__(self, max_value_bytes: int, owe: Callable[[int], None]) -> None:
        """`owe` is told of bytes that have come, for which the host is to get credit."""
        self._max_value_bytes = max_value_bytes
        self._owe = owe
        self._values: dict[int, IncomingValue] = {}

    def place(self, call_id: int, number: int, length: int, count: int) -> memoryview:
        """Where the next `count` bytes of this part belong; they count as there.

        Raises `ProtocolError`.
        """
        if not 0 < count <= PART_FRAME_BYTES:
            raise ProtocolError(f"a frame holds {count:,} bytes of a part")
        value = self._values.get(call_id)
        if value is None:
            value = self._open(call_id)
        if number == len(value.parts):
            self._begin(value, number, length)
        if number != len(value.parts) - 1 or length != value.parts[number].length:
            raise ProtocolError(f"part {number} of call {call_id} is not the one that was begun")
        part = value.parts[number]
        begin = part.filled
        if begin + count > part.length:
            raise ProtocolError(f"part {number} of call {call_id} is longer than its {length:,}")
        part.filled += count
        return part.place[begin : begin + count]

    def filled(self, count: int) -> None:
        """The place that was given last is filled."""
        self._owe(count)

    def _open(self, call_id: int) -> IncomingValue:
        if len(self._values) >= VALUES_AT_ONCE:
            raise ProtocolError(f"the parts of more than {VALUES_AT_ONCE} values come at once")
        value = self._values[call_id] = IncomingValue()
        return value

    def _begin(self, value: IncomingValue, number: int, length: int) -> None:
        if not value.is_filled:
            raise ProtocolError(f"part {number} comes before the end of the part in front of it")
        if length < SMALLEST_PART_BYTES:
            raise ProtocolError(f"a part of {length:,} bytes belongs into its document")
        value.size += length
        if value.size > self._max_value_bytes:
            raise ProtocolError(f"a value of {value.size:,} bytes; see maxValueBytes")
        value.parts.append(Part(length))

    def take(self, reference: bytes) -> Part:
        """What an extension of kind `PART` stands for, whole. Each once, in order.

        Raises `ProtocolError`.
        """
        if len(reference) != REFERENCE.size:
            raise ProtocolError("the name of a part has 8 bytes")
        call_id: int
        number: int
        call_id, number = REFERENCE.unpack(reference)
        value = self._values.get(call_id)
        if value is None or number != value.taken or number >= len(value.parts):
            raise ProtocolError(f"a record names part {number} of call {call_id}: it has not come")
        if not value.is_filled:
            raise ProtocolError(f"part {number} of call {call_id} has not come to its end")
        value.taken += 1
        if value.taken == len(value.parts):
            del self._values[call_id]
        return value.parts[number]

    def drop(self, call_id: int) -> bool:
        """The call was cancelled. False when no part of it is here."""
        return self._values.pop(call_id, None) is not None

    @property
    def is_awaiting(self) -> bool:
        """Whether parts have come, and their record not."""
        return bool(self._values)

    def check_taken(self, batch: list[object]) -> None:
        """No record of the batch may leave parts over. Raises `ProtocolError`."""
        for record in batch[1:]:
            if not isinstance(record, list) or len(record) < 3 or record[0] not in (0, 1):
                continue
            if record[1] in self._values:
                raise ProtocolError(f"call {record[1]} does not name all parts that came for it")
