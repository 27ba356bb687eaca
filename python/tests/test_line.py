"""Short calls stand in line: none is lost when they turn out long, and none stops the others."""

import pytest
from host import Connection, Host


def lost_none(connection: Connection, calls: int) -> None:
    for call_id in range(1, calls + 1):
        assert connection.answer_to(call_id)[0] == 0
    assert connection.records == []


@pytest.mark.parametrize("concurrency", ["1", "2", "64"])
def test_a_burst_of_slow_calls_of_a_command_that_was_thought_short_is_answered(
    host: Host, concurrency: str
) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY=concurrency) as connection:
        connection.send(*([0, call_id, "nap", {"seconds": 0.03}] for call_id in range(1, 41)))
        lost_none(connection, 40)


def test_bursts_are_answered_while_the_command_changes_its_pace(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="4") as connection:
        for round_number in range(30):
            seconds = 0.005 if round_number % 3 == 0 else 0.0
            connection.send(*([0, i, "nap", {"seconds": seconds}] for i in range(1, 21)))
            connection.send(*([0, i, "nap", {"seconds": 0}] for i in range(21, 41)))
            lost_none(connection, 40)


def test_the_line_goes_on_after_a_slow_call_though_every_runner_is_busy(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="2") as connection:
        for call_id in range(1, 7):  # from now on it is known as slow, and goes to the runners
            connection.call("nap", {"seconds": 0.02}, call_id)
        connection.send(*([1, call_id, "gated-chunks"] for call_id in (1, 2)))
        connection.wait_for(2)
        connection.send([0, 3, "spin", {"seconds": 0.02}])
        for call_id in range(4, 30):
            connection.send([0, call_id, "add", {"a": call_id, "b": 1}])
            assert connection.answer_to(call_id)[2] == call_id + 1
        connection.answer_to(3)
        connection.send([0, 30, "open-gate"])
        for call_id in (30, 1, 2):
            connection.answer_to(call_id)


def test_a_cancel_is_heard_while_the_line_waits_for_the_only_slot(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        for call_id in range(1, 6):
            connection.send([0, call_id, "until-cancelled"])
        for call_id in range(1, 6):
            connection.send([2, call_id], [4, 9])
            assert connection.answer_to(9) == [4, 9]
            assert connection.answer_to(call_id)[2]["code"] == "CANCELLED"


def test_two_calls_never_overlap_in_a_worker_with_one_slot(host: Host) -> None:
    commands = ("plain", "context", "async", "chunks", "chunks-async")
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        for call_id in range(1, 61):
            name = commands[call_id % 5]
            kind = int(name.startswith("chunks"))
            seconds = 0.008 if call_id % 3 == 0 else 0.0
            connection.send([kind, call_id, f"overlap-{name}", {"seconds": seconds}])
        for call_id in range(1, 61):
            assert connection.answer_to(call_id)[0] in (0, 3)
        assert connection.call("overlap-most", call_id=61) == 1


def test_a_worker_with_one_slot_keeps_its_slow_calls_on_one_thread(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:

        def thread() -> str:
            return str(connection.call("thread", {"seconds": 0.02}))

        # It is known as slow when it has left the threads that read. That may take a few calls on
        # a machine so busy that nobody looks at them while they run.
        while not thread().startswith("snakepit-runner"):
            pass
        assert {thread() for _ in range(20)} == {"snakepit-runner-1"}


def test_a_slow_call_and_short_ones_overlap_in_a_worker_with_more_slots(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="2") as connection:
        connection.send([0, 1, "overlap-plain", {"seconds": 3600}])
        connection.send([0, 2, "overlap-plain", {"seconds": 0}])
        connection.answer_to(2)
        assert connection.call("overlap-most", call_id=3) == 2


def test_a_handler_that_stopped_every_thread_and_then_waits_does_not_stop_the_worker(
    host: Host,
) -> None:
    with host.worker() as connection:
        for call_id in range(1, 4):
            connection.send([0, call_id, "hold-interpreter-then-wait"])
        connection.send([4, 9])
        assert connection.answer_to(9) == [4, 9]
        connection.send([0, 4, "open-gate"])
        for call_id in range(1, 5):
            connection.answer_to(call_id)
