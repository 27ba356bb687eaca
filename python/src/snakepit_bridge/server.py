"""Frames in, frames out. Knows no command: names go to the registry, calls to threads or a loop.

The thread that reads also runs short calls, since nothing is quicker. When one turns out not to be
short, the monitor has another thread read within 2 ms, so that a cancel is heard while code runs.
"""

import threading
import time
from typing import TYPE_CHECKING, Any

from snakepit_bridge import tracing
from snakepit_bridge.calls import Call, Calls
from snakepit_bridge.codecs import Codec, Record
from snakepit_bridge.errors import BridgeError, NotBegunError, ProtocolError
from snakepit_bridge.executor import Appointment, Executor, Item
from snakepit_bridge.incoming_parts import IncomingParts
from snakepit_bridge.lifeline import Ending
from snakepit_bridge.outbox import Outbox
from snakepit_bridge.registry import QUICK_CALLS, Handler, Registry
from snakepit_bridge.session_end import SessionEnd
from snakepit_bridge.transports import Transport

if TYPE_CHECKING:
    from snakepit_bridge.event_loop import EventLoop

# How often the monitor looks. Each look takes the interpreter's lock from a busy worker: at 1 ms
# that costs a quarter of its calls, at 2 ms a tenth (measured with small calls).
TICK_SECONDS = 0.002
# The same while all calls are of handlers that have been short for long: at 2 ms the looks took
# more time than the calls, in each of 16 workers that shared the load.
LONG_TICK_SECONDS = 0.01
# And while so few batches come between two looks: the worker has little to do, or shares its
# processor with many, and a look that brings it there for nothing costs as much as a batch.
LONGEST_TICK_SECONDS = 0.025
FEW_BATCHES = 3
# The monitor sleeps when nothing has come for so long. Waking it per call would cost each 5 µs.
QUIET_SECONDS = 0.05
# Of a record that is a call: kind, id, command, arguments, time left, session, correlation.
MOST_FIELDS = 7


