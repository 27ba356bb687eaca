"""What the process looks like before DSPy is imported. Import this module first."""

import os
import tempfile
from pathlib import Path

ONE_GIBIBYTE = str(1 << 30)


def _cache_directory() -> str:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        root = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:  # a container without a home directory
        root = Path(tempfile.gettempdir())
    return str(root / "snakepit" / "dspy")


def prepare_environment() -> None:
    """Sets what DSPy and LiteLLM read from the environment. Opens nothing, starts nothing."""
    # Otherwise LiteLLM fetches a price table on import, with retries when offline.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    # DSPy's own default is 30 GB in the home directory. The cache is only opened when a call asks
    # for it (`cache: true`).
    os.environ.setdefault("DSPY_CACHEDIR", _cache_directory())
    os.environ.setdefault("DSPY_CACHE_LIMIT", ONE_GIBIBYTE)
    # Either of them silently moves every `openai/*` model from DSPy's engine to LiteLLM (3 s of
    # import, 120 MB, 7 times the CPU per call), even when the call names its endpoint itself.
    for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL"):
        os.environ.pop(name, None)


prepare_environment()
