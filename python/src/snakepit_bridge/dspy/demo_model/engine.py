# mypy: disable-error-code="import-untyped"
"""The demo model as engines of DSPy: one request in, one answer out, whole or word by word."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

from dspy.lm15 import (
    Message,
    Request,
    Response,
    StreamDeltaEvent,
    StreamEndEvent,
    StreamStartEvent,
    TextDelta,
    Usage,
)
from dspy.utils.exceptions import LMUnsupportedFeatureError

from .answers import answer_task
from .arithmetic import calculate
from .prompt import read_prompt
from .reply import write_reply

StreamEvent: TypeAlias = StreamStartEvent | StreamDeltaEvent | StreamEndEvent

# Beyond this many characters of prompt an answer takes long enough to be in the way of others.
LONG_PROMPT = 20_000

_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


class DemoEngine:
    """Deterministic, offline, extractive: everything it says is computed from the prompt."""

    def complete(self, request: Request) -> Response:
        text = demo_answer(request)
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(text),
            finish_reason="stop",
            usage=_usage(request, text),
        )

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        yield from _events(request, demo_answer(request))

    def close(self) -> None:
        """Holds nothing."""

    def dump_state(self) -> dict[str, Any]:
        return {}

    @classmethod
    def load_state(cls, state: dict[str, Any]) -> "DemoEngine":
        return cls()


class AsyncDemoEngine:
    def __init__(self, engine: DemoEngine | None = None) -> None:
        self._engine = engine or DemoEngine()

    async def complete(self, request: Request) -> Response:
        if _size(request) > LONG_PROMPT:
            return await asyncio.to_thread(self._engine.complete, request)
        return self._engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        if _size(request) > LONG_PROMPT:
            text = await asyncio.to_thread(demo_answer, request)
        else:
            text = demo_answer(request)
        for event in _events(request, text):
            yield event
            # Other calls' words come in between, as they would with a model on a network.
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Holds nothing."""

    def dump_state(self) -> dict[str, Any]:
        return {}

    @classmethod
    def load_state(cls, state: dict[str, Any]) -> "AsyncDemoEngine":
        return cls()


def demo_answer(request: Request) -> str:
    if any(message.text is None for message in request.messages):
        raise LMUnsupportedFeatureError(
            "the demo model reads text and nothing else", feature="media"
        )
    task = read_prompt(request)
    if task is not None:
        return write_reply(task, answer_task(task))
    # Not a prompt of DSPy's adapters: a bare question.
    users = [message.text or "" for message in request.messages if message.role == "user"]
    done = calculate(users[-1]) if users else None
    return done[1] if done else "I do not know: the demo model reads DSPy's prompts only."


def _events(request: Request, text: str) -> Iterator[StreamEvent]:
    yield StreamStartEvent(model=request.model)
    for token in _TOKEN.findall(text):
        yield StreamDeltaEvent(delta=TextDelta(text=token))
    yield StreamEndEvent(finish_reason="stop", usage=_usage(request, text))


def _usage(request: Request, text: str) -> Usage:
    """Counted in the model's own tokens: words and punctuation marks."""
    given = sum(len(_TOKEN.findall(part)) for part in _parts(request))
    written = len(_TOKEN.findall(text))
    return Usage(input_tokens=given, output_tokens=written, total_tokens=given + written)


def _size(request: Request) -> int:
    return sum(map(len, _parts(request)))


def _parts(request: Request) -> Iterator[str]:
    if isinstance(request.system, str):
        yield request.system
    for message in request.messages:
        yield message.text or ""
