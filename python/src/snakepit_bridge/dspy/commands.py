"""The commands that the bridge calls. Importing this module registers them.

Arguments and replies are `PredictArgs`, `Prediction` and `PredictChunk` of
`packages/grpc-bridge/src/dspy/specification.ts`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from snakepit_bridge import command

from .predict import Predictor
from .streaming import stream_prediction

# One per process; workers are forked, so each has its own. Opens nothing before the first call.
predictor = Predictor()


@command("dspy.predict")
async def predict(
    program: dict[str, Any], inputs: dict[str, Any], lm: dict[str, Any], adapter: str = "chat"
) -> dict[str, Any]:
    """A `Prediction`."""
    return await predictor.predict(predictor.prepare(program, inputs, lm, adapter))


@command("dspy.predict")
@command("dspy.predict_stream")
async def predict_stream(
    program: dict[str, Any], inputs: dict[str, Any], lm: dict[str, Any], adapter: str = "chat"
) -> AsyncGenerator[dict[str, Any]]:
    """Chunks as `PredictChunk` says; the last one holds the `Prediction`."""
    call = predictor.prepare(program, inputs, lm, adapter)
    async with aclosing(stream_prediction(call)) as chunks:
        async for chunk in chunks:
            yield chunk
