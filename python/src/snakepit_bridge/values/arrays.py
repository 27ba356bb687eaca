"""NumPy's arrays and scalars <-> the wire: element type, shape, and the elements row by row, little
endian. Imported only for a value of NumPy's, or a tensor from the host."""

import math
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import NotBegunError
from snakepit_bridge.values import kinds
from snakepit_bridge.values.binary import Binary, announce, leaf
from snakepit_bridge.values.forms import Former
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError

if TYPE_CHECKING:
    import numpy

# By NumPy's names; bytes per element. bfloat16 is NumPy's by way of the package ml_dtypes.
ITEM_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}


def former_of(kind: type) -> Former | None:
    import numpy

    # Exactly: what a subclass adds, such as a mask, would be lost.
    if kind in (numpy.ndarray, numpy.memmap):
        return array_form
    if numpy.generic in kind.__mro__:
        return _scalar
    return None


def array_form(value: "numpy.ndarray[Any, Any]") -> Extension:
    import numpy

    name = value.dtype.name
    if name not in ITEM_BYTES:
        raise UnsupportedError(
            f"holds elements of type {value.dtype}, which have no place in a Tensor; "
            f"known are {', '.join(ITEM_BYTES)}"
        )
    announce(value.nbytes)
    if value.dtype.str.startswith(">"):
        value = value.astype(value.dtype.newbyteorder("<"))
    # Not `ascontiguousarray`, which makes one dimension of none.
    rows = numpy.asarray(value, order="C")
    data = rows.reshape(-1).view(numpy.uint8).data
    return Extension(kinds.TENSOR, [name, list(value.shape), leaf(data)])


def _scalar(value: "numpy.generic") -> object:
    """The plain number that it is; text and bytes are subclasses of Python's own."""
    if value.dtype.kind in "biufcSU":
        plain: object = value.item()
        if type(plain) in (bool, int, float, complex, str, bytes):
            return plain
    if value.dtype.name == "bfloat16":
        return float(value)
    raise UnsupportedError(f"is a NumPy scalar of type {value.dtype}; send a number or text")


def array_of(dtype: str, shape: list[int], data: Binary) -> object:
    """A writable array. Raises `NotBegunError` UNSUPPORTED without the package that it needs."""
    if dtype not in ITEM_BYTES or math.prod(shape) * ITEM_BYTES[dtype] != len(data):
        raise ValueError(f"{len(data)} bytes are no array of {dtype} and shape {shape}")
    try:
        import numpy

        array = numpy.frombuffer(data, _dtype(dtype)).reshape(shape)
    except ImportError as error:
        message = f"is of {dtype} and needs {error.name}; install it where the workers run"
        raise NotBegunError("UNSUPPORTED", message) from None
    return array if array.flags.writeable else array.copy()


def _dtype(name: str) -> "numpy.dtype[Any]":
    import numpy

    if name != "bfloat16":
        return numpy.dtype(name).newbyteorder("<")
    import ml_dtypes

    bfloat16: numpy.dtype[Any] = numpy.dtype(ml_dtypes.bfloat16)
    return bfloat16
