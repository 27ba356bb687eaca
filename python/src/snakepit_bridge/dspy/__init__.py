"""DSPy as commands of a worker. Importing this package pays for every import a first call would
need, and starts nothing: no thread, no event loop, no connection, no cache. Workers are forked
after it."""

from . import environment  # noqa: I001  (before DSPy reads the environment)

import dspy.streaming
import jiter  # noqa: F401  (loaded by DSPy at its first streamed answer)

from . import commands
from .predict import Predictor
from .streaming import stream_prediction

__all__ = ["Predictor", "commands", "environment", "stream_prediction"]
