"""Runs synchronous handlers on threads.

Short calls stand in line, and one thread at a time works through it: the one that has just read
them, because handing a call of 1 µs to another thread costs ten times as much as the call. When
the call in its hands takes long, the monitor appoints another thread for the line, and one for
reading. Handlers known to be slow never stand in line, unless the worker runs one call at a time:
then all calls do, and the line waits for each.
"""

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from snakepit_bridge.calls import Call, Calls
from snakepit_bridge.codecs import Record
from snakepit_bridge.outbox import FRAME_BYTES
from snakepit_bridge.registry import QUICK_CALLS, Handler
from snakepit_bridge.run_queue import waited_seconds
from snakepit_bridge.runners import Runners
from snakepit_bridge.session_end import SessionEnd
from snakepit_bridge.streams import GATHER_SECONDS, run_generator, wait_until_gone
from snakepit_bridge.values.binary import PART_BYTES

# A call that takes longer than this holds nobody else up.
SLOW_SECONDS = 0.002
# What a short call may take, so that a batch of them holds nobody up for long.
SHORT_SECONDS = 0.00025
# How many short calls pass between two looks at the clock, which costs a tenth of one.
CALLS_PER_LOOK = 8
# Replies that nobody can change afterwards and every codec carries: they are packed with their
# batch. What needs an extension all the same (an integer beyond 64 bits) gets one then, alone.
SMALL = frozenset({int, float, bool, type(None)})
# The host's record with the handler in place of the command's name. It is nowhere but in line:
# whoever takes it out owns its answer. No object of its own, because a call of 1 µs has no time for
# more.
ShortCall = Record
# Stands in line behind the last short call of a batch; carries the batch's number.
BatchEnd = int
Item = ShortCall | Call | SessionEnd | BatchEnd


class Appointment:
    """To be the one who works through the line; a thread that was replaced in the middle of a long
    call finds another one in force."""

    __slots__ = ("is_vacant", "native_id", "reads")

    def __init__(self, *, reads: bool, is_vacant: bool = False) -> None:
        """`reads`: this thread also reads from the host, and must get back to it. `is_vacant`: no
        thread was free, so it is for the first that is."""
        self.reads = reads
        self.is_vacant = is_vacant
        # Of the thread that has taken it up.
        self.native_id: int | None = None


