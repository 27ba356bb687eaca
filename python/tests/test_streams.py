from typing import Any

import pytest
from host import Connection, Host

FIRST_CHUNKS = 1024


def read_all(connection: Connection, call_id: int = 1) -> tuple[list[Any], list[Any]]:
    """The chunks and the record that ended the stream, giving credit as a host does."""
    chunks: list[Any] = []
    taken = size = 0
    while True:
        for record in connection.wait_for(1):
            if record[0] != 2:
                return chunks, record
            assert record[1] == call_id
            chunks.append(record[2])
            taken, size = taken + 1, size + record[3]
            if taken >= FIRST_CHUNKS // 2 or size >= 2 * 1024 * 1024:
                connection.send([3, call_id, taken, size])
                taken = size = 0


@pytest.mark.parametrize("command", ["count", "count-async"])
def test_chunks_arrive_in_order_and_none_twice(shared: Connection, command: str) -> None:
    shared.send([1, 1, command, {"n": 5000}])
    chunks, end = read_all(shared)
    assert chunks == list(range(5000))
    assert end == [3, 1]


@pytest.mark.parametrize("command", ["count", "count-async"])
def test_a_producer_stops_where_its_credit_does(host: Host, command: str) -> None:
    with host.worker() as connection:
        connection.send([1, 1, command, {"n": 100_000}])
        connection.wait_for(FIRST_CHUNKS)
        assert connection.call("produced", call_id=2) == FIRST_CHUNKS
        connection.send([3, 1, 10, 10])
        connection.wait_for(10)
        assert connection.call("produced", call_id=3) == FIRST_CHUNKS + 10
        connection.send([2, 1])
        assert connection.answer_to(1)[2]["code"] == "CANCELLED"


def test_large_chunks_use_up_the_credit_by_their_bytes(host: Host) -> None:
    size = 1024 * 1024
    with host.worker() as connection:
        connection.send([1, 1, "count", {"n": 100, "size": size}])
        chunks = connection.wait_for(4)
        assert all(size <= chunk[3] <= size + 16 for chunk in chunks)
        assert connection.call("produced", call_id=2) == 4


def test_a_slow_reader_of_one_stream_holds_up_no_other_call(host: Host) -> None:
    with host.worker() as connection:
        connection.send([1, 1, "count", {"n": 100_000}])
        connection.wait_for(FIRST_CHUNKS)
        connection.send([1, 2, "count", {"n": 3}])
        assert [record[0] for record in connection.wait_for(4)] == [2, 2, 2, 3]


@pytest.mark.parametrize("command", ["gated-chunks", "gated-chunks-async"])
def test_the_first_chunk_leaves_before_the_second_is_made(host: Host, command: str) -> None:
    """The second one waits for a call that is only made when the first has arrived."""
    with host.worker() as connection:
        connection.send([1, 1, command])
        assert connection.wait_for(1)[0][2] == "first"
        connection.send([0, 2, "open-gate"])
        connection.answer_to(2)
        assert read_all(connection)[0] == ["second"]


def test_a_chunk_that_the_generator_keeps_changing_is_sent_as_it_was(shared: Connection) -> None:
    shared.send([1, 1, "reused-chunks"])
    assert read_all(shared)[0] == [list(range(n + 1)) for n in range(5)]


def test_a_handler_that_returns_is_a_stream_of_one_chunk(shared: Connection) -> None:
    for call_id, command in ((1, "add"), (2, "async-add")):
        shared.send([1, call_id, command, {"a": 1, "b": 2}])
        assert read_all(shared, call_id) == ([3], [3, call_id])


def test_one_name_may_serve_calls_and_streams(shared: Connection) -> None:
    assert shared.call("both") == "called"
    shared.send([1, 2, "both"])
    assert read_all(shared, 2)[0] == ["streamed"]


@pytest.mark.parametrize(("bad", "kind"), [("value", "BridgeError"), ("no", "ValueError")])
def test_a_stream_that_breaks_ends_with_the_error_after_its_chunks(
    shared: Connection, bad: str, kind: str
) -> None:
    shared.send([1, 1, "breaks", {"bad": bad}])
    chunks, end = read_all(shared)
    assert chunks == [1]
    assert end[2]["type"] == kind


def test_wrong_arguments_of_a_stream_are_named(shared: Connection) -> None:
    for command in ("count", "count-async"):
        shared.send([1, 1, command, {}])
        assert read_all(shared)[1][2]["message"] == f"{command} needs n"
