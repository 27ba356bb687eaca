"""Frames of parts by hand: docs/protocol.md, "Big values"."""

import struct
import threading
from dataclasses import dataclass
from typing import Any

import ormsgpack
from host import PACE, Connection

PART_BIT = 0x8000_0000
HEADER = struct.Struct(">IIIQ")
MIB = 1024 * 1024
CREDIT = 4 * MIB
Batch = list[Any]


@dataclass(frozen=True, slots=True)
class PartFrame:
    call_id: int
    number: int
    length: int
    data: bytes


def part_frame(call_id: int, number: int, length: int, data: bytes) -> bytes:
    return HEADER.pack(PART_BIT + 16 + len(data), call_id, number, length) + data


def part_name(call_id: int, number: int = 0) -> ormsgpack.Ext:
    return ormsgpack.Ext(20, struct.pack(">II", call_id, number))


def send_parts(connection: Connection, call_id: int, data: bytes, number: int = 0) -> None:
    """One whole part, with no regard for credit."""
    for begin in range(0, len(data), MIB):
        chunk = data[begin : begin + MIB]
        connection.socket.sendall(part_frame(call_id, number, len(data), chunk))


def next_frame(connection: Connection) -> PartFrame | Batch:
    header = connection._exactly(4)
    assert header is not None, "the worker hung up"
    (length,) = struct.unpack(">I", header)
    document = connection._exactly(length % PART_BIT)
    assert document is not None, "the worker hung up"
    if length >= PART_BIT:
        return PartFrame(*struct.unpack(">IIQ", document[:16]), document[16:])

    def extension(kind: int, data: bytes) -> tuple[int, ...]:
        return kind, *struct.unpack(">II", data)

    batch: Batch = ormsgpack.unpackb(document, ext_hook=extension)
    return [record for record in batch[1:] if record[0] != PACE]


class Answers:
    """What comes from a worker, parts gathered by call; credit is given as it should be."""

    def __init__(self, connection: Connection, *, gives_credit: bool = True) -> None:
        self.connection = connection
        self.gives_credit = gives_credit
        self.parts: dict[int, list[bytearray]] = {}
        self.records: list[Any] = []
        # The kinds of frames in their order: "part", or the kinds of the records of a batch.
        self.order: list[Any] = []
        self._owed = 0
        # What may be sent in parts before the worker has taken some in.
        self._credit = CREDIT
        # Held by whoever else sends over this connection.
        self.sending = threading.Lock()

    def take_frame(self) -> PartFrame | Batch:
        frame = next_frame(self.connection)
        if isinstance(frame, PartFrame):
            parts = self.parts.setdefault(frame.call_id, [])
            if frame.number == len(parts):
                parts.append(bytearray())
            parts[frame.number] += frame.data
            self.order.append("part")
            self._owed += len(frame.data)
            if self.gives_credit and self._owed >= CREDIT // 2:
                with self.sending:
                    self.connection.send([7, 0, self._owed])
                self._owed = 0
        else:
            self.records += frame
            self._credit += sum(record[2] for record in frame if record[0] == 8)
            self.order += [record[0] for record in frame]
        return frame

    def send_part(self, call_id: int, number: int, length: int, data: bytes) -> None:
        """One frame, as soon as there is credit for it."""
        while self._credit < len(data):
            self.take_frame()
        self._credit -= len(data)
        self.connection.socket.sendall(part_frame(call_id, number, length, data))

    def answer_to(self, call_id: int) -> Any:  # noqa: ANN401
        """The record that settles this call."""
        return self.wait_for(call_id, (0, 1, 3, 4))

    def wait_for(self, call_id: int, kinds: tuple[int, ...]) -> Any:  # noqa: ANN401
        while True:
            for record in self.records:
                if record[1] == call_id and record[0] in kinds:
                    self.records.remove(record)
                    return record
            self.take_frame()
