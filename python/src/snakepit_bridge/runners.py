"""A pool of threads in which work goes to the one that finished last.

Not a queue that all threads wait on: in CPython 3.11 each `put` of one wakes a second waiter for
nothing, and the waiters take turns, each with cold caches.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Runners(Generic[Work]):
    def __init__(self, run: Callable[[Work], None], most_threads: int) -> None:
        """`run` must not raise. Threads are started when there is no idle one, and stay."""
        self._run = run
        self._most_threads = most_threads
        self._lock = threading.Lock()
        self._idle: list[Runner[Work]] = []
        self._waiting: deque[Work] = deque()
        self._threads = 0

    def give(self, work: Work) -> None:
        """To an idle thread or a new one; else, in order, to the next that finishes."""
        with self._lock:
            runner = self._free()
            if runner is None:
                self._waiting.append(work)
                return
        runner.begin(work)

    def reserve(self, others: int) -> "Runner[Work] | None":
        """A thread that will begin at once what it is given, and must be given something. None when
        all are busy, or would be if `others` ran here too."""
        with self._lock:
            busy = self._threads - len(self._idle)
            return None if busy + others >= self._most_threads else self._free()

    @property
    def is_idle(self) -> bool:
        with self._lock:
            return len(self._idle) == self._threads and not self._waiting

    def start_one(self) -> None:
        """So that the first call need not wait for a thread."""
        with self._lock:
            self._idle.append(self._start())

    def _free(self) -> "Runner[Work] | None":
        if self._idle:
            return self._idle.pop()
        return self._start() if self._threads < self._most_threads else None

    def _start(self) -> "Runner[Work]":
        self._threads += 1
        runner: Runner[Work] = Runner()
        name = f"snakepit-runner-{self._threads}"
        threading.Thread(target=self._serve, args=[runner], name=name, daemon=True).start()
        return runner

    def _serve(self, runner: "Runner[Work]") -> None:
        while True:
            runner.wake.acquire()
            work: Work | None = runner.work
            runner.work = None
            while work is not None:
                self._run(work)
                with self._lock:
                    if self._waiting:
                        work = self._waiting.popleft()
                    else:
                        work = None
                        self._idle.append(runner)


class Runner(Generic[Work]):
    """A thread's letter box."""

    __slots__ = ("wake", "work")

    def __init__(self) -> None:
        self.wake = threading.Lock()
        self.wake.acquire()
        self.work: Work | None = None

    def begin(self, work: Work) -> None:
        self.work = work
        self.wake.release()
