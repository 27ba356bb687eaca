"""Memory for big values. How much of it is in huge pages is the system's business."""

import gc
import weakref

import numpy as np
import pytest

from snakepit_bridge.large_memory import LEAST_BYTES, copied, fresh_buffer


@pytest.mark.parametrize("length", [0, 1, LEAST_BYTES - 1, LEAST_BYTES, 3 * LEAST_BYTES + 5])
def test_fresh_memory_is_zero_and_may_be_written_without_a_copy(length: int) -> None:
    buffer = fresh_buffer(length)
    place = buffer.getbuffer()
    assert place.nbytes == length
    assert not any(place)
    place[-1:] = b"\x07"[:length]
    place.release()
    data = buffer.getvalue()
    assert len(data) == length
    assert data is buffer.getvalue()
    assert data[-1:] == b"\x07"[:length]


@pytest.mark.parametrize(
    "source",
    [
        bytearray(range(256)) * (LEAST_BYTES // 256),
        memoryview(bytes(range(256)) * 100)[3:-5],
        memoryview(bytes(range(256)) * 100)[::3],
        memoryview(bytes(range(256)) * 100).cast("B", (160, 160)),
        memoryview(bytes(range(256)) * 100).cast("d"),
        np.arange(LEAST_BYTES, dtype="int16").reshape(2, -1).T.data,
        np.arange(60_000, dtype=">i8").data,
    ],
    ids=["bytearray", "slice", "every third", "rows", "doubles", "columns", "big endian"],
)
def test_a_copy_has_all_bytes_in_their_order_and_stays_as_it_is(
    source: bytearray | memoryview,
) -> None:
    view = memoryview(source)
    expected = view.tobytes()
    copy = copied(view)
    if isinstance(source, bytearray):
        source[:] = bytes(len(source))
    assert copy == expected
    assert copy.nbytes == len(expected)


def test_it_goes_with_its_last_user_and_waits_for_no_collection() -> None:
    gc.disable()
    try:
        buffer = fresh_buffer(LEAST_BYTES)
        place = copied(memoryview(bytes(LEAST_BYTES)))
        left = [weakref.ref(buffer), weakref.ref(place)]
        del buffer, place
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()
