# mypy: disable-error-code="import-untyped"
"""DSPy as commands of a worker. Importing this package pays for every import a first call would
need, and starts nothing: no thread, no event loop, no connection, no cache. Workers are forked
after it."""

from . import environment  # noqa: I001  (before DSPy reads the environment)

# What DSPy and its libraries import only when they first predict or stream.
import anyio._backends._asyncio  # noqa: F401
import dspy.adapters.xml_adapter
import dspy.clients.costs
import dspy.clients.execution
import dspy.streaming  # noqa: F401
import jiter  # noqa: F401

from . import commands
from .predict import Predictor
from .streaming import stream_prediction

__all__ = ["Predictor", "commands", "environment", "stream_prediction"]
