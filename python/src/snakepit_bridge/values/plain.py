"""Which values are plain data: all that JSON carries, which has no word for any other kind."""

import math
from dataclasses import dataclass

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.values.refusals import (
    DEEPEST,
    KEY_WITH_LONE_SURROGATE,
    LONE_SURROGATE,
    TOO_DEEP,
    is_utf8,
    refused,
    step,
    type_name,
)


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
        return refused(
            path, "float", "is not finite, and JSON has no word for that; send None or text"
        )
    if isinstance(value, str) and kind is str:
        if is_utf8(value):
            return None
        return refused(path, "str", LONE_SURROGATE)
    if limits.binary and kind in (bytes, bytearray, memoryview):
        return None
    if kind is not list and kind is not dict:
        return refused(
            path,
            type_name(kind),
            "is of a type that JSON has no word for; send text, a list or a dict of it",
        )
    if depth >= DEEPEST:
        return refused(path, kind.__name__, TOO_DEEP)
    if isinstance(value, list):
        for index, item in enumerate(value):
            refusal = refusal_of(item, limits, f"{path}[{index}]", depth + 1)
            if refusal is not None:
                return refusal
    elif isinstance(value, dict):
        for key, item in value.items():
            refusal = _key_refusal(key, path) or refusal_of(
                item, limits, path + step(key), depth + 1
            )
            if refusal is not None:
                return refusal
    return None


def _key_refusal(key: object, path: str) -> BridgeError | None:
    if type(key) is not str:
        return refused(path, "dict", f"has a key of type {type_name(type(key))}; keys must be str")
    if not is_utf8(key):
        return refused(path, "dict", KEY_WITH_LONE_SURROGATE)
    return None
