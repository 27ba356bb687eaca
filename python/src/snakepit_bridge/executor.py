"""Runs synchronous handlers on threads.

Short calls stand in line, and one thread at a time works through it: the one that has just read
them, because handing a call of 1 µs to another thread costs ten times as much as the call. When
the call in its hands takes long, the monitor appoints another thread for the line, and one for
reading. Handlers known to be slow never stand in line.
"""

import contextvars
import threading
import time
from collections import deque

from snakepit_bridge.calls import Call, Calls
from snakepit_bridge.outbox import FRAME_BYTES
from snakepit_bridge.registry import QUICK_CALLS, Handler
from snakepit_bridge.runners import Runners
from snakepit_bridge.streams import GATHER_SECONDS, run_generator

# A call that takes longer than this holds nobody else up.
SLOW_SECONDS = 0.002
# What a short call may take , so that a batch of them holds nobody up for long.
SHORT_SECONDS = 0.00025
# How many short calls pass between two looks at the clock, which costs a tenth of one.
CALLS_PER_LOOK = 8
# Replies that nobody can change afterwards and every codec carries: they are packed with their
# batch. What is refused all the same (an integer beyond 64 bits) is found out then, and alone.
SMALL = frozenset({int, float, bool, type(None)})
# Stands in line behind the last short call of a batch; carries the batch's number.
BatchEnd = int


class Appointment:
    """To be the one who works through the line; a thread that was replaced in the middle of a long
    call finds another one in force."""

    __slots__ = ("reads",)

    def __init__(self, *, reads: bool) -> None:
        """`reads`: this thread also reads from the host, and must get back to it."""
        self.reads = reads


