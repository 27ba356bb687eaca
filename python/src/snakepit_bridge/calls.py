"""The calls of one worker: which wait, which run, which one owns the right to answer."""

from typing import Any

from snakepit_bridge.codecs import Record
from snakepit_bridge.context import Context
from snakepit_bridge.credit import Credit
from snakepit_bridge.outbox import Outbox
from snakepit_bridge.registry import Handler

# The handler, the host's record, and when it arrived on the clock of `time.perf_counter`.
# A tuple, because a call of 1 µs has no time for an object of its own.
Call = tuple[Handler, Record, float]


class Calls:
    """Shared by the reader and all runners. Each step is one operation on a dict, which the
    interpreter's lock makes whole, so that nothing here needs a lock of its own."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        # Not begun, but for the short calls, which are nowhere but in line: a dict would cost them
        # as much as running. Whoever pops a call from here owns its answer: a runner that begins
        # it, or the reader that hears of its cancellation.
        self.waiting: dict[int, Call] = {}
        self.running: dict[int, Context] = {}
        self.credits: dict[int, Credit] = {}

    def context(self, call: Call) -> Context:
        """Also makes it known for cancellation; before `begin`, or a cancel could slip between."""
        handler, record, arrived = call
        timeout_ms: Any = record[4] if len(record) > 4 else None
        session: Any = record[5] if len(record) > 5 else None
        deadline = None if timeout_ms is None else arrived + timeout_ms / 1000
        context = Context(record[1], handler.name, session, deadline, self.outbox.log)
        self.running[record[1]] = context
        return context

    def begin(self, call_id: int) -> bool:
        """False when the call was cancelled, and answered, before this moment."""
        if self.waiting.pop(call_id, None) is not None:
            return True
        self.running.pop(call_id, None)
        return False

    def end(self, call_id: int) -> None:
        self.running.pop(call_id, None)
        self.credits.pop(call_id, None)

    def drop(self, call_id: int) -> bool:
        """True when the call had not begun, and will not; whoever asked owns its answer."""
        return self.waiting.pop(call_id, None) is not None

    def cancel(self, call_id: int) -> Context | None:
        """Tells the context of a call that runs, which is returned."""
        context = self.running.get(call_id)
        if context is not None:
            context.cancel()
            credit = self.credits.get(call_id)
            if credit is not None:
                credit.wake()
        return context

    def grant(self, call_id: int, chunks: int, size: int) -> None:
        credit = self.credits.get(call_id)
        if credit is not None:  # else the stream ended while the credit was on its way
            credit.grant(chunks, size)
