# mypy: disable-error-code="import-untyped"
"""DSPy's exceptions become error codes, by their types and never by their words."""

import asyncio
from collections.abc import Mapping
from typing import Any

import dspy
from dspy.adapters.utils import annotation_allows_none, parse_value
from dspy.utils.exceptions import (
    AdapterParseError,
    ContextWindowExceededError,
    LMAuthError,
    LMBillingError,
    LMConfigurationError,
    LMError,
    LMInvalidRequestError,
    LMNotConfiguredError,
    LMRateLimitError,
    LMServerError,
    LMStreamAssemblyError,
    LMTimeoutError,
    LMTransportError,
    LMUnexpectedError,
    LMUnsupportedFeatureError,
)

from snakepit_bridge import BridgeError

from .fields import ADAPTER_NAMES, AdapterName, split_answer
from .models import ModelSettings
from .programs import Program, type_name
from .specification import PythonType

# Longer answers are cut in `details.received`.
MAX_RECEIVED = 500

# The first match wins, so the special stands before the general.
CODES: tuple[tuple[type[BaseException], str], ...] = (
    (ContextWindowExceededError, "CONTEXT_TOO_LONG"),
    (LMNotConfiguredError, "MODEL_AUTH"),
    (LMAuthError, "MODEL_AUTH"),
    (LMRateLimitError, "MODEL_RATE_LIMITED"),
    (LMTimeoutError, "TIMEOUT"),
    (LMTransportError, "MODEL_UNREACHABLE"),
    (LMServerError, "MODEL_UNREACHABLE"),
    (LMStreamAssemblyError, "MODEL_UNREACHABLE"),
    (LMBillingError, "MODEL_REFUSED"),
    (LMInvalidRequestError, "MODEL_REFUSED"),
    (LMUnsupportedFeatureError, "MODEL_REFUSED"),
    (LMConfigurationError, "MODEL_NOT_CONFIGURED"),
    (LMUnexpectedError, "REMOTE"),
    (LMError, "MODEL_REFUSED"),
)

LOCAL_SERVERS: Mapping[str, str] = {
    "ollama": "start it with `ollama serve`",
    "ollama_chat": "start it with `ollama serve`",
    "hosted_vllm": "start it with `vllm serve <model>`",
}


