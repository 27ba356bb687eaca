"""Big binaries on their way to the host, ahead of the record that they belong to.

A thread sends them frame by frame, in turns, so that small replies pass in between. It also gives
the host credit for the parts that have come, because the reading thread must not wait for a sender.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import ormsgpack

from snakepit_bridge.codecs import Record
from snakepit_bridge.errors import Cancelled, ProtocolError, error_map
from snakepit_bridge.incoming_parts import PART_CREDIT_BYTES, REFERENCE, VALUES_AT_ONCE
from snakepit_bridge.large_memory import copied
from snakepit_bridge.transports import Transport
from snakepit_bridge.values import DEEPEST, kinds, value_too_large
from snakepit_bridge.values.binary import (
    MANY_BYTES,
    MEDIUM_BYTES,
    PART_BYTES,
    BigBinary,
    Binary,
    collecting,
    is_big,
    size_of,
)

# How much of a value is looked at for big binaries before it is packed: of each container so many
# items, down to so many containers in containers.
LONGEST_LOOK = 32
DEEPEST_LOOK = 2
BINARY = frozenset({bytes, bytearray, memoryview})
CONTAINERS = frozenset({dict, list})


class Sender(Protocol):
    """The outbox, as seen from here."""

    def put(self, record: bytes | Record, /) -> None: ...

    def send_first(self, send: Callable[[], None]) -> bool: ...


class OutgoingValue:
    """One record and its parts."""

    __slots__ = (
        "call_id",
        "gone",
        "is_answer",
        "number",
        "offset",
        "parts",
        "record",
        "when_gone",
    )

    def __init__(self, call_id: int, parts: list[memoryview], *, is_answer: bool) -> None:
        """`is_answer`: its record settles the call, which then is nobody else's to answer."""
        self.call_id = call_id
        self.parts = parts
        self.record = b""
        self.is_answer = is_answer
        self.number = 0
        self.offset = 0
        # Sent, or given up.
        self.gone = False
        self.when_gone: list[Callable[[], None]] = []


class OutgoingParts:
    def __init__(self, transport: Transport, sender: Sender) -> None:
        self._transport = transport
        self._frame_bytes = transport.part_frame_bytes
        self._sender = sender
        self._changed = threading.Condition()
        # Those at the front take turns, the others wait.
        self._values: deque[OutgoingValue] = deque()
        self._credit = PART_CREDIT_BYTES
        self._owed = 0
        self._has_thread = False

    def add(self, value: OutgoingValue) -> None:
        with self._changed:
            self._values.append(value)
            self._wake()

    def stop(self, call_id: int) -> bool:
        """The caller has gone. True when this was the answer of its call: another one, to put into
        the outbox, was made of it."""
        with self._changed:
            value = self._find(call_id)
            if value is None:
                return False
            self._finish(value)
            if value.is_answer:
                self._sender.put([1, call_id, error_map(Cancelled())])
            return value.is_answer

    def when_gone(self, call_id: int, callback: Callable[[], None]) -> None:
        """Calls back, from any thread, when nothing of this call is on its way (any more)."""
        with self._changed:
            value = self._find(call_id)
            if value is not None:
                value.when_gone.append(callback)
                return
        callback()

    def grant(self, count: object) -> None:
        """The host has taken in so many bytes of parts. Raises `ProtocolError`."""
        with self._changed:
            sent = PART_CREDIT_BYTES - self._credit
            if type(count) is not int or not 0 <= count <= sent:
                raise ProtocolError(f"credit for parts is {count!r} bytes, of {sent:,} sent")
            self._credit += count
            self._wake()

    def owe(self, count: int) -> None:
        """So many bytes of parts have come. Raises `ProtocolError` when the host is beyond its
        credit."""
        with self._changed:
            self._owed += count
            if self._owed > PART_CREDIT_BYTES:
                raise ProtocolError(f"parts are {self._owed:,} bytes ahead, beyond their credit")
            if self._owes_credit:
                self._wake()

    @property
    def _owes_credit(self) -> bool:
        return self._owed >= PART_CREDIT_BYTES // 2

    def _wake(self) -> None:
        if not self._has_thread:
            self._has_thread = True
            threading.Thread(target=self._work, name="snakepit-parts", daemon=True).start()
        self._changed.notify()

    def _find(self, call_id: int) -> OutgoingValue | None:
        return next((value for value in self._values if value.call_id == call_id), None)

    def _finish(self, value: OutgoingValue) -> None:
        self._values.remove(value)
        value.gone = True
        for callback in value.when_gone:
            callback()

    def _work(self) -> None:
        """Until the host has gone."""
        while True:
            with self._changed:
                while not (self._owes_credit or (self._values and self._credit)):
                    self._changed.wait()
                transport = self._transport
            send = self._send_credit if self._owes_credit else self._send_part
            if self._sender.send_first(send):
                continue
            with self._changed:
                # Else the host is there again, and what waits now is for it.
                if self._transport is transport:
                    self._has_thread = False
                    self.close()
                    return

    def close(self) -> None:
        """The host has gone: nobody shall wait for what will never leave."""
        with self._changed:
            while self._values:
                self._finish(self._values[0])

    def reopen(self, transport: Transport) -> None:
        """For a host that knows of nothing that was sent before, or has come."""
        self.close()
        with self._changed:
            self._transport = transport
            self._frame_bytes = transport.part_frame_bytes
            self._credit = PART_CREDIT_BYTES
            self._owed = 0

    def _send_credit(self) -> None:
        # Given before it is sent: a host that has it sends on before this thread runs again. One
        # that does not read gets ahead by one credit more, and no further.
        with self._changed:
            given, self._owed = self._owed, 0
        if given == 0:  # it was owed to a connection that has ended
            return
        # As a frame of its own: what is put among the records may wait for the next flush.
        self._transport.send(ormsgpack.packb([0, [8, 0, given]]))

    def _send_part(self) -> None:
        """One frame of the value whose turn it is, which then stands last of those."""
        with self._changed:
            if not self._values or not self._credit:
                return
            value = self._values[0]
            part = value.parts[value.number]
            chunk = part[value.offset : value.offset + min(self._frame_bytes, self._credit)]
            self._credit -= len(chunk)
            self._values.popleft()
            self._values.insert(min(VALUES_AT_ONCE - 1, len(self._values)), value)
        self._transport.send_part(value.call_id, value.number, len(part), chunk)
        value.offset += len(chunk)
        if value.offset < len(part):
            return
        value.offset = 0
        value.number += 1
        if value.number < len(value.parts):
            return
        with self._changed:
            if not value.gone:
                self._sender.put(value.record)
                self._finish(value)


