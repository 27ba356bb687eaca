"""Which values the wire carries: docs/protocol.md, "Codecs". Everything else is refused by name.

Only asked when an encoder has refused a value: to find out which part of it, and why.
"""

import json
import math
from dataclasses import dataclass

from snakepit_bridge.errors import BridgeError

# Containers in containers. The same in TypeScript.
DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the codecs differ in what they carry."""

    smallest_int: int
    largest_int: int
    binary: bool
    non_finite: bool


def refusal_of(
    value: object, limits: Limits, path: str = "value", depth: int = 0
) -> BridgeError | None:
    """Why this value cannot be carried, with the path of the first part that cannot; else None."""
    if value is None or isinstance(value, bool):
        return None
    kind = type(value)
    if isinstance(value, int) and kind is int:
        if limits.smallest_int <= value <= limits.largest_int:
            return None
        return refused(path, "int", f"is beyond {limits.largest_int:,}; send it as text")
    if isinstance(value, float) and kind is float:
        if limits.non_finite or math.isfinite(value):
            return None
        return refused(path, "float", "is not finite, and JSON has no word for that")
    if isinstance(value, str) and kind is str:
        if _is_utf8(value):
            return None
        return refused(path, "str", "has a lone surrogate, which UTF-8 cannot carry")
    if limits.binary and kind in (bytes, bytearray, memoryview):
        return None
    if kind is not list and kind is not dict:
        return refused(path, type_name(kind), "is of a type that the wire does not carry")
    if depth >= DEEPEST:
        return refused(path, kind.__name__, f"nests deeper than {DEEPEST} (or contains itself)")
    if isinstance(value, list):
        for index, item in enumerate(value):
            refusal = refusal_of(item, limits, f"{path}[{index}]", depth + 1)
            if refusal is not None:
                return refusal
    elif isinstance(value, dict):
        for key, item in value.items():
            refusal = _key_refusal(key, path) or refusal_of(
                item, limits, path + _step(key), depth + 1
            )
            if refusal is not None:
                return refusal
    return None


def refused(path: str, type_name: str, why: str) -> BridgeError:
    message = f"{path} ({type_name}) {why}"
    return BridgeError("SERIALIZATION", message, {"path": path, "type": type_name})


def too_large(size: int, limit: int) -> BridgeError:
    message = (
        f"the reply has {size:,} bytes, the host takes at most {limit:,}; "
        "stream it in pieces or write it to a file and send the path"
    )
    return BridgeError("VALUE_TOO_LARGE", message, {"bytes": size, "limitBytes": limit})


def value_too_large(size: int, limit: int) -> BridgeError:
    message = (
        f"the reply has {size:,} bytes of binaries, maxValueBytes allows {limit:,}; "
        "raise it, stream it in pieces or write it to a file and send the path"
    )
    return BridgeError("VALUE_TOO_LARGE", message, {"bytes": size, "limitBytes": limit})


def type_name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _key_refusal(key: object, path: str) -> BridgeError | None:
    if type(key) is not str:
        return refused(path, "dict", f"has a key of type {type_name(type(key))}; keys must be str")
    if not _is_utf8(key):
        return refused(path, "dict", "has a key with a lone surrogate, which UTF-8 cannot carry")
    return None


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"


def _is_utf8(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