class Executor:
    def __init__(self, calls: Calls, concurrency: int, run_async: Callable[[Call], None]) -> None:
        """`run_async` answers the call of an asynchronous handler that stands in line."""
        self._calls = calls
        self._run_async = run_async
        # No two calls overlap: all stand in line, and nobody is appointed beside a slow one.
        self.one_by_one = concurrency == 1
        self._runners: Runners[Call | SessionEnd | Appointment] = Runners(self._serve, concurrency)
        self._line: deque[Item] = deque()
        self._lock = threading.Lock()
        self._appointment: Appointment | None = None
        # Threads that were to read and got stuck in a call.
        self._strays = 0
        # What was ever put in line, and how often somebody was appointed: see `_progress`.
        self._lined_up = 0
        self._appointments = 0
        # What the monitor last saw of it.
        self._seen = 0
        self._seen_at = 0.0
        self._seen_waited = 0.0

    def start(self) -> None:
        self._runners.start_one()

    def line_up(self, batch: list[Item], *, reader_may: bool = True) -> Appointment | None:
        """The short calls of one batch and its end. Called by the reading thread, which is the one
        to work through them if it gets an appointment; else another is at it. Without `reader_may`
        it gets none: a worker for one call at a time keeps its slow ones on one and the same
        thread, which libraries for numbers like."""
        self._lined_up += len(batch)
        self._line.extend(batch)
        with self._lock:
            if self._appointment is not None:
                return None
            appointment = self._appoint(Appointment(reads=reader_may))
        if reader_may:
            return appointment
        self._runners.give(appointment)
        return None

    def run_alone(self, work: Call | SessionEnd) -> None:
        self._runners.give(work)

    def drop(self, call_id: int) -> bool:
        """Takes a short call that was cancelled out of the line. False when it is not there, or was
        begun. Each `Call` is left: it is `Calls.drop` that decides on those, and once they were
        dropped their id is another's."""
        while True:
            try:
                for call in self._line:
                    if call.__class__ is list and call[1] == call_id:
                        self._line.remove(call)  # one step, as taking the next call is
                        return True
                return False
            except (RuntimeError, ValueError):
                continue  # a call was begun while we looked, perhaps this one

    def give_back(self) -> list[int]:
        """Takes all calls out of the line that have not begun; returns the ids of the short ones.
        As with `drop`, each `Call` is for `Calls` to decide on, and must be dropped there. Only for
        the reading thread, because nobody may line up calls meanwhile."""
        ids: list[int] = []
        others: list[Item] = []
        # Under the lock no thread finds the line empty and goes, before the end is back in it.
        with self._lock:
            with contextlib.suppress(IndexError):
                while True:
                    item = self._line.pop()
                    if item.__class__ is list:
                        ids.append(item[1])
                    elif not isinstance(item, Call):
                        others.append(item)
            self._line.extend(reversed(others))
        ids.reverse()
        return ids

    @property
    def is_idle(self) -> bool:
        """Nothing stands in line, and no thread is at work."""
        with self._lock:
            if self._line or self._appointment is not None or self._strays > 0:
                return False
        return self._runners.is_idle

    @property
    def may_get_stuck(self) -> bool:
        """Whether the monitor must look on: calls wait, or the thread that reads is in one."""
        appointment = self._appointment
        return bool(self._line) or (appointment is not None and appointment.reads)

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
            strays = self._strays + stuck.reads
            # The line is a slot beside the others; with more than one stray, it is used up.
            others = max(0, strays - 1)
            runner = None if self.one_by_one else self._runners.reserve(others)
            # With no thread left, the line is for the next one that finishes its call: for the
            # stuck one if it is quicker than the runners.
            if runner is None and stuck.is_vacant:
                return False
            self._strays = strays
            successor = self._appoint(Appointment(reads=False, is_vacant=runner is None))
        if runner is not None:
            runner.begin(successor)
        return stuck.reads

    def _is_stuck(self) -> bool:
        appointment = self._appointment
        if appointment is None or not (appointment.reads or self._line):
            return False
        now, progress = time.perf_counter(), self._progress()
        stood_still = now - self._seen_at
        if progress == self._seen and stood_still <= SLOW_SECONDS:
            return False
        thread = appointment.native_id
        waited = (thread and waited_seconds(thread)) or 0.0
        # A machine with other work to do is no slow call: more threads would not get on either.
        if progress == self._seen and 2 * (waited - self._seen_waited) < stood_still:
            return True
        self._seen, self._seen_at, self._seen_waited = progress, now, waited
        return False

    @property
    def stands_still(self) -> bool:
        """Whether the line's thread has finished nothing since the monitor's last look."""
        return self.may_get_stuck and self._progress() == self._seen

    def _progress(self) -> int:
        """Grows with each item that is taken from the line. Not counted by the line's thread: a
        counter that it touched for every call would be a twentieth of a small one."""
        return self._lined_up - len(self._line) + self._appointments

    def _appoint(self, appointment: Appointment) -> Appointment:
        self._appointment = appointment
        self._appointments += 1
        return appointment

    def _take_vacancy(self) -> Appointment | None:
        with self._lock:
            appointment = self._appointment
            if appointment is None or not appointment.is_vacant:
                return None
            appointment.is_vacant = False
            self._appointments += 1
            return appointment

    def _serve(self, work: Call | SessionEnd | Appointment) -> None:
        if isinstance(work, Appointment):
            self.work_through_line(work)
            return
        if isinstance(work, SessionEnd):
            work.run()
            return
        began = time.perf_counter()
        self._run(work)
        work.handler.noted(was_slow=time.perf_counter() - began > SLOW_SECONDS)
        self._calls.outbox.flush()

    def work_through_line(self, appointment: Appointment) -> bool:
        """Until it is empty, or another thread is at it. False when another thread has been asked
        to read in the meantime."""
        if self._work(appointment):
            return True
        vacancy = self._take_vacancy()
        while vacancy is not None and not self._work(vacancy):
            vacancy = self._take_vacancy()
        if appointment.reads:
            with self._lock:
                self._strays -= 1
        return False

    def _work(self, appointment: Appointment) -> bool:
        """Until the line is empty. False when another appointment was made in the meantime."""
        appointment.native_id = threading.get_native_id()
        while self._appointment is appointment:
            # What one call sets in its context, the next must not see. Nearly all set nothing, so
            # one context serves many: entering it anew for each call would be a tenth of it.
            context = contextvars.Context()
            if context.run(self._work_in, context, appointment) and self._resign(appointment):
                return True
        return False

    def _work_in(self, context: contextvars.Context, appointment: Appointment) -> bool:
        """True when the line is empty; False when the context is used up, or the appointment was
        taken back."""
        outbox, clock = self._calls.outbox, time.perf_counter
        take, put = self._line.popleft, outbox.put
        flushed = looked = clock()
        size = since_look = 0
        handler = None
        while self._appointment is appointment:
            if context:  # a call has set something
                return False
            try:
                call = take()
            except IndexError:
                return True
            if call.__class__ is list:
                # As `_run`, written out: half of what a small call costs is calling functions.
                call_id, handler, args = call[1], call[2], call[3]
                try:
                    if args is None:
                        args = {}
                    value = handler.run(args)
                    if value.__class__ in SMALL:
                        put([0, call_id, value])
                    else:
                        is_new = handler.quick_calls < QUICK_CALLS
                        size += outbox.put_result(call_id, value, look_first=is_new)
                except BaseException as error:  # as in `_run`
                    outbox.put_error(call_id, explain(handler, args, error))
            elif isinstance(call, Call):
                handler = call.handler
                self._run(call)
            elif isinstance(call, SessionEnd):
                call.run()
                handler = None
                continue
            else:
                if since_look and clock() - looked > since_look * SHORT_SECONDS:
                    self._took_long(handler)
                outbox.acknowledge(call)  # type: ignore[arg-type]
                outbox.flush()
                flushed = looked = clock()
                size = since_look = 0
                continue
            if handler.quick_calls < QUICK_CALLS:
                handler.quick_calls += 1
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
        # The appointment was taken back in the middle of its call.
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
        if call.handler.is_async:
            self._run_async(call)
            return
        calls, outbox = self._calls, self._calls.outbox
        handler, record = call.handler, call.record
        context = calls.begin(call)
        if context is None:
            return
        try:
            args = handler.arguments(call.args, context)
            value = contextvars.copy_context().run(handler.function, **args)
            if record[0] == 0:
                # Nobody hears it: what it costs to pack, and the objects it would keep, are spared.
                context.check_cancelled()
                calls.end(context)
                outbox.put_result(record[1], value)
                return
            if handler.is_stream:
                contextvars.copy_context().run(run_generator, calls, value, context)
            elif outbox.put_chunk(record[1], value) >= PART_BYTES:
                wait_until_gone(outbox, context)
            calls.end(context)
            outbox.put_end(record[1])
        except BaseException as error:  # SystemExit too: a handler must not end its worker
            calls.end(context)
            outbox.put_error(record[1], explain(handler, call.args, error))


def explain(handler: Handler, args: Any, error: BaseException) -> BaseException:  # noqa: ANN401
    """The error to report. A `TypeError` of the call itself becomes INVALID_ARGUMENT: checking the
    names only then costs a good call nothing."""
    if isinstance(error, TypeError):
        misfit = handler.misfit(args)
        if misfit is not None:
            return misfit
    return error