def has_big_leaf(value: object, depth: int = DEEPEST_LOOK) -> bool:
    """Whether big binaries are where they usually are. Bounded, so it may miss some."""
    if is_big(value):
        return True
    items: Iterable[object] = ()
    if isinstance(value, dict):
        items = itertools.islice(value.values(), LONGEST_LOOK)
    elif isinstance(value, list):
        items = value[:LONGEST_LOOK]
    for item in items:
        if is_big(item):
            return True
        if depth > 0 and item.__class__ in CONTAINERS and has_big_leaf(item, depth - 1):
            return True
    return False


class Extraction:
    """Packs a value without its big binaries, which are gathered in their order."""

    def __init__(self, call_id: int, most_bytes: int) -> None:
        self._call_id = call_id
        self._most_bytes = most_bytes
        self._inline_bytes = 0
        self.size = 0
        self.leaves: list[Binary] = []

    def packed(self, pack: Callable[[Record], bytes], kind: int, value: object) -> bytes:
        """The record. Raises what `pack` does."""
        record = [kind, self._call_id, _marked(value)]
        self.begin()
        collecting.collector = self
        try:
            return pack(record)
        finally:
            collecting.collector = None

    def begin(self) -> None:
        self.size = self._inline_bytes = 0
        self.leaves = []

    def announce(self, size: int) -> None:
        if self.size + size > self._most_bytes:
            raise value_too_large(self.size + size, self._most_bytes)

    def replace(self, binary: Binary) -> object:
        size = size_of(binary)
        if size < PART_BYTES and self._inline_bytes + size <= MANY_BYTES:
            self._inline_bytes += size
            return binary
        number = len(self.leaves)
        self.leaves.append(binary)
        self.size += size
        return ormsgpack.Ext(kinds.PART, REFERENCE.pack(self._call_id, number))

    def parts(self) -> list[memoryview]:
        """The bytes as they are now. What its owner may go on changing is copied, once for all
        places in which it stands."""
        copies: dict[int, memoryview] = {}
        for leaf in self.leaves:
            if id(leaf) not in copies:
                view = memoryview(leaf)
                copies[id(leaf)] = view if isinstance(leaf, bytes) else copied(view)
        return [copies[id(leaf)] for leaf in self.leaves]


def _marked(value: object, depth: int = 0) -> object:
    """A copy of the containers around big bytes, which the encoder is to ask about; all else is the
    same object."""
    kind = value.__class__
    if kind in BINARY:
        if size_of(value) < MEDIUM_BYTES:
            return value
        return BigBinary(value)  # type: ignore[arg-type]
    if depth > DEEPEST:
        return value  # the encoder refuses it by name
    if isinstance(value, dict) and kind is dict and _may_hold_binaries(value.values()):
        return {key: _marked(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list) and kind is list and _may_hold_binaries(value):
        return [_marked(item, depth + 1) for item in value]
    return value


def _may_hold_binaries(items: Iterable[object]) -> bool:
    return not (BINARY | CONTAINERS).isdisjoint(map(type, items))