class Server:
    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        registry: Registry,
        *,
        concurrency: int,
        max_frame_bytes: int,
        max_value_bytes: int = 0,
    ) -> None:
        """`max_value_bytes` is 0 when the host sends and takes no parts."""
        self._transport = transport
        self._codec = codec
        self._registry = registry
        self._max_frame_bytes = max_frame_bytes
        self._outbox = Outbox(transport, codec, max_frame_bytes, max_value_bytes)
        self._max_value_bytes = max_value_bytes
        self._incoming = self._await_parts(transport)
        self._calls = Calls(self._outbox)
        self._executor = Executor(self._calls, concurrency, self._run_async)
        self._loop: EventLoop | None = None
        # Batches with short calls, and when the last one came.
        self._batches = 0
        self._arrived = 0.0
        self._monitor_sleeps = False
        self._monitor_dozes = False
        # Calls were taken in of a handler that is not known to be short.
        self._is_unsure = False
        self._ended = Ending()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Serves until the host hangs up. Raises `ProtocolError` when it sends nonsense, and
        `ConnectionLostError`.

        The calling thread only waits, so that the main thread is free for signals.
        """
        self._executor.start()
        threading.Thread(target=self._monitor, name="snakepit-monitor", daemon=True).start()
        self._serve()

    def drop_calls(self) -> None:
        """After a lost connection: nobody waits for what is here. Returns when nothing runs any
        more, so that no call overlaps with one of before."""
        self._outbox.close()
        self._executor.give_back()  # nobody reads, so nobody lines up calls meanwhile
        self._calls.drop_all()
        for context in self._calls.cancel_all():
            if self._loop is not None:
                self._loop.cancel(context)
        while self._calls.running or not self._executor.is_idle:
            time.sleep(TICK_SECONDS)

    def resume(self, transport: Transport) -> None:
        """As `run`, after `drop_calls`, on another transport."""
        self._transport = transport
        self._registry.forget_paces()
        self._outbox.reopen(transport)
        self._incoming = self._await_parts(transport)
        self._failure = None
        self._ended.clear()
        self._serve()

    def _await_parts(self, transport: Transport) -> IncomingParts:
        incoming = IncomingParts(self._max_value_bytes, self._outbox.parts.owe)
        transport.parts = incoming
        return incoming

    def _serve(self) -> None:
        self._start_reading()
        self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def _start_reading(self) -> None:
        threading.Thread(target=self._read, name="snakepit-reader", daemon=True).start()

    def _read(self) -> None:
        """Until the host hangs up, or another thread has been asked to read instead."""
        receive, limit = self._transport.receive, self._max_frame_bytes
        try:
            while True:
                document = receive(limit)
                if document is None:
                    break
                batch = self._codec.decode(document, self._incoming)
                if self._incoming.is_awaiting:
                    self._incoming.check_taken(batch)
                appointment = self._take_in(batch)
                if appointment and not self._executor.work_through_line(appointment):
                    return
        except BaseException as error:  # raised again by `run`
            self._failure = error
        self._ended.set()

    def _take_in(self, batch: list[Any]) -> Appointment | None:
        """Returns an appointment if this thread is to run the short calls."""
        try:
            return self._dispatch(batch)
        except (IndexError, TypeError, AttributeError) as error:
            raise ProtocolError(f"a record is not what the protocol says: {error}") from error

    def _dispatch(self, batch: list[Any]) -> Appointment | None:
        arrived = time.perf_counter()
        line: list[Item] = []
        tasks: list[Call] = []
        needs_flush = False
        waiting, ready = self._calls.waiting, self._registry.ready
        one_by_one, has_slow, is_unsure = self._executor.one_by_one, False, False
        # A short call has no context, and so no span: one that belongs to a trace is no short one.
        longest_short = 6 if tracing.is_on() else MOST_FIELDS
        # The last short command, and what serves it: most batches hold calls of one kind.
        name: object = object()  # equal to nothing that can be sent
        serving = None
        records = iter(batch)
        next(records)  # what is acknowledged: nothing, since the worker awaits no acknowledgements
        for record in records:
            kind = record[0]
            if kind == 0 and 3 < len(record) <= longest_short and record[2] == name:
                record[2] = serving
                line.append(record)
                continue
            if kind > 1:
                if kind == 6 and one_by_one and self._registry.session_hooks:
                    # It may take its time: not on the thread that reads.
                    line.append(self._session_end(record))
                    has_slow = True
                else:
                    needs_flush |= self._control(kind, record)
                continue
            if len(record) < 4:  # trailing nulls may be left out
                record.append(None)
            command = ready.get(record[2])
            handler = command.call if command is not None and kind == 0 else None
            if handler is None:
                try:
                    handler = self._find(kind, record[2])
                except BridgeError as refusal:
                    self._outbox.put_error(record[1], refusal)
                    needs_flush = True
                    continue
            if kind == 0 and handler.is_short and len(record) <= longest_short:
                name, serving = record[2], handler
                record[2] = handler
                is_unsure |= handler.quick_calls < QUICK_CALLS
                line.append(record)
                continue
            call = Call(handler, record, arrived)
            waiting[record[1]] = call
            if one_by_one:
                has_slow |= kind == 1 or handler.is_async or handler.is_slow
                line.append(call)
            elif handler.is_async:
                tasks.append(call)
            elif kind == 1 or handler.is_slow:
                self._executor.run_alone(call)
            else:
                line.append(call)
                is_unsure |= handler.quick_calls < QUICK_CALLS
        if tasks:
            self._event_loop().run(tasks)
        if line:
            self._batches += 1
            self._arrived = arrived
            line.append(self._batches)
            appointment = self._executor.line_up(line, reader_may=not has_slow)
            if is_unsure:
                self._is_unsure = True
            if needs_flush or self._monitor_sleeps or (is_unsure and self._monitor_dozes):
                self._outbox.wake()
            return appointment
        self._outbox.acknowledge_at_once()
        self._outbox.wake()
        return None

    def _find(self, kind: int, name: str) -> Handler:
        command = self._registry.find(name)
        handler = command.call
        if kind == 1 and command.stream is not None:
            handler = command.stream
        if handler is None:
            message = f"{name} answers with a stream; read it as one"
            raise NotBegunError("UNSUPPORTED", message, {"command": name})
        return handler

    def _control(self, kind: int, record: Record) -> bool:
        """Returns whether something waits to be sent now."""
        call_id = record[1]
        if kind == 2:
            return self._cancel(call_id)
        if kind == 3:
            self._calls.grant(call_id, record[2], record[3])
            return False
        if kind == 4:
            self._outbox.put_pong(call_id)
            return True
        if kind == 5:
            return self._recall()
        if kind == 7:
            self._outbox.parts.grant(record[2])
            return False
        if kind == 6:
            if self._registry.session_hooks:
                self._executor.run_alone(self._session_end(record))
            return False
        raise ProtocolError(f"a record of the unknown kind {kind!r}")

    def _cancel(self, call_id: int) -> bool:
        """Returns whether it had not begun, and its answer waits to be sent."""
        if (
            self._calls.drop(call_id)
            or self._executor.drop(call_id)
            or self._incoming.drop(call_id)
        ):
            self._outbox.put_not_begun(call_id)
            return True
        # The context first: a stream that goes on because its chunk was given up must know why.
        context = self._calls.cancel(call_id)
        if self._outbox.parts.stop(call_id):
            return True
        if context is not None and self._loop is not None:
            self._loop.cancel(context)
        return False

    def _recall(self) -> bool:
        """Gives back what has not begun: the host has a worker that is less busy."""
        given_back = [*self._executor.give_back(), *self._calls.drop_all()]
        for call_id in given_back:
            self._outbox.put_given_back(call_id)
        return bool(given_back)

    def _session_end(self, record: Record) -> SessionEnd:
        return SessionEnd(record[2], self._registry.session_hooks.values(), self._outbox)

    def _run_async(self, call: Call) -> None:
        """To its answer, for the worker that runs one call at a time."""
        self._event_loop().run_to_the_end(call)

    def _event_loop(self) -> "EventLoop":
        if self._loop is None:
            # Here, because asyncio takes 0.05 s to import and many workers never need it.
            from snakepit_bridge.event_loop import EventLoop

            self._loop = EventLoop(self._calls)
        return self._loop

    def _monitor(self) -> None:
        """Frees what waits behind a slow call: replies, the acknowledgement, other calls."""
        outbox, executor = self._outbox, self._executor
        batches, tick = 0, LONG_TICK_SECONDS
        while True:
            before = batches
            # First the flags, then the look: the reader adds its calls before it looks at a flag.
            self._monitor_sleeps = self._monitor_dozes = True
            if self._is_quiet():
                outbox.wait(None)
            else:
                self._monitor_sleeps = False
                is_watchful = self._is_unsure or executor.stands_still
                self._is_unsure = False
                outbox.wait(TICK_SECONDS if is_watchful else tick)
            self._monitor_sleeps = self._monitor_dozes = False
            batches = self._batches
            is_busy = batches - before > FEW_BATCHES
            tick = LONG_TICK_SECONDS if is_busy else LONGEST_TICK_SECONDS
            if (
                not outbox.has_acknowledged(batches)
                and time.perf_counter() - self._arrived > TICK_SECONDS
            ):
                outbox.acknowledge(batches)
            if executor.unstick():
                self._start_reading()
            outbox.flush()

    def _is_quiet(self) -> bool:
        return (
            time.perf_counter() - self._arrived > QUIET_SECONDS
            and self._outbox.has_acknowledged(self._batches)
            and not self._executor.may_get_stuck
        )
