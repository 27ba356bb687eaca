"""Calls as spans of OpenTelemetry, below the host's; only where somebody has loaded it already."""

import sys
import traceback
from importlib import import_module
from typing import Any, Protocol

# What ties a call to others: `traceparent` and `tracestate` of W3C Trace Context, `correlationId`.
Correlation = dict[str, str]
KEYS = ("traceparent", "tracestate", "correlationId")
SCOPE = "snakepit"


class TracedCall(Protocol):
    """A call, as its span needs to know it."""

    @property
    def command(self) -> str: ...

    @property
    def session_id(self) -> str | None: ...

    @property
    def correlation(self) -> Correlation | None: ...


class CallSpan:
    """The span of one call, current in the thread or task that runs it until it ends."""

    __slots__ = ("_detach", "_span", "_token")

    def __init__(self, call: TracedCall, parent: Correlation) -> None:
        trace: Any = sys.modules["opentelemetry.trace"]
        contexts: Any = import_module("opentelemetry.context")
        w3c: Any = import_module("opentelemetry.trace.propagation.tracecontext")
        attributes = {"rpc.system.name": "snakepit", "rpc.method": call.command}
        if call.session_id is not None:
            attributes["session.id"] = call.session_id
        if "correlationId" in parent:
            attributes["snakepit.correlation.id"] = parent["correlationId"]
        self._span = trace.get_tracer(SCOPE).start_span(
            f"snakepit.worker {call.command}",
            context=w3c.TraceContextTextMapPropagator().extract(parent),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        )
        self._token = contexts.attach(trace.set_span_in_context(self._span))
        self._detach = contexts.detach

    def end(self) -> None:
        """With the error that is being handled, if one is; without its message, which may tell of
        arguments. On the thread, or in the task, that has begun it. Raises nothing."""
        error = sys.exception()
        try:
            self._detach(self._token)
            if error is not None:
                trace: Any = sys.modules["opentelemetry.trace"]
                self._span.set_attribute("error.type", type(error).__name__)
                self._span.set_status(trace.StatusCode.ERROR)
            self._span.end()
        except Exception:  # as in `begin`: an exporter may fail
            traceback.print_exc()


def is_on() -> bool:
    """Somebody has loaded OpenTelemetry; nothing here does so by itself."""
    return "opentelemetry.trace" in sys.modules


def received(value: object) -> Correlation | None:
    """The last field of a call's record, without what a later version may add."""
    if not isinstance(value, dict):
        return None
    known = {key: value[key] for key in KEYS if isinstance(value.get(key), str)}
    return known or None


def begin(call: TracedCall) -> CallSpan | None:
    """None when nobody traces here, or the host does not. Raises nothing."""
    parent = call.correlation
    if parent is None or "traceparent" not in parent or not is_on():
        return None
    try:
        return CallSpan(call, parent)
    except Exception:  # somebody's sampler or processor: no reason to fail the call
        traceback.print_exc()
        return None


def carried(correlation: Correlation | None) -> Correlation | None:
    """What goes with a report of that call: its own, with the span that is current now if that
    belongs to the same trace."""
    if correlation is None or "traceparent" not in correlation or not is_on():
        return correlation
    trace: Any = sys.modules["opentelemetry.trace"]
    span = trace.get_current_span().get_span_context()
    if not span.is_valid or f"{span.trace_id:032x}" != correlation["traceparent"][3:35]:
        return correlation
    parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return {**correlation, "traceparent": parent}
