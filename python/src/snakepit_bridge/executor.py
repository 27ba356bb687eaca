"""Runs synchronous handlers on threads.

One runner works through the short calls in line, because handing a call of 1 µs to a thread costs
ten times as much as the call. When the call in its hands takes long while others wait, the monitor
appoints another runner; handlers known to be slow never stand in line.
"""

import contextvars
import queue
import threading
import time
from collections import deque

from snakepit_bridge.calls import Call, Calls
from snakepit_bridge.outbox import FRAME_BYTES
from snakepit_bridge.streams import GATHER_SECONDS, run_generator

# A call that takes longer than this holds nobody else up.
SLOW_SECONDS = 0.002
# Stands in line behind the last short call of a batch; carries the batch's number.
BatchEnd = int


class Appointment:
    """To be the one who works through the line; a runner that was replaced in the middle of a long
    call finds another one in force."""


class Executor:
    def __init__(self, calls: Calls, concurrency: int) -> None:
        self._calls = calls
        # One more than there are calls: the runner of the short ones.
        self._most_threads = concurrency + 1
        self._line: deque[Call | BatchEnd] = deque()
        # What threads wait for: a call to run alone, or an appointment to work through the line.
        self._work: queue.SimpleQueue[Call | Appointment] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._handed_out = 0
        self._appointment: Appointment | None = None
        self._progress = 0.0

    def start(self) -> None:
        """Has one thread ready, so that the first call does not wait for it."""
        with self._lock:
            self._start_thread()

    def line_up(self, short_calls: list[Call | BatchEnd]) -> None:
        """Called by the reader: the short calls of one batch and its end."""
        self._line.extend(short_calls)
        with self._lock:
            if self._appointment is None:
                self._appoint()

    def run_alone(self, call: Call) -> None:
        with self._lock:
            self._hand_out(call)

    @property
    def has_waiting(self) -> bool:
        return bool(self._line)

    @property
    def stuck(self) -> bool:
        """Whether short calls wait behind a slow one."""
        return bool(self._line) and time.perf_counter() - self._progress > SLOW_SECONDS

    def unstick(self) -> None:
        """Called by the monitor thread."""
        with self._lock:
            if self.stuck:
                self._appoint()

    def _appoint(self) -> None:
        self._appointment = Appointment()
        self._progress = time.perf_counter()
        self._hand_out(self._appointment)

    def _hand_out(self, work: Call | Appointment) -> None:
        self._handed_out += 1
        if self._handed_out > self._threads and self._threads < self._most_threads:
            self._start_thread()
        self._work.put(work)

    def _start_thread(self) -> None:
        self._threads += 1
        name = f"snakepit-runner-{self._threads}"
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            if isinstance(work, Appointment):
                self._work_through_line(work)
            else:
                began = time.perf_counter()
                self._run(work)
                work[0].noted(was_slow=time.perf_counter() - began > SLOW_SECONDS)
                self._calls.outbox.flush()
            with self._lock:
                self._handed_out -= 1

    def _work_through_line(self, appointment: Appointment) -> None:
        calls, outbox, clock = self._calls, self._calls.outbox, time.perf_counter
        take, begin, copy_context = self._line.popleft, calls.waiting.pop, contextvars.copy_context
        put_result = outbox.put_result
        flushed = last = clock()
        size = 0
        while self._appointment is appointment:
            try:
                call = take()
            except IndexError:
                if self._resign():
                    return
                continue
            if call.__class__ is BatchEnd:
                outbox.acknowledge(call)
                outbox.flush()
                flushed = last = self._progress = clock()
                size = 0
                continue
            handler, record, _ = call  # type: ignore[misc]
            if handler.is_plain:
                # `_run`, written out: half of what a small call costs is calling functions.
                call_id = record[1]
                if begin(call_id, None) is None:
                    continue
                try:
                    args = handler.checked(record[3]) if handler.checks else record[3]
                    value = copy_context().run(handler.function, **args)
                    size += put_result(call_id, value)
                except BaseException as error:  # as in `_run`
                    outbox.put_error(call_id, explain(call, error))  # type: ignore[arg-type]
            else:
                self._run(call)  # type: ignore[arg-type]
            now = self._progress = clock()
            if now - last > SLOW_SECONDS or handler.slowness:
                handler.noted(was_slow=now - last > SLOW_SECONDS)
            last = now
            if now - flushed > GATHER_SECONDS or size > FRAME_BYTES:
                outbox.flush()
                flushed = last = clock()
                size = 0
        outbox.flush()  # another runner was appointed while this one's call took long

    def _resign(self) -> bool:
        """False when calls came in the meantime. Under the lock, which `line_up` takes after it
        has added its calls: so either it sees nobody appointed, or we see its calls."""
        with self._lock:
            if self._line:
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
            args = handler.arguments(record[3], context)
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
        misfit = call[0].misfit(call[1][3])
        if misfit is not None:
            return misfit
    return error
