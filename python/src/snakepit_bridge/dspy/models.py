# mypy: disable-error-code="import-untyped"
"""From the settings that travel with a call to the `dspy.LM` that answers it."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import dspy

from .demo_model import AsyncDemoEngine, DemoEngine
from .providers import check_provider
from .specification import refuse

DEMO_MODEL = "demo"
MAX_MODELS = 64

# Where a provider without `apiBase` is expected, for the words of an error.
LOCAL_ENDPOINTS: Mapping[str, str] = {
    "ollama": "http://localhost:11434",
    "ollama_chat": "http://localhost:11434",
    "hosted_vllm": "http://localhost:8000",
}
PUBLIC_ENDPOINTS: Mapping[str, str] = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "openrouter": "https://openrouter.ai",
    "deepseek": "https://api.deepseek.com",
    "xai": "https://api.x.ai",
}

# Servers of one's own. DSPy's engine speaks to all of them; with `engine="auto"` it would hand some
# requests to LiteLLM, which costs 3 s and 120 MB in each worker.
NATIVE_PROVIDERS = frozenset({"openai", "ollama", "ollama_chat", "hosted_vllm"})

# Local servers take any key and insist on one. It also keeps DSPy from sending a provider's key
# that lies in the environment to an endpoint it does not belong to.
PLACEHOLDER_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    model: str
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_ms: float | None = None
    cache: bool = False

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]

    @property
    def endpoint(self) -> str | None:
        """Scheme, host, port and path, never a query."""
        if self.model == DEMO_MODEL:
            return None
        if self.api_base is None:
            return LOCAL_ENDPOINTS.get(self.provider) or PUBLIC_ENDPOINTS.get(self.provider)
        parts = urlsplit(self.api_base)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    @property
    def secrets(self) -> list[str]:
        """What must never be seen in an error."""
        query = urlsplit(self.api_base).query if self.api_base is not None else ""
        return [secret for secret in (self.api_key, query) if secret]


def parse_settings(value: object) -> ModelSettings:
    """Raises INVALID_ARGUMENT naming the setting, or MODEL_NOT_CONFIGURED for a provider that there
    is not; never shows a key."""
    if not isinstance(value, Mapping):
        refuse("lm", value, "the settings of a model, such as { model: 'demo' }")
    for key in value:
        if key not in SETTINGS:
            raise_unknown(str(key))
    model = value.get("model")
    if not isinstance(model, str) or not model.strip() or model.endswith("/"):
        refuse("lm.model", model, "'demo' or 'provider/name'")
    settings = ModelSettings(
        model=model,
        api_base=_endpoint(value),
        api_key=_key(value),
        temperature=_number(value, "temperature", minimum=0),
        max_tokens=_integer(value, "maxTokens"),
        timeout_ms=_number(value, "timeoutMs", minimum=1),
        cache=_flag(value, "cache"),
    )
    check_provider(model, has_own_endpoint=settings.api_base is not None)
    return settings


SETTINGS = ("model", "apiBase", "apiKey", "temperature", "maxTokens", "timeoutMs", "cache")


def raise_unknown(key: str) -> None:
    # Not `refuse`: the value of a misspelt `apikey` would be shown.
    refuse("lm", f"the key {key!r}", f"an object with {', '.join(SETTINGS)}")


class ModelCache:
    """One `dspy.LM`, and with it one pool of connections, per distinct settings. An LM that falls
    out closes its connections when its last call has ended. Lives on the event loop."""

    def __init__(self, limit: int = MAX_MODELS) -> None:
        self._limit = limit
        self._models: OrderedDict[ModelSettings, dspy.LM] = OrderedDict()

    def __len__(self) -> int:
        return len(self._models)

    def get(self, settings: ModelSettings) -> dspy.LM:
        # The time limit is the call's affair: as part of the key, calls with the rest of a deadline
        # as their limit would each open connections of their own.
        key = replace(settings, timeout_ms=None)
        model = self._models.get(key)
        if model is None:
            model = build_model(key)
            self._models[key] = model
            if len(self._models) > self._limit:
                self._models.popitem(last=False)
        else:
            self._models.move_to_end(key)
        return model


def build_model(settings: ModelSettings) -> dspy.LM:
    common: dict[str, Any] = {"cache": settings.cache, "num_retries": 0}
    if settings.model == DEMO_MODEL:
        engine = DemoEngine()
        return dspy.LM(DEMO_MODEL, engine=engine, async_engine=AsyncDemoEngine(engine), **common)
    own_endpoint = settings.api_base is not None or settings.provider in LOCAL_ENDPOINTS
    native = own_endpoint and settings.provider in NATIVE_PROVIDERS
    client: dict[str, Any] = {}
    if settings.api_base is not None:
        client["api_base"] = settings.api_base
    if settings.api_key is not None or settings.api_base is not None:
        client["api_key"] = settings.api_key or PLACEHOLDER_KEY
    return dspy.LM(
        settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        engine="lm15" if native else "auto",
        **client,
        **common,
    )


def _endpoint(value: Mapping[str, Any]) -> str | None:
    base = value.get("apiBase")
    if base is None:
        return None
    expected = "an address such as 'http://localhost:11434/v1'"
    if not isinstance(base, str):
        refuse("lm.apiBase", base, expected)
    try:
        parts = urlsplit(base)
        # A user and a password in an address reach no model: DSPy's engine takes them for a part
        # of the host's name, and would show them in its error.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        _ = parts.port  # raises when it is not a number
    except ValueError:
        usable = False
    if not usable:
        # The text is not shown: an address may hold a password.
        refuse(
            "lm.apiBase", "another address", f"{expected}, without a user (a key goes into apiKey)"
        )
    return base


def _key(value: Mapping[str, Any]) -> str | None:
    key = value.get("apiKey")
    if key is not None and not isinstance(key, str):
        refuse("lm.apiKey", type(key).__name__, "text")
    return key or None


def _number(value: Mapping[str, Any], name: str, *, minimum: float) -> float | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        refuse(f"lm.{name}", number, "a number")
    if math.isnan(number) or number < minimum:
        refuse(f"lm.{name}", number, f"a number of at least {minimum:g}")
    return float(number)


def _integer(value: Mapping[str, Any], name: str) -> int | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        refuse(f"lm.{name}", number, "a whole number of at least 1")
    return number


def _flag(value: Mapping[str, Any], name: str) -> bool:
    flag = value.get(name)
    if flag is not None and not isinstance(flag, bool):
        refuse(f"lm.{name}", flag, "true or false")
    return flag is True