def bridge_error(error: BaseException, program: Program, settings: ModelSettings) -> BaseException:
    """What the caller is told instead of `error`; `error` itself where it is not the model's."""
    error = _single(error)
    if isinstance(error, BridgeError | asyncio.CancelledError):
        return error
    if isinstance(error, AdapterParseError):
        return _output_invalid(error, program, settings)
    if isinstance(error, TimeoutError):
        return _timeout(settings)
    if not isinstance(error, LMError):
        return error
    code = next(code for kind, code in CODES if isinstance(error, kind))
    if code == "MODEL_UNREACHABLE" and _is_timeout(error):
        code = "TIMEOUT"
    if code == "REMOTE":
        # A fault inside an engine: its own exception says more than DSPy's wrapper.
        cause: BaseException = error.__cause__ or error
        return cause
    details = _details(settings, error)
    return BridgeError(code, _message(code, error, settings), details)


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _is_timeout(error: BaseException) -> bool:
    """Whether a socket's time ran out: lm15 tells by the type of the cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError) or type(cause).__name__ in TRANSPORT_TIMEOUTS:
            return True
        cause = cause.__cause__
    return False


TRANSPORT_TIMEOUTS = frozenset({"ConnectTimeout", "ReadTimeout", "WriteTimeout"})


def _model_details(settings: ModelSettings) -> dict[str, Any]:
    if settings.endpoint is None:
        return {"model": settings.model}
    return {"model": settings.model, "endpoint": settings.endpoint}


def _details(settings: ModelSettings, error: LMError) -> dict[str, Any]:
    details = _model_details(settings)
    if error.status is not None:
        details["status"] = error.status
    if error.retry_after is not None:
        details["retryAfterMs"] = round(error.retry_after * 1000)
    return details


def _message(code: str, error: LMError, settings: ModelSettings) -> str:
    model = settings.model
    where = settings.endpoint or settings.provider
    said = _redacted(error.message or "", settings)
    match code:
        case "MODEL_UNREACHABLE" if error.status is not None:
            return f"{where} failed with status {error.status} for {model}: {said}"
        case "MODEL_UNREACHABLE" if isinstance(error, LMStreamAssemblyError):
            return f"{where} broke off its answer for {model}: {said}; try again"
        case "MODEL_UNREACHABLE":
            hint = LOCAL_SERVERS.get(settings.provider, "check the address and the network")
            return f"no answer from {where} for {model} ({said}); {hint}"
        case "MODEL_AUTH" if isinstance(error, LMNotConfiguredError):
            return f"no key for {model} at {where}; give one as apiKey"
        case "MODEL_AUTH":
            return f"{where} refused the key for {model}: {said}; check apiKey"
        case "MODEL_RATE_LIMITED":
            wait = "" if error.retry_after is None else f"; try again in {error.retry_after:g} s"
            return f"{where} limits the calls to {model}: {said}{wait}"
        case "CONTEXT_TOO_LONG":
            return f"the input is too long for {model}: {said}; send less text"
        case "MODEL_NOT_CONFIGURED":
            return f"{model} cannot be used as it is set up: {said}"
        case "TIMEOUT":
            return f"{where} did not answer for {model} in time: {said}"
        case _:
            return f"{where} refused the request to {model}: {said}"


def _timeout(settings: ModelSettings) -> BridgeError:
    details = _model_details(settings)
    limit = "in time"
    if settings.timeout_ms is not None:
        details["timeoutMs"] = settings.timeout_ms
        limit = f"within {settings.timeout_ms:g} ms"
    where = settings.endpoint or settings.provider
    return BridgeError(
        "TIMEOUT",
        f"{where} did not answer for {settings.model} {limit}; "
        "raise the model's timeoutMs, or ask for less",
        details,
    )


def _output_invalid(
    error: AdapterParseError, program: Program, settings: ModelSettings
) -> BridgeError:
    field, received = _faulty_field(error, program)
    expected = type_name(program.output_types[field])
    details = _model_details(settings)
    details.update(field=field, expected=expected, received=_cut(received or error.lm_response))
    what = (
        f"gave no `{field}`" if received is None else f"gave {_cut(received, 80)!r} for `{field}`"
    )
    return BridgeError(
        "OUTPUT_INVALID",
        f"{settings.model} {what}, which must be {expected}; "
        "describe the field, or use a more capable model",
        details,
    )


def _faulty_field(error: AdapterParseError, program: Program) -> tuple[str, str | None]:
    """The first output that is missing or does not fit its type, with its raw text."""
    types = program.output_types
    # After an answer that it cannot read DSPy asks once more in JSON, and models may ignore that:
    # the form that fits the answer best is the one it was written in.
    names = frozenset(types)
    readings = {form: split_answer(form, error.lm_response, names) for form in ADAPTER_NAMES}
    form, found = max(readings.items(), key=lambda reading: len(reading[1]))
    for name, annotation in types.items():
        if name not in found and not annotation_allows_none(annotation):
            return name, None
        if name in found and not _fits(form, name, found[name], annotation):
            return name, found[name]
    return next(reversed(types)), None


def _fits(form: AdapterName, name: str, text: str, annotation: PythonType) -> bool:
    try:
        if form == "xml" and "<" in text:
            signature = dspy.Signature({name: (annotation, dspy.OutputField())})
            dspy.XMLAdapter().parse(signature, f"<{name}>{text}</{name}>")
        else:
            parse_value(text, annotation)
    except (ValueError, AdapterParseError):  # pydantic's error is a ValueError
        return False
    return True


def _cut(text: str, limit: int = MAX_RECEIVED) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _redacted(text: str, settings: ModelSettings) -> str:
    text = " ".join(text.split())
    for secret in settings.secrets:
        text = text.replace(secret, "[redacted]")
    return _cut(text)
