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
from snakepit_bridge.values.binary import PART_BYTES


class EventLoop:
    """Never sends by itself: a host that does not read must not stop the other tasks."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[Context, asyncio.Task[None]] = {}
        threading.Thread(target=self._run_forever, name="snakepit-loop", daemon=True).start()

    def run(self, calls: list[Call]) -> None:
        """Called by the reader; one wake-up per batch."""
        self._loop.call_soon_threadsafe(self._start_tasks, calls)

    def run_to_the_end(self, call: Call) -> None:
        """Returns when the call is answered. Not for the loop's own thread."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._start_tasks, [call], done)
        done.wait()

    def cancel(self, context: Context) -> None:
        """Called by the reader, after `Calls.cancel` has marked the context."""
        self._loop.call_soon_threadsafe(self._cancel, context)

    def _run_forever(self) -> None:
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except BaseException:
                # SystemExit or KeyboardInterrupt in a task that a handler started and left.
                traceback.print_exc(file=sys.stderr)

    def _start_tasks(self, calls: list[Call], done: threading.Event | None = None) -> None:
        for call in calls:
            task = self._loop.create_task(self._run(call))
            if done is not None:
                task.add_done_callback(lambda _: done.set())

    def _cancel(self, context: Context) -> None:
        task = self._tasks.get(context)
        if task is not None:
            task.cancel()

    async def _run(self, call: Call) -> None:
        calls = self._calls
        context = calls.begin(call)
        task = asyncio.current_task()
        if context is None or task is None:
            return
        self._tasks[context] = task
        try:
            await self._answer(call, context)
        except BaseException as error:  # SystemExit too: it would end the loop
            # A chunk that is still on its way must not come after the end: the call's number may
            # be another's then.
            calls.outbox.parts.stop(call.call_id)
            calls.end(context)
            if isinstance(error, asyncio.CancelledError) and context.cancelled:
                calls.outbox.put_error(call.call_id, Cancelled())
            else:
                calls.outbox.put_error(call.call_id, explain(call.handler, call.args, error))
        finally:
            del self._tasks[context]
            calls.outbox.wake()

    async def _answer(self, call: Call, context: Context) -> None:
        handler, call_id = call.handler, call.call_id
        calls, outbox = self._calls, self._calls.outbox
        args = handler.arguments(call.args, context)
        if handler.is_stream:
            await self._stream(handler.function(**args), context)
            calls.end(context)
            outbox.put_end(call_id)
        elif call.record[0] == 1:
            if outbox.put_chunk(call_id, await handler.function(**args)) >= PART_BYTES:
                await self._until_gone(context)
            calls.end(context)
            outbox.put_end(call_id)
        else:
            value = await handler.function(**args)
            context.check_cancelled()  # as in the executor
            calls.end(context)
            outbox.put_result(call_id, value)

    async def _until_gone(self, context: Context) -> None:
        """As `streams.wait_until_gone`."""
        gone = asyncio.Event()

        def tell() -> None:
            self._loop.call_soon_threadsafe(gone.set)

        self._calls.outbox.parts.when_gone(context.call_id, tell)
        await gone.wait()
        context.check_cancelled()

    async def _stream(self, generator: Any, context: Context) -> None:  # noqa: ANN401
        call_id, outbox = context.call_id, self._calls.outbox
        woken = asyncio.Event()

        def wake() -> None:
            self._loop.call_soon_threadsafe(woken.set)

        credit = Credit(wake)
        self._calls.credits[context] = credit
        gathering = Gathering()
        try:
            async for chunk in generator:
                size = outbox.put_chunk(call_id, chunk)
                credit.spend(size)
                if gathering.add(size):
                    outbox.wake()
                    # A generator that never waits would starve the other tasks and its own cancel.
                    await asyncio.sleep(0)
                if size >= PART_BYTES:
                    await self._until_gone(context)
                while credit.used_up:
                    outbox.wake()
                    await woken.wait()
                    woken.clear()
                context.check_cancelled()
        finally:
            await generator.aclose()
