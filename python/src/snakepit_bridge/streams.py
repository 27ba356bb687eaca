"""Streams: when chunks leave, and the loop of a synchronous producer."""

import threading
import time
from collections.abc import Generator
from typing import Any

from snakepit_bridge.calls import Calls
from snakepit_bridge.context import Context
from snakepit_bridge.credit import Credit
from snakepit_bridge.errors import Cancelled
from snakepit_bridge.outbox import FRAME_BYTES, FRAME_RECORDS, Outbox
from snakepit_bridge.values.binary import PART_BYTES

# Finished replies and chunks never wait longer than this for others.
GATHER_SECONDS = 0.0005


class Gathering:
    """When the chunks of one stream should leave: the first at once, then by number, size, time."""

    __slots__ = ("_bytes", "_chunks", "_until")

    def __init__(self) -> None:
        self._chunks = FRAME_RECORDS
        self._bytes = 0
        self._until = 0.0

    def add(self, size: int) -> bool:
        """True when it is time to send; counts anew then."""
        self._chunks += 1
        self._bytes += size
        if (
            self._chunks < FRAME_RECORDS
            and self._bytes < FRAME_BYTES
            and time.perf_counter() < self._until
        ):
            return False
        self._chunks = self._bytes = 0
        self._until = time.perf_counter() + GATHER_SECONDS
        return True


def run_generator(calls: Calls, generator: Generator[Any, None, None], context: Context) -> None:
    """Sends the generator's chunks as fast as the reader takes them. Raises `Cancelled` when the
    caller has gone, and whatever the generator raises; its `finally` blocks have run then."""
    call_id = context.call_id
    outbox = calls.outbox
    woken = threading.Event()
    credit = Credit(woken.set)
    calls.credits[context] = credit
    gathering = Gathering()
    first = True
    try:
        for chunk in generator:
            if context.cancelled:
                raise Cancelled
            size = outbox.put_chunk(call_id, chunk)
            credit.spend(size)
            if gathering.add(size):
                outbox.flush()
                if first:
                    # The first chunk matters most. Whoever sends it may need the interpreter's
                    # lock, which a busy generator would keep: 0.45 ms instead of 1.15 measured.
                    time.sleep(0.00005)
                    first = False
            if size >= PART_BYTES:
                wait_until_gone(outbox, context)
            if credit.used_up:
                _wait_for_credit(outbox, credit, woken, context)
    finally:
        generator.close()


def wait_until_gone(outbox: Outbox, context: Context) -> None:
    """Until the parts of a big chunk are sent: what follows it must follow them. Raises `Cancelled`
    when they were given up, because a stream without them must not end well."""
    gone = threading.Event()
    outbox.parts.when_gone(context.call_id, gone.set)
    gone.wait()
    context.check_cancelled()


def _wait_for_credit(
    outbox: Outbox, credit: Credit, woken: threading.Event, context: Context
) -> None:
    outbox.flush()
    while credit.used_up:
        context.check_cancelled()
        woken.wait()
        woken.clear()
    context.check_cancelled()
