"""The codec of a worker that keeps objects for its host (`python.unknownObjects: "ref"`)."""

import threading
from collections.abc import Sequence
from typing import Any

from snakepit_bridge.codecs import MsgpackCodec, Record
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.incoming_parts import IncomingParts
from snakepit_bridge.transports import Buffer
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refs import refs

CALLS = (0, 1)
SESSION_END = 6
# To the host: result, error, end of a stream.
LAST_ANSWERS = (0, 1, 3)


class ReferringCodec(MsgpackCodec):
    """Knows the session of each call, because what it keeps for one ends with it.

    It reads them off the records that pass through it, so that no other worker pays for it.
    """

    packs_once = True

    def __init__(self) -> None:
        super().__init__(self._keep)
        # Of the calls that are not answered and have one; None for one that is over.
        self._sessions: dict[int, str | None] = {}
        self._packing = threading.local()
        pack = self.record

        def record(record: Record) -> bytes:
            call_id = record[1]
            self._packing.call_id = call_id
            self._packing.made = []
            try:
                return pack(record)
            except BaseException:
                self.take_back()
                raise
            finally:
                if record[0] in LAST_ANSWERS:
                    self._sessions.pop(call_id, None)

        self.record = record

    def take_back(self) -> None:
        refs.release(self._packing.made)  # nobody will ever hear of them

    def small(self, acked: int, records: Sequence[bytes | Record]) -> bytes | None:
        document = super().small(acked, records)
        if document is not None and self._sessions:
            for record in records:
                if record[0] in LAST_ANSWERS:
                    self._sessions.pop(record[1], None)
        return document

    def decode(self, document: Buffer, parts: IncomingParts | None = None) -> list[Any]:
        batch = super().decode(document, parts)
        for record in batch[1:]:
            if record[0] in CALLS and len(record) > 5 and record[5] is not None:
                self._sessions[record[1]] = record[5]
            elif record[0] == SESSION_END:
                self._end(record[2])
        return batch

    def _end(self, session: str) -> None:
        for call_id, own in list(self._sessions.items()):
            if own == session:
                self._sessions[call_id] = None
        refs.release_session(session)

    def _keep(self, value: object, _: str | None) -> Extension:
        call_id = self._packing.call_id
        session = self._sessions.get(call_id)
        if session is None and call_id in self._sessions:
            raise BridgeError(
                "SESSION_LOST", "the session is over for which an object was to be kept"
            )
        made: list[str] = self._packing.made
        return refs.form_of(value, session, made)
