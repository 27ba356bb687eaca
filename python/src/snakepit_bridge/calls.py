"""The calls of one worker: which wait, which run, which one owns the right to answer.

The host uses an id again as soon as its call is answered, while a thread may still hold that call.
So an id only finds a call; whether it is the same one is a matter of identity.
"""

import threading
from typing import Any

from snakepit_bridge import tracing
from snakepit_bridge.codecs import Record
from snakepit_bridge.context import Context
from snakepit_bridge.credit import Credit
from snakepit_bridge.outbox import Outbox
from snakepit_bridge.registry import Handler


class Call:
    """Known in `Calls.waiting` until it begins or is dropped, wherever else it stands."""

    __slots__ = ("args", "arrived", "handler", "record")

    def __init__(self, handler: Handler, record: Record, arrived: float) -> None:
        """`arrived` is on the clock of `time.perf_counter`."""
        self.handler = handler
        self.record = record
        self.arrived = arrived
        self.args: Any = {} if record[3] is None else record[3]

    @property
    def call_id(self) -> int:
        call_id: int = self.record[1]
        return call_id


class Calls:
    """Shared by the reader and all runners."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.waiting: dict[int, Call] = {}
        self.running: dict[int, Context] = {}
        self.credits: dict[Context, Credit] = {}
        # A call goes from `waiting` to `running` in one step, so that no cancel falls between.
        self._lock = threading.Lock()

    def begin(self, call: Call) -> Context | None:
        """Whoever gets the context must run the call and answer it. None when it was cancelled,
        and answered, before this moment; its id may then be another call's already."""
        record = call.record
        call_id: int = record[1]
        timeout_ms: Any = record[4] if len(record) > 4 else None
        session: Any = record[5] if len(record) > 5 else None
        deadline = None if timeout_ms is None else call.arrived + timeout_ms / 1000
        correlation = tracing.received(record[6]) if len(record) > 6 else None
        context = Context(call_id, call.handler.name, session, deadline, self.outbox, correlation)
        with self._lock:
            if self.waiting.get(call_id) is not call:
                return None
            del self.waiting[call_id]
            self.running[call_id] = context
        if correlation is not None:
            context.span = tracing.begin(context)
        return context

    def end(self, context: Context) -> None:
        """Before the answer goes into the outbox: afterwards the id may be another call's. On the
        thread, or in the task, that has begun the call. Harmless the second time."""
        if context.span is not None:
            span, context.span = context.span, None
            span.end()
        call_id = context.call_id
        if self.running.get(call_id) is context:
            del self.running[call_id]
        if self.credits:
            self.credits.pop(context, None)

    def drop(self, call_id: int) -> bool:
        """True when the call had not begun, and will not; whoever asked owns its answer."""
        with self._lock:
            return self.waiting.pop(call_id, None) is not None

    def drop_all(self) -> list[int]:
        """As `drop`, for every call that has not begun."""
        with self._lock:
            dropped = list(self.waiting)
            self.waiting.clear()
        return dropped

    def cancel(self, call_id: int) -> Context | None:
        """Tells the context of a call that runs, which is returned."""
        context = self.running.get(call_id)
        if context is not None:
            context.cancel()
            credit = self.credits.get(context)
            if credit is not None:
                credit.wake()
        return context

    def cancel_all(self) -> list[Context]:
        """As `cancel`, for every call that runs."""
        return [context for call_id in list(self.running) if (context := self.cancel(call_id))]

    def grant(self, call_id: int, chunks: int, size: int) -> None:
        context = self.running.get(call_id)
        credit = None if context is None else self.credits.get(context)
        if credit is not None:  # else the stream ended while the credit was on its way
            credit.grant(chunks, size)
