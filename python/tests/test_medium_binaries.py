"""The hint that spares replies without big binaries a second packing."""

import ormsgpack
import pytest

from snakepit_bridge.values.binary import MEDIUM_BYTES, may_hold_medium_binary


@pytest.mark.parametrize("length", [MEDIUM_BYTES, MEDIUM_BYTES + 1, 300_000, (1 << 24) + 1])
def test_every_long_piece_of_binary_data_is_suspected(length: int) -> None:
    data = b"\xc6" * length
    for value in (data, ormsgpack.Ext(3, data)):
        for around in ([value], {"a": [{"b": value}], "c": "end"}, [b"\xc6\x00", "Ǝ", value, 1.5]):
            assert may_hold_medium_binary(ormsgpack.packb(around))


@pytest.mark.parametrize(
    "value",
    [
        "text " * 100_000,
        "Ǝ\x00" * 100_000,
        [{"name": "row", "number": number} for number in range(20_000)],
        [b"x" * (MEDIUM_BYTES - 1), b"\xc6\x00\x01\x00\x00"],
        [],
    ],
)
def test_text_rows_and_short_pieces_are_not_suspected(value: object) -> None:
    assert not may_hold_medium_binary(ormsgpack.packb(value))
