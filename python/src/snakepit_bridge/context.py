"""What a handler may know of the call that it serves."""

import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from snakepit_bridge import tracing
from snakepit_bridge.errors import Cancelled

LEVELS = ("debug", "info", "warning", "error")


class Reporter(Protocol):
    """Where what a handler has to say goes. Never blocks."""

    def log(
        self, level: str, message: str, correlation: tracing.Correlation | None = None
    ) -> None: ...

    def telemetry(
        self,
        event: str,
        measurements: dict[str, float],
        metadata: dict[str, Any],
        correlation: tracing.Correlation | None = None,
    ) -> None: ...


class Context:
    """One call as its handler sees it. Ask for it by annotation: `def embed(ctx: Context, …)`.

    `cancelled` turns true when the caller has gone; synchronous code should look now and then.
    `session_id` is the name under which the caller keeps state, None outside of a session. What a
    worker keeps under it is a cache: see `on_session_end`, and be ready to find nothing.
    """

    __slots__ = (
        "_deadline",
        "_reporter",
        "_woken",
        "call_id",
        "cancelled",
        "command",
        "correlation",
        "session_id",
        "span",
    )

    def __init__(
        self,
        call_id: int,
        command: str,
        session_id: str | None,
        deadline: float | None,
        reporter: Reporter,
        correlation: tracing.Correlation | None = None,
    ) -> None:
        """`deadline` is on the clock of `time.perf_counter`; `correlation` as it came."""
        self.call_id = call_id
        self.command = command
        self.session_id = session_id
        self.cancelled = False
        self._deadline = deadline
        self._reporter = reporter
        self.correlation = correlation
        # For the server, which begins and ends it.
        self.span: tracing.CallSpan | None = None
        self._woken: threading.Event | None = None

    @property
    def traceparent(self) -> str | None:
        """The host's span for this call, as W3C Trace Context writes it; None when the host does
        not trace. With OpenTelemetry loaded here the handler runs in a span below it."""
        return None if self.correlation is None else self.correlation.get("traceparent")

    @property
    def tracestate(self) -> str | None:
        """What tracing systems have added to `traceparent`, if they have."""
        return None if self.correlation is None else self.correlation.get("tracestate")

    @property
    def correlation_id(self) -> str | None:
        """What the caller has named this call as a part of, None if it has not. Log lines and
        telemetry carry it back."""
        return None if self.correlation is None else self.correlation.get("correlationId")

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
        self._reporter.log(level, str(message), tracing.carried(self.correlation))

    def telemetry(
        self,
        event: str,
        measurements: Mapping[str, float] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tells the host that something was measured or has happened: its event
        `worker-telemetry`. `metadata` holds plain values. Raises `BridgeError` SERIALIZATION."""
        numbers = {str(name): _number(name, value) for name, value in (measurements or {}).items()}
        carried = tracing.carried(self.correlation)
        self._reporter.telemetry(str(event), numbers, dict(metadata or {}), carried)

    def cancel(self) -> None:
        """For the server. Handlers look at `cancelled`."""
        self.cancelled = True
        if self._woken is not None:
            self._woken.set()


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"the measurement {name} must be a number, not {type(value).__name__}")
    # What the host has for numbers: beyond 2^53 an integer there is no number any more.
    return value if abs(value) < 2**53 else float(value)
