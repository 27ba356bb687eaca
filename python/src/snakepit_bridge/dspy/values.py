# mypy: disable-error-code="import-untyped"
"""What DSPy parsed, as values that the wire carries: text, numbers, booleans, null, bytes, lists,
maps with text keys. Sets and tuples become lists and dates ISO text; the caller knows its types."""

import datetime
from collections.abc import Mapping
from typing import Any

import dspy
import pydantic

# None, bool, int, float, str, bytes, and lists and maps of these.
Plain = Any


def plain(value: object) -> Plain:
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dspy.Reasoning):
        return value.content
    if isinstance(value, dspy.Code):
        return value.code
    if isinstance(value, pydantic.BaseModel):
        fields = type(value).model_fields
        return {info.alias or name: plain(getattr(value, name)) for name, info in fields.items()}
    return str(value)
