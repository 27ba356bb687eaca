"""Random numbers of one worker: unlike its siblings', or the same in every run."""

import os
import random
import sys
from importlib import import_module
from typing import Any


def reseed(seed: int | None) -> None:
    """Generators that were seeded before a fork would give every worker the same numbers.

    `None` takes the system's randomness. Only generators that are a module's own can be reached:
    one that a module has made when it was imported stays as it was.
    """
    random.seed(seed)
    # numpy imports it with its first use, and it then takes the system's randomness.
    if "numpy.random" in sys.modules or (seed is not None and "numpy" in sys.modules):
        numpy_random: Any = import_module("numpy.random")
        numpy_random.seed(seed)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        if seed is None:
            torch.seed()
        else:
            torch.manual_seed(seed)
    if seed is not None:
        # For generators that a handler makes itself.
        os.environ["SNAKEPIT_SEED"] = str(seed)
