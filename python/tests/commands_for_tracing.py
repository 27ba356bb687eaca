"""Preloaded by the workers of the tests of traces, some of which have OpenTelemetry."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from snakepit_bridge import Context, command

spans: list[dict[str, Any]] = []

if os.environ.get("TEST_TRACING"):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

    class Keeper(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ANN401
            if os.environ["TEST_TRACING"] == "fails":
                raise RuntimeError("a processor that does not work")

        def on_end(self, span: ReadableSpan) -> None:
            assert span.context is not None
            spans.append(
                {
                    "name": span.name,
                    "trace": f"{span.context.trace_id:032x}",
                    "span": f"{span.context.span_id:016x}",
                    "parent": span.parent and f"{span.parent.span_id:016x}",
                    "status": span.status.status_code.name,
                    "state": span.context.trace_state.to_header(),
                }
            )

    provider = TracerProvider()
    provider.add_span_processor(Keeper())
    trace.set_tracer_provider(provider)


@command("short")
def short() -> int:
    return 1


@command("told")
def told(ctx: Context) -> list[str | None]:
    ctx.log("info", "told")
    ctx.telemetry("told", {"n": 1})
    return [ctx.traceparent, ctx.tracestate, ctx.correlation_id]


@command("raises")
async def raises() -> None:
    await asyncio.sleep(0)
    raise LookupError("secret")


@command("chunks")
def chunks() -> Iterator[int]:
    yield 1
    yield 2


@command("waits")
async def waits(ctx: Context) -> None:
    ctx.log("info", "begun")
    await asyncio.sleep(3600)


@command("spans")
def all_spans() -> list[dict[str, Any]]:
    return spans
