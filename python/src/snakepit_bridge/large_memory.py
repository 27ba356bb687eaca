"""Memory for big values, in huge pages where the system has them.

Fresh memory comes page by page, each when it is first touched. With pages of 4 KiB that takes
longer than the bytes themselves: to copy 64 MiB into fresh bytes took 44 ms, into huge pages 10
(AMD EPYC). Linux gives them to those who ask, as NumPy does for its arrays.
"""

import ctypes
import io
import mmap
import sys

# As for NumPy's arrays: below it, half of a huge page would often be left over.
LEAST_BYTES = 4 * 1024 * 1024


def fresh_buffer(length: int) -> io.BytesIO:
    """So many zeros, which nobody has touched yet. It hands out the very `bytes` that it is made
    of, as long as nobody else has them."""
    buffer = io.BytesIO(bytes(length))
    if length >= LEAST_BYTES and sys.platform == "linux":
        with buffer.getbuffer() as place:
            _ask_for_huge_pages(place)
    return buffer


def copied(data: memoryview) -> memoryview:
    """All of its bytes, in their order, in memory of their own."""
    if data.format != "B" or not data.c_contiguous:
        return memoryview(data.tobytes())
    place = fresh_buffer(data.nbytes).getbuffer()
    place[:] = data if data.ndim == 1 else data.cast("B")
    return place


def _ask_for_huge_pages(place: memoryview) -> None:
    """Only advice: a system without them does as it always does."""
    # Not `cast`, which leaves a cycle behind that keeps the memory until the next collection.
    address = ctypes.addressof(ctypes.c_char.from_buffer(place))
    begin = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    _madvise(begin, place.nbytes - (begin - address), mmap.MADV_HUGEPAGE)


if sys.platform == "linux":
    _madvise = ctypes.CDLL(None).madvise
    _madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
