"""What a handler may know of the call that it serves."""

import threading
import time
from collections.abc import Callable

from snakepit_bridge.errors import Cancelled

LEVELS = ("debug", "info", "warning", "error")


class Context:
    """One call as its handler sees it. Ask for it by annotation: `def embed(ctx: Context, …)`.

    `cancelled` turns true when the caller has gone; synchronous code should look now and then.
    """

    __slots__ = ("_deadline", "_log", "_woken", "call_id", "cancelled", "command", "session_id")

    def __init__(
        self,
        call_id: int,
        command: str,
        session_id: str | None,
        deadline: float | None,
        log: Callable[[str, str], None],
    ) -> None:
        """`deadline` is on the clock of `time.perf_counter`."""
        self.call_id = call_id
        self.command = command
        self.session_id = session_id
        self.cancelled = False
        self._deadline = deadline
        self._log = log
        self._woken: threading.Event | None = None

    def remaining(self) -> float | None:
        """Seconds until the caller stops waiting, not below 0; None when there is no deadline."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - time.perf_counter())

    def check_cancelled(self) -> None:
        """Raises `Cancelled` when the caller has gone."""
        if self.cancelled:
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`, but raises `Cancelled` as soon as the caller has gone."""
        if self._woken is None:
            self._woken = threading.Event()
        # `cancel` sets the flag before it looks for the event, so one of the two is always seen.
        if not self.cancelled:
            self._woken.wait(seconds)
        self.check_cancelled()

    def log(self, level: str, message: str) -> None:
        """Sends one line to the host's log; `level` is debug, info, warning or error."""
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        self._log(level, str(message))

    def cancel(self) -> None:
        """For the server. Handlers look at `cancelled`."""
        self.cancelled = True
        if self._woken is not None:
            self._woken.set()
