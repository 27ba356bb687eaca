# mypy: disable-error-code="import-untyped"
"""A program's answer as it is being written."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import dspy
import pydantic
from dspy.adapters.utils import parse_value

from .errors import bridge_error
from .fields import Piece, splitter_for
from .predict import Call, answer
from .values import plain

# Deltas that wait for a slow reader before the model has to wait too.
MAX_WAITING = 16


async def stream_prediction(call: Call) -> AsyncGenerator[dict[str, Any]]:
    """Yields `{field, delta}` and at last `{final}`. The deltas of a text field add up to its final
    value; any other field is one delta, its value as text (JSON unless it is a string)."""
    chunks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(MAX_WAITING)
    # A task of its own: DSPy's settings are context variables, and between two chunks they must
    # not be seen by whoever reads this generator.
    producer = asyncio.create_task(_produce(call, chunks))
    try:
        while (chunk := await chunks.get()) is not None:
            yield chunk
        await producer
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(call: Call, chunks: asyncio.Queue[dict[str, Any] | None]) -> None:
    deltas = _Deltas(call)
    # Built for this call alone: what `streamify` returns keeps state.
    program = dspy.streamify(call.program.module, is_async_program=True)
    try:
        async with call.time_limit():
            with call.context():
                async with aclosing(program(**call.inputs)) as events:
                    async for event in events:
                        for chunk in deltas.take(event):
                            await chunks.put(chunk)
    except Exception as error:
        await chunks.put(None)
        raise bridge_error(error, call.program, call.settings) from None
    await chunks.put(None)


class _Deltas:
    """Turns what DSPy streams, pieces of the raw answer and then the prediction, into chunks."""

    def __init__(self, call: Call) -> None:
        types = call.program.output_types
        texts = frozenset(name for name, annotation in types.items() if annotation is str)
        self._call = call
        self._types = types
        self._splitter = splitter_for(call.adapter, texts, frozenset(types) - texts)
        self._sent: dict[str, str] = {}

    def take(self, event: object) -> Iterator[dict[str, Any]]:
        if isinstance(event, dspy.Prediction):
            final = answer(event, self._call)
            yield from self._rest(final["outputs"])
            yield {"final": final}
        elif text := _content(event):
            for piece in self._splitter.feed(text):
                yield from self._delta(piece)

    def _delta(self, piece: Piece) -> Iterator[dict[str, Any]]:
        text = piece.text
        if piece.complete:
            try:
                text = _as_text(plain(parse_value(piece.text, self._types[piece.field])))
            except (ValueError, pydantic.ValidationError):
                return  # nested XML, or a fault that DSPy is about to report
        yield from self._send(piece.field, text)

    def _rest(self, outputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What the splitter did not see: an answer from the cache, or one with its end missing."""
        for name, value in outputs.items():
            sent = self._sent.get(name, "")
            text = _as_text(value)
            if text.startswith(sent):
                yield from self._send(name, text[len(sent) :])

    def _send(self, name: str, text: str) -> Iterator[dict[str, Any]]:
        if text:
            self._sent[name] = self._sent.get(name, "") + text
            yield {"field": name, "delta": text}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _content(event: object) -> str | None:
    """The text of one piece of a chat answer, from DSPy's engine and from LiteLLM alike."""
    choices = getattr(event, "choices", None)
    return choices[0].delta.content if choices else None
