"""Runs asynchronous handlers as tasks on one event loop in a thread of its own."""

import asyncio
import sys
import threading
import traceback
from typing import Any

from snakepit_bridge.calls import Call, Calls
from snakepit_bridge.context import Context
from snakepit_bridge.credit import Credit
from snakepit_bridge.errors import Cancelled
from snakepit_bridge.executor import explain
from snakepit_bridge.streams import Gathering


class EventLoop:
    """Never sends by itself: a host that does not read must not stop the other tasks."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        threading.Thread(target=self._run_forever, name="snakepit-loop", daemon=True).start()

    def run(self, calls: list[Call]) -> None:
        """Called by the reader; one wake-up per batch."""
        self._loop.call_soon_threadsafe(self._start_tasks, calls)

    def cancel(self, call_id: int) -> None:
        """Called by the reader, after `Calls.cancel` has marked the call's context."""
        self._loop.call_soon_threadsafe(self._cancel, call_id)

    def _run_forever(self) -> None:
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except BaseException:
                # SystemExit or KeyboardInterrupt in a task that a handler started and left.
                traceback.print_exc(file=sys.stderr)

    def _start_tasks(self, calls: list[Call]) -> None:
        for call in calls:
            call_id = call[1][1]
            self._tasks[call_id] = self._loop.create_task(self._run(call, call_id))

    def _cancel(self, call_id: int) -> None:
        task = self._tasks.get(call_id)
        if task is not None:
            task.cancel()

    async def _run(self, call: Call, call_id: int) -> None:
        calls = self._calls
        context = calls.context(call)
        if not calls.begin(call_id):
            self._tasks.pop(call_id, None)
            return
        try:
            await self._answer(call, context)
        except BaseException as error:  # SystemExit too: it would end the loop
            if isinstance(error, asyncio.CancelledError) and context.cancelled:
                calls.outbox.put_error(call_id, Cancelled())
            else:
                calls.outbox.put_error(call_id, explain(call, error))
        finally:
            self._tasks.pop(call_id, None)
            calls.end(call_id)
            calls.outbox.wake()

    async def _answer(self, call: Call, context: Context) -> None:
        handler, record, _ = call
        call_id, outbox = record[1], self._calls.outbox
        args = handler.arguments({} if record[3] is None else record[3], context)
        if handler.is_stream:
            await self._stream(call_id, handler.function(**args), context)
            outbox.put_end(call_id)
        elif record[0] == 1:
            outbox.put_chunk(call_id, await handler.function(**args))
            outbox.put_end(call_id)
        else:
            outbox.put_result(call_id, await handler.function(**args))

    async def _stream(self, call_id: int, generator: Any, context: Context) -> None:  # noqa: ANN401
        outbox = self._calls.outbox
        woken = asyncio.Event()

        def wake() -> None:
            self._loop.call_soon_threadsafe(woken.set)

        credit = Credit(wake)
        self._calls.credits[call_id] = credit
        gathering = Gathering()
        try:
            async for chunk in generator:
                size = outbox.put_chunk(call_id, chunk)
                credit.spend(size)
                if gathering.add(size):
                    outbox.wake()
                    # A generator that never waits would starve the other tasks and its own cancel.
                    await asyncio.sleep(0)
                while credit.used_up:
                    outbox.wake()
                    await woken.wait()
                    woken.clear()
                context.check_cancelled()
        finally:
            await generator.aclose()
