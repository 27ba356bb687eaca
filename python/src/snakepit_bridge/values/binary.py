"""The one place where binary data inside of a value of ours enters and leaves a document.

Big data leaves no bytes there: it travels ahead of the document (docs/protocol.md, "Big values").
"""

import threading
from typing import Any, Protocol

Binary = bytes | bytearray | memoryview

# A binary of so many bytes leaves its document; measured, see
# docs/decisions/2026-11-21-big-values-travel-in-parts.md.
PART_BYTES = 256 * 1024
# Where a record's binaries have so many bytes in all, those of MEDIUM_BYTES leave it, too.
MANY_BYTES = 1024 * 1024
MEDIUM_BYTES = 64 * 1024
# Classes whose size can be told without looking into them; NumPy's array joins when it is met.
SIZED: set[type] = {bytes, bytearray, memoryview}
# What most values are made of: for these no name is looked up.
NEVER_BIG = frozenset({type(None), bool, int, float, str, list, dict})
# By name, so that no library is imported to know its arrays.
ARRAYS = frozenset({"ndarray", "Tensor", "Parameter"})
MODULES_OF_TENSORS = frozenset({"torch", "torch.nn.parameter"})


class Collector(Protocol):
    """Takes the big binaries out of one value while it is packed."""

    def begin(self) -> None:
        """The value is walked from its beginning, perhaps once more."""

    def replace(self, binary: Binary) -> object:
        """What stands in the place of the next one, if not itself."""

    def announce(self, size: int) -> None:
        """So many bytes are about to be made. Raises `BridgeError` VALUE_TOO_LARGE."""


class Collecting(threading.local):
    """Whoever packs a value in this thread, if big binaries are to leave it."""

    collector: Collector | None = None


collecting = Collecting()


class BigBinary:
    """Stands for big bytes in a plain value, so that the encoder asks what becomes of them."""

    __slots__ = ("data",)

    def __init__(self, data: Binary) -> None:
        self.data = data


def leaf(data: Binary) -> object:
    """What stands in the document for the data of an array or a table."""
    collector = collecting.collector
    if collector is None or size_of(data) < MEDIUM_BYTES:
        return data
    return collector.replace(data)


def announce(size: int) -> None:
    """Before the data of a big value is copied: one that is too large need not be."""
    if collecting.collector is not None:
        collecting.collector.announce(size)


# How bytes and extensions begin that are longer than 64 KiB and shorter than 16 MiB.
_LONG_HEADS = (b"\xc6\x00", b"\xc9\x00")


def may_hold_medium_binary(document: bytes) -> bool:
    """Whether a packed document may have `MEDIUM_BYTES` of binary data in one piece.

    Only a hint, and much quicker than packing: in long rows of numbers some look like such a head.
    """
    if len(document) >= 1 << 24:
        return True
    for head in _LONG_HEADS:
        at = document.find(head)
        while at >= 0 and at + 5 <= len(document):
            length = int.from_bytes(document[at + 1 : at + 5], "big")
            if MEDIUM_BYTES <= length <= len(document) - at - 5:
                return True
            at = document.find(head, at + 1)
    return False


def data_of(content: Any) -> Binary:  # noqa: ANN401 - what an unpacked document holds
    """The other way. What can be written to may become part of a value, without a copy."""
    if not isinstance(content, bytes | bytearray | memoryview):
        raise ValueError("there is no binary data where it should be")
    return content


def is_big(value: object) -> bool:
    kind = value.__class__
    if kind in NEVER_BIG:
        return False
    if kind not in SIZED:
        if kind.__name__ not in ARRAYS:
            return False
        if kind.__module__ in MODULES_OF_TENSORS:
            return tensor_bytes(value) >= PART_BYTES
        if kind.__module__ != "numpy":
            return False
        SIZED.add(kind)
    return size_of(value) >= PART_BYTES


def tensor_bytes(value: Any) -> int:  # noqa: ANN401 - torch has types only where it is installed
    # Not `nbytes`, which raises for some that are to be refused with better words.
    size: int = value.numel() * value.element_size()
    return size


def size_of(value: object) -> int:
    """In bytes: the length of a memoryview or an array counts elements."""
    if isinstance(value, bytes | bytearray):
        return len(value)
    size: int = value.nbytes  # type: ignore[attr-defined]
    return size