class Executor:
    def __init__(self, calls: Calls, concurrency: int) -> None:
        self._calls = calls
        self._runners: Runners[Call | Appointment] = Runners(self._serve, concurrency)
        self._line: deque[Call | BatchEnd] = deque()
        self._lock = threading.Lock()
        self._appointment: Appointment | None = None
        # Calls that the line's thread has finished, and what the monitor last saw of it.
        self._progress = 0
        self._seen = 0
        self._seen_at = 0.0

    def start(self) -> None:
        self._runners.start_one()

    def line_up(self, short_calls: list[Call | BatchEnd]) -> Appointment | None:
        """The short calls of one batch and its end. Called by the reading thread, which is the one
        to work through them if it gets an appointment; else another is at it."""
        self._line.extend(short_calls)
        with self._lock:
            return self._appoint(reads=True) if self._appointment is None else None

    def run_alone(self, call: Call) -> None:
        self._runners.give(call)

    def drop(self, call_id: int) -> bool:
        """Takes a cancelled call out of the line. False when it is not there, or was begun."""
        while True:
            try:
                for call in self._line:
                    if call.__class__ is tuple and call[1][1] == call_id:
                        self._line.remove(call)
                        return True
                return False
            except (RuntimeError, ValueError):
                continue  # a call was begun while we looked, perhaps this one

    @property
    def has_waiting(self) -> bool:
        return bool(self._line)

    def unstick(self) -> bool:
        """Called by the monitor thread, to find another thread for the line when calls wait behind
        a slow one. True when it was the reading thread that has got stuck (in a call, or because
        the host takes no replies): then another must read, and that one will not."""
        if not self._is_stuck():
            return False
        with self._lock:
            stuck = self._appointment
            if stuck is None or not self._is_stuck():
                return False
            # With no thread left, the line waits for the next one that finishes its call.
            if not stuck.reads and not self._runners.has_room:
                return False
            appointment = self._appoint(reads=False)
        self._runners.give(appointment)
        return stuck.reads

    def _is_stuck(self) -> bool:
        appointment = self._appointment
        if appointment is None or not (appointment.reads or self._line):
            return False
        now = time.perf_counter()
        if self._progress != self._seen:
            self._seen, self._seen_at = self._progress, now
        return now - self._seen_at > SLOW_SECONDS

    def _appoint(self, *, reads: bool) -> Appointment:
        self._appointment = Appointment(reads=reads)
        self._progress += 1
        return self._appointment

    def _serve(self, work: Call | Appointment) -> None:
        if isinstance(work, Appointment):
            self.work_through_line(work)
            return
        began = time.perf_counter()
        self._run(work)
        work[0].noted(was_slow=time.perf_counter() - began > SLOW_SECONDS)
        self._calls.outbox.flush()

    def work_through_line(self, appointment: Appointment) -> bool:
        """Until it is empty. False when another thread was appointed in the meantime."""
        outbox, clock = self._calls.outbox, time.perf_counter
        take, put = self._line.popleft, outbox.put
        context = contextvars.Context()
        flushed = looked = clock()
        size = since_look = 0
        handler = None
        while self._appointment is appointment:
            try:
                call = take()
            except IndexError:
                if self._resign(appointment):
                    return True
                continue
            if call.__class__ is BatchEnd:
                if since_look and clock() - looked > since_look * SHORT_SECONDS:
                    self._took_long(handler)
                outbox.acknowledge(call)
                outbox.flush()
                self._progress += 1
                flushed = looked = clock()
                size = since_look = 0
                continue
            handler, record, _ = call  # type: ignore[misc]
            if handler.is_short:
                # `_run`, written out: half of what a small call costs is calling functions.
                call_id, args = record[1], record[3]
                try:
                    if args is None:
                        args = {}
                    if handler.checks:
                        args = handler.checked(args)
                    handler.quick_calls += 1
                    value = context.run(handler.function, **args)
                    if value.__class__ in SMALL:
                        put([0, call_id, value])
                    else:
                        size += outbox.put_result(call_id, value)
                except BaseException as error:  # as in `_run`
                    outbox.put_error(call_id, explain(call, error))  # type: ignore[arg-type]
                if len(context):
                    context = contextvars.Context()  # what one call sets, the next must not see
            else:
                self._run(call)  # type: ignore[arg-type]
            self._progress += 1
            if handler.quick_calls == QUICK_CALLS:
                outbox.put_pace(handler.name, is_short=True)
            since_look += 1
            if since_look == CALLS_PER_LOOK or size > FRAME_BYTES:
                now = clock()
                if now - looked > since_look * SHORT_SECONDS:
                    self._took_long(handler)
                if now - flushed > GATHER_SECONDS or size > FRAME_BYTES:
                    outbox.flush()
                    flushed = now = clock()
                    size = 0
                looked = now
                since_look = 0
        # Somebody else was appointed in the middle of its call.
        self._took_long(handler)
        if handler is not None:
            handler.noted(was_slow=True)
        outbox.flush()
        return False

    def _took_long(self, handler: Handler | None) -> None:
        """Its calls are not as short as the host may have been told."""
        if handler is not None:
            if handler.quick_calls >= QUICK_CALLS:
                self._calls.outbox.put_pace(handler.name, is_short=False)
            handler.quick_calls = 0

    def _resign(self, appointment: Appointment) -> bool:
        """False when calls came in the meantime. Under the lock, which `line_up` takes after it
        has added its calls: so either it sees nobody appointed, or we see its calls."""
        with self._lock:
            if self._line or self._appointment is not appointment:
                return False
            self._appointment = None
            return True

    def _run(self, call: Call) -> None:
        """One call or stream, to its answer. Raises nothing."""
        handler, record, _ = call
        calls, outbox = self._calls, self._calls.outbox
        call_id = record[1]
        context = calls.context(call)
        if not calls.begin(call_id):
            return
        try:
            args = handler.arguments({} if record[3] is None else record[3], context)
            value = contextvars.copy_context().run(handler.function, **args)
            if record[0] == 0:
                outbox.put_result(call_id, value)
                return
            if handler.is_stream:
                contextvars.copy_context().run(run_generator, calls, call, value, context)
            else:
                outbox.put_chunk(call_id, value)
            outbox.put_end(call_id)
        except BaseException as error:  # SystemExit too: a handler must not end its worker
            outbox.put_error(call_id, explain(call, error))
        finally:
            calls.end(call_id)


def explain(call: Call, error: BaseException) -> BaseException:
    """The error to report. A `TypeError` of the call itself becomes INVALID_ARGUMENT: checking the
    names only then costs a good call nothing."""
    if isinstance(error, TypeError):
        misfit = call[0].misfit({} if call[1][3] is None else call[1][3])
        if misfit is not None:
            return misfit
    return error
