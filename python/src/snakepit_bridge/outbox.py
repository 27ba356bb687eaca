"""Replies on their way to the host: gathered for a moment, sent as one frame by whoever finishes.

Nobody waits for a sender: who finds one at work leaves its records, and the sender looks again
before it goes. What is in here can be sent: values are checked on their way in.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from snakepit_bridge.codecs import Codec, Record, sized_chunk
from snakepit_bridge.errors import (
    LONGEST_TEXT,
    BridgeError,
    error_map,
    given_back,
    not_begun,
    sendable,
)
from snakepit_bridge.outgoing_parts import (
    Extraction,
    OutgoingParts,
    OutgoingValue,
    has_big_leaf,
)
from snakepit_bridge.tracing import Correlation
from snakepit_bridge.transports import Transport
from snakepit_bridge.values import too_large, value_too_large
from snakepit_bridge.values.binary import PART_BYTES, may_hold_medium_binary

# Above this a bigger frame costs no less per record.
FRAME_RECORDS = 256
FRAME_BYTES = 256 * 1024
# What a frame needs beside one record: the length of the array and the acknowledgement.
FRAME_OVERHEAD = 16
# Logs and telemetry are not worth the memory of a worker whose host does not read.
MOST_WAITING_REPORTS = 10_000


class Outbox:
    def __init__(
        self, transport: Transport, codec: Codec, max_frame_bytes: int, max_value_bytes: int = 0
    ) -> None:
        """`max_value_bytes` is 0 when the host takes no parts."""
        self._transport = transport
        self._codec = codec
        self.max_record_bytes = max_frame_bytes - FRAME_OVERHEAD
        # Packed, or small enough to be packed with its frame.
        self._records: deque[bytes | Record] = deque()
        self._sending = threading.Lock()
        self._closed = False
        # Batches of the host that are taken in: those without short calls, which only the reader
        # counts; the number of the last one whose short calls are done; and what the host knows.
        self._acknowledging = threading.Lock()
        self._without_calls = 0
        self._lined_up = 0
        self._told = 0
        self.parts = OutgoingParts(transport, self)
        # JSON has no bytes, and so none that could leave its documents.
        self._max_value_bytes = max_value_bytes if codec.name == "msgpack" else 0
        # Records of so many bytes are looked at: for big binaries, and whether they are too large.
        self._large_bytes = min(PART_BYTES, self.max_record_bytes + 1)
        # Once there was a big value there will be more, and to pack one in vain is dear.
        self._looks_first = False
        self._extracts_always = codec.packs_once and self._max_value_bytes > 0
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()
        # Bound once, as they are called for every reply.
        self.put = self._records.append
        self.pack = codec.record

    def put_result(self, call_id: int, value: object, *, look_first: bool = True) -> int:
        """Returns the size of the record. Without `look_first` big binaries are found only when
        the value is packed: for commands that are known to answer with little.

        Raises SERIALIZATION, VALUE_TOO_LARGE.
        """
        if self._extracts_always or ((look_first or self._looks_first) and has_big_leaf(value)):
            return self._put_large(0, call_id, value)
        record = self.pack([0, call_id, value])
        size = len(record)
        if size >= self._large_bytes:
            return self._put_large(0, call_id, value, record)
        self.put(record)
        return size

    def put_chunk(self, call_id: int, value: object) -> int:
        """As `put_result`, for one piece of a stream. With `PART_BYTES` and more, wait until
        `parts.when_gone` before anything else of this call."""
        if value.__class__ is not str and (self._extracts_always or has_big_leaf(value)):
            return self._put_large(2, call_id, value)
        record, size = self._codec.chunk(call_id, value)
        if len(record) >= self._large_bytes:
            return self._put_large(2, call_id, value, record)
        self.put(record)
        return size

    def _put_large(
        self, kind: int, call_id: int, value: object, packed: bytes | None = None
    ) -> int:
        """In parts if it has big binaries. `packed` is the record without parts, if it is known."""
        if self._max_value_bytes == 0 or (
            packed is not None and not may_hold_medium_binary(packed)
        ):
            return self._put_whole(kind, call_id, value, packed)
        extraction = Extraction(call_id, self._max_value_bytes)
        record = extraction.packed(self.pack, kind, value)
        size = extraction.size + len(record)
        if extraction.size > self._max_value_bytes:
            self._codec.take_back()
            raise value_too_large(extraction.size, self._max_value_bytes)
        if kind == 2:
            record = sized_chunk(record, size)
        if not extraction.leaves:
            return self._put_whole(kind, call_id, value, record)
        self._require_room(record)
        self._looks_first = True
        outgoing = OutgoingValue(call_id, extraction.parts(), is_answer=kind == 0)
        outgoing.record = record
        self.parts.add(outgoing)
        return size

    def _put_whole(self, kind: int, call_id: int, value: object, packed: bytes | None) -> int:
        """`packed` is its record, if it is known."""
        if packed is None:
            packed = self.pack([kind, call_id, value])
            if kind == 2:
                packed = sized_chunk(packed, len(packed))
        self._require_room(packed)
        self.put(packed)
        return len(packed)

    def _require_room(self, record: bytes) -> None:
        if len(record) > self.max_record_bytes:
            self._codec.take_back()
            raise too_large(len(record), self.max_record_bytes)

    def put_end(self, call_id: int) -> None:
        self.put(self.pack([3, call_id]))

    def put_error(self, call_id: int, error: BaseException) -> None:
        wire = error_map(error)
        try:
            record = self.pack([1, call_id, wire])
            self._require_room(record)
        except BridgeError as refusal:
            # Its `details` cannot be carried. What it says of itself is text, and can.
            plain: dict[str, Any] = {key: wire[key] for key in ("type", "code") if key in wire}
            plain["message"] = f"{wire['message'][:500]} (details left out: {refusal})"
            record = self.pack([1, call_id, plain])
        self.put(record)

    def put_not_begun(self, call_id: int) -> None:
        self.put(self.pack([1, call_id, not_begun()]))

    def put_given_back(self, call_id: int) -> None:
        self.put(self.pack([1, call_id, given_back()]))

    def put_pong(self, call_id: int) -> None:
        self.put(self.pack([4, call_id]))

    def put_pace(self, command: str, *, is_short: bool) -> None:
        """Tells the host whether more calls of this command may come than there are slots."""
        self.put([6, 0, command, is_short])

    def log(self, level: str, message: str, correlation: Correlation | None = None) -> None:
        record = [5, 0, level, sendable(message[:LONGEST_TEXT])]
        self._report(record if correlation is None else [*record, correlation])

    def telemetry(
        self,
        event: str,
        measurements: dict[str, float],
        metadata: dict[str, Any],
        correlation: Correlation | None = None,
    ) -> None:
        """Raises SERIALIZATION, VALUE_TOO_LARGE."""
        # Only the value at this place is checked by all codecs in every respect.
        self.pack([7, 0, {"measurements": measurements, "metadata": metadata}])
        record = [7, 0, sendable(event), measurements, metadata]
        self._report(record if correlation is None else [*record, correlation])

    def _report(self, record: Record) -> None:
        if len(self._records) >= MOST_WAITING_REPORTS:
            return
        packed = self.pack(record)
        self._require_room(packed)
        self.put(packed)
        self.wake()

    def acknowledge_at_once(self) -> None:
        """One batch that held no short calls. Only the reader says so."""
        self._without_calls += 1

    def acknowledge(self, batch: int) -> None:
        """The short calls of this batch, counted among those that have any, and of all before."""
        with self._acknowledging:
            if batch > self._lined_up:
                self._lined_up = batch

    def has_acknowledged(self, batch: int) -> bool:
        return self._lined_up >= batch

    def wake(self) -> None:
        """Has the monitor thread flush at once; for those who must not block."""
        self._wakeups.put(None)

    def wait(self, timeout: float | None) -> None:
        """For the monitor thread: until `wake`, or until the time is up."""
        try:
            self._wakeups.get(timeout=timeout)
        except queue.Empty:
            return

    def flush(self) -> None:
        """Sends what waits. Returns at once when another thread is sending: it will see to it."""
        while (self._records or self._taken_in() > self._told) and not self._closed:
            if not self._sending.acquire(blocking=False):
                return
            try:
                self._send()
            except OSError:
                self._closed = True  # the host has gone; the reader notices and ends the worker
            finally:
                self._sending.release()

    def close(self) -> None:
        """Nobody reads any more what is put here."""
        self._closed = True
        self.parts.close()

    def reopen(self, transport: Transport) -> None:
        """For a host that knows of nothing that was put here or taken in before."""
        with self._sending:
            self._records.clear()
            self._told = self._taken_in()
            self._transport = transport
            self.parts.reopen(transport)
            self._closed = False

    def send_first(self, send: Callable[[], None]) -> bool:
        """For the thread that sends parts, which may wait for other senders: what is small, then
        `send`, then what has come meanwhile. False when the host has gone."""
        with self._sending:
            if self._closed:
                return False
            try:
                for _ in range(1 + len(self._records) // FRAME_RECORDS):
                    self._send()
                send()
            except OSError:
                self._closed = True
                return False
        self.flush()
        return True

    def _send(self) -> None:
        take = self._records.popleft
        # Only the sender takes, so as many as are there now stay there.
        records = [take() for _ in range(min(len(self._records), FRAME_RECORDS))]
        taken_in = self._taken_in()
        acked = taken_in - self._told
        if not records and not acked:
            return
        self._told = taken_in
        document = self._codec.small(acked, records)
        if document is not None:
            self._transport.send(document)
            return
        for pieces in _frames([self._alone(record) for record in records]):
            self._transport.send(self._codec.document(acked, pieces))
            acked = 0

    def _alone(self, record: bytes | Record) -> bytes:
        if isinstance(record, bytes):
            return record
        try:
            return self.pack(record)
        except BridgeError as refusal:
            return self.pack([1, record[1], error_map(refusal)])

    def _taken_in(self) -> int:
        return self._without_calls + self._lined_up


def _frames(records: list[bytes]) -> Iterator[list[bytes]]:
    """What fits into a frame: one record of any size, or several that are small together."""
    frame: list[bytes] = []
    size = 0
    for record in records:
        if frame and size + len(record) > FRAME_BYTES:
            yield frame
            frame, size = [], 0
        frame.append(record)
        size += len(record)
    yield frame
