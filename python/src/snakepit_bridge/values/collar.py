"""How deep a value nests, found out by ormsgpack: a walk in Python takes several times as long."""

import threading
from typing import Any

import ormsgpack
from ormsgpack import packb

from snakepit_bridge.values.forms import inside

# ormsgpack by itself turns tuples into lists and dates into text; its options make it ask our hook.
OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
)


class Collar:
    """So many lists around a value that ormsgpack's own limit falls on ours."""

    def __init__(self, depth: int) -> None:
        """`depth` more levels can be packed inside of it."""
        self._innermost: list[Any] = [None]
        self._lock = threading.Lock()
        outermost = self._innermost
        for _ in range(_deepest_packable() - depth - 1):
            outermost = [outermost]
        self._outermost = outermost

    def fits(self, value: object) -> bool:
        with self._lock:
            self._innermost[0] = value
            try:
                packb(self._outermost, inside, OPTIONS)
            except (TypeError, ValueError):
                return False
            finally:
                self._innermost[0] = None
            return True


def _deepest_packable() -> int:
    """ormsgpack's own nesting limit, 255 in 1.13; asked, because it is not documented."""
    value: list[Any] = []
    for depth in range(1, 4096):
        try:
            packb(value)
        except TypeError:
            return depth - 1
        value = [value]
    raise RuntimeError("ormsgpack has no nesting limit below 4096; collar.py counts on one")
