import pytest
from host import Connection, Host


def wait_for_log(connection: Connection, message: str) -> None:
    while not any(record[0] == 5 and record[3] == message for record in connection.records):
        connection.receive()
    connection.records = [record for record in connection.records if record[0] != 5]


def test_a_call_that_has_not_begun_is_dropped_and_says_so(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        connection.send(
            [0, 1, "wait-at-gate"],
            [0, 2, "reused"],
            [0, 3, "context"],
            [0, 4, "async-add", {"a": 1, "b": 2}],
            [1, 5, "count", {"n": 1}],
        )
        for call_id in range(2, 6):
            connection.send([2, call_id])
            error = connection.answer_to(call_id)[2]
            assert error["code"] == "CANCELLED"
            assert error["begun"] is False
        connection.send([4, 6])
        assert connection.wait_for(1) == [[4, 6]]


def test_a_running_coroutine_is_cancelled_and_cleans_up(host: Host) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "async-wait"])
        wait_for_log(connection, "begun")
        connection.send([2, 1])
        wait_for_log(connection, "cleaned up")
        error = connection.answer_to(1)[2]
        assert error["code"] == "CANCELLED"
        assert "begun" not in error


def test_a_synchronous_handler_sees_the_cancel_at_its_next_check(host: Host) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "until-cancelled"])
        wait_for_log(connection, "begun")
        connection.send([2, 1])
        error = connection.answer_to(1)[2]
        assert error["code"] == "CANCELLED"
        assert "begun" not in error


def test_a_handler_may_finish_after_a_cancel_and_is_answered_once(host: Host) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "ignores-cancel"])
        wait_for_log(connection, "begun")
        connection.send([2, 1], [2, 1])
        # What it made is not worth packing: nobody waits for it.
        assert connection.answer_to(1)[2]["code"] == "CANCELLED"
        connection.send([2, 1])  # on its way when the answer was
        assert connection.call("add", {"a": 1, "b": 2}, call_id=2) == 3
        assert connection.records == []


@pytest.mark.parametrize("command", ["count", "count-async"])
def test_cancelling_a_stream_closes_its_generator(host: Host, command: str) -> None:
    with host.worker() as connection:
        connection.send([1, 1, command, {"n": 1_000_000_000}])
        assert connection.wait_for(1)[0][0] == 2  # the generator has begun
        connection.send([2, 1])
        assert connection.answer_to(1)[2]["code"] == "CANCELLED"
        assert connection.call("wait-closed", call_id=2) is True
        connection.records = [r for r in connection.records if r[0] != 2]
        connection.send([4, 3])
        assert connection.wait_for(1) == [[4, 3]]  # no chunk after the answer


def test_every_call_is_answered_once_however_cancels_fall(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="4") as connection:
        commands = ["add", "async-add", "context", "echo"]
        for round_number in range(30):
            ids = range(1, 101)
            connection.send(
                *(
                    [0, i, commands[i % 4], {} if i % 4 == 2 else {"a": 1, "b": 2}, 1000]
                    for i in ids
                ),
                *([2, i] for i in ids if (i + round_number) % 3 == 0),
            )
            for i in ids:
                kind, _, value = connection.answer_to(i)
                assert kind == 0 or value["begun"] is False or value["code"] == "CANCELLED"
            assert connection.records == []


def test_a_handler_that_has_stopped_the_reading_thread_does_not_stop_the_worker(host: Host) -> None:
    """Short calls run on the thread that reads; each of these turns out not to be short."""
    with host.worker() as connection:
        for call_id in range(1, 11):
            connection.send([0, call_id, "ignores-cancel"])
            wait_for_log(connection, "begun")
        connection.send(*([2, call_id] for call_id in range(1, 11)))
        for call_id in range(1, 11):
            assert connection.answer_to(call_id)[2]["code"] == "CANCELLED"
