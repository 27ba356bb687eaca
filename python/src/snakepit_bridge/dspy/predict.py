# mypy: disable-error-code="import-untyped"
"""One call of a program: everything that it needs travels with it, nothing of it stays behind."""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import dspy

from .errors import bridge_error
from .fields import AdapterName
from .models import ModelCache, ModelSettings, parse_settings
from .programs import Program, ProgramCache
from .specification import refuse
from .values import plain

# Adapters keep nothing between calls.
ADAPTERS: dict[AdapterName, dspy.Adapter] = {
    "chat": dspy.ChatAdapter(),
    "json": dspy.JSONAdapter(),
    "xml": dspy.XMLAdapter(),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request. `inputs` are Python values of the fields' types."""

    program: Program
    inputs: dict[str, Any]
    settings: ModelSettings
    lm: dspy.LM
    adapter: AdapterName

    def context(self) -> AbstractContextManager[None]:
        """DSPy's settings for this call alone. Never `dspy.configure`, which is global and refuses
        a second task; no history and no trace, which would grow without end."""
        context: AbstractContextManager[None] = dspy.context(
            lm=self.lm,
            adapter=ADAPTERS[self.adapter],
            track_usage=True,
            disable_history=True,
            max_trace_size=0,
            # The inputs are checked by `Program.check_inputs`; DSPy would only log.
            warn_on_type_mismatch=False,
        )
        return context

    def time_limit(self) -> asyncio.Timeout:
        limit = self.settings.timeout_ms
        return asyncio.timeout(None if limit is None else limit / 1000)


class Predictor:
    """Holds what is worth keeping between calls: built programs and models with their
    connections. One per process, used from one event loop."""

    def __init__(self) -> None:
        self.programs = ProgramCache()
        self.models = ModelCache()

    def prepare(self, program: object, inputs: object, lm: object, adapter: str = "chat") -> Call:
        """Raises INVALID_ARGUMENT, or MODEL_NOT_CONFIGURED for settings that the model's family
        does not take."""
        if adapter not in ADAPTERS:
            refuse("adapter", adapter, f"one of {', '.join(ADAPTERS)}")
        built = self.programs.get(program)
        settings = parse_settings(lm)
        values = built.check_inputs(inputs)
        try:
            model = self.models.get(settings)
        except Exception as error:
            raise bridge_error(error, built, settings) from None
        return Call(built, values, settings, model, adapter)

    async def predict(self, call: Call) -> dict[str, Any]:
        """A `Prediction`: `outputs` and `usage`. Cancelling the task ends the request to the
        model and closes its connection."""
        try:
            async with call.time_limit():
                with call.context():
                    prediction = await call.program.module.acall(**call.inputs)
        except Exception as error:
            # `from None`: a provider's own words may repeat a key.
            raise bridge_error(error, call.program, call.settings) from None
        return answer(prediction, call)


def answer(prediction: dspy.Prediction, call: Call) -> dict[str, Any]:
    outputs = {name: plain(prediction[name]) for name in call.program.output_types}
    return {"outputs": outputs, "usage": _usage(prediction, call.settings)}


def _usage(prediction: dspy.Prediction, settings: ModelSettings) -> dict[str, Any]:
    """Summed over the answers that the call needed; zero when DSPy's cache had it."""
    entries = (prediction.get_lm_usage() or {}).values()
    return {
        "model": settings.model,
        "inputTokens": sum(entry.get("prompt_tokens") or 0 for entry in entries),
        "outputTokens": sum(entry.get("completion_tokens") or 0 for entry in entries),
    }
