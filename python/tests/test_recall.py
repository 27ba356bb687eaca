"""What a busy worker has not begun, its host may have back."""

import pytest
from host import Connection, Host
from test_cancel import wait_for_log

SHORT, WITH_CONTEXT, ASYNC, STREAM = (
    [0, 2, "add", {"a": 1, "b": 2}],
    [0, 3, "context"],
    [0, 4, "async-add", {"a": 1, "b": 2}],
    [1, 5, "count", {"n": 1}],
)


def given_back(connection: Connection, call_id: int) -> bool:
    kind, _, error = connection.answer_to(call_id)
    return kind == 1 and error["code"] == "WORKER_BUSY" and error["begun"] is False


def test_a_recall_brings_back_every_call_that_has_not_begun_and_no_other(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        connection.send([0, 1, "ignores-cancel"], SHORT, WITH_CONTEXT, ASYNC, STREAM)
        wait_for_log(connection, "begun")
        connection.send([5, 0])
        assert all(given_back(connection, call_id) for call_id in range(2, 6))
        connection.send([2, 1])
        assert connection.answer_to(1)[2]["code"] == "CANCELLED"
        assert connection.call("add", {"a": 1, "b": 2}, call_id=2) == 3
        assert connection.records == []


def test_calls_behind_slow_ones_on_every_thread_come_back(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="2") as connection:
        # Thought to be short, so all stand in line; the third finds no thread that could go on.
        connection.send(*([0, call_id, "ignores-cancel"] for call_id in (11, 12, 13)), SHORT)
        for _ in range(3):
            wait_for_log(connection, "begun")
        connection.send([5, 0])
        assert given_back(connection, 2)
        connection.send(*([2, call_id] for call_id in (11, 12, 13)))
        for call_id in (11, 12, 13):
            assert connection.answer_to(call_id)[2]["code"] == "CANCELLED"


def test_a_recall_of_nothing_is_no_harm(host: Host) -> None:
    with host.worker() as connection:
        connection.send([5, 0], [4, 1])
        assert connection.wait_for(1) == [[4, 1]]
        assert connection.call("add", {"a": 1, "b": 2}) == 3


@pytest.mark.parametrize("concurrency", ["1", "4"])
def test_every_call_is_answered_once_however_recalls_fall(host: Host, concurrency: str) -> None:
    commands = ["add", "async-add", "context", "echo"]
    with host.worker(SNAKEPIT_CONCURRENCY=concurrency) as connection:
        for round_number in range(60):
            ids = range(1, 101)
            calls = [
                [0, i, commands[i % 4], {} if i % 4 == 2 else {"a": 1, "b": 2}, 1000] for i in ids
            ]
            connection.send(*calls[:50], [5, 0], *calls[50:])
            if round_number % 2:
                connection.send([5, 0], [5, 0])
            answers = [connection.answer_to(i) for i in ids]
            assert all(kind == 0 or value["code"] == "WORKER_BUSY" for kind, _, value in answers)
            assert connection.records == []
            assert connection.call("add", {"a": 1, "b": 2}, call_id=101) == 3
