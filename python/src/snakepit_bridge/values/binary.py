"""The one place where binary data inside of a value of ours enters and leaves a document."""

from typing import Any

Binary = bytes | bytearray | memoryview


def leaf(data: Binary) -> Binary:
    """What stands in the document for the data of an array or a table."""
    return data


def data_of(content: Any) -> bytes | bytearray:  # noqa: ANN401 - what an unpacked document holds
    """The other way. A `bytearray` may become part of a value, without a copy."""
    if not isinstance(content, bytes | bytearray):
        raise ValueError("there is no binary data where it should be")
    return content
