"""Which values the wire carries: docs/protocol.md, "Codecs". Everything else is refused by name."""

from snakepit_bridge.values.plain import Limits, refusal_of
from snakepit_bridge.values.refusals import DEEPEST, refused, too_large, type_name, value_too_large

__all__ = [
    "DEEPEST",
    "Limits",
    "refusal_of",
    "refused",
    "too_large",
    "type_name",
    "value_too_large",
]
