"""The host uses an id again as soon as its call is answered, while the worker may still hold that
call somewhere: in a line, behind a busy loop, in the hands of a thread that has just answered."""

import random

import pytest
from host import Connection, Host, Record


def cancelled_before_it_began(connection: Connection, call_id: int) -> None:
    connection.send([2, call_id])
    error = connection.answer_to(call_id)[2]
    assert error["code"] == "CANCELLED"
    assert error["begun"] is False


def wait_for_logs(connection: Connection, count: int) -> None:
    while sum(record[0] == 5 for record in connection.records) < count:
        connection.receive()
    connection.records = [record for record in connection.records if record[0] != 5]


@pytest.mark.parametrize("second", ["async-echo", "context-echo", "nap"])
def test_an_id_used_again_behind_a_blocked_loop_is_the_new_call(host: Host, second: str) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "block-loop"])
        connection.send([0, 2, "async-echo", {"mark": "old"}])
        cancelled_before_it_began(connection, 2)
        args = {"mark": "new", **({"seconds": 0} if second == "nap" else {})}
        connection.send([0, 2, second, args], [0, 3, "open-gate"])
        assert connection.answer_to(2) == [0, 2, "new"]
        assert connection.answer_to(1) == [0, 1, "through"]
        connection.answer_to(3)
        assert "old" not in connection.call("ran", call_id=4)
        assert connection.records == []


def test_an_id_of_a_cancelled_stream_behind_a_blocked_loop_may_be_a_call(host: Host) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "block-loop"])
        connection.send([1, 2, "marked-chunks-async", {"mark": "old", "n": 3}])
        cancelled_before_it_began(connection, 2)
        connection.send([0, 2, "async-echo", {"mark": "new"}], [0, 3, "open-gate"])
        assert connection.answer_to(2) == [0, 2, "new"]
        connection.send([4, 5])
        assert [record[1] for record in connection.wait_for(3) if record[0] == 4] == [5]


@pytest.mark.parametrize("second", ["context-echo", "async-echo"])
def test_an_id_used_again_behind_a_full_line_is_the_new_call(host: Host, second: str) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        connection.send([0, 1, "until-cancelled"])
        for old in ("context-echo", "async-echo", "async-echo"):
            connection.send([0, 2, old, {"mark": "old"}])
            cancelled_before_it_began(connection, 2)
        connection.send([0, 2, second, {"mark": "new"}])
        connection.send([2, 1])
        assert connection.answer_to(2) == [0, 2, "new"]
        assert "old" not in connection.call("ran", call_id=3)


def test_a_cancel_reaches_the_new_call_and_not_what_is_left_of_the_old(host: Host) -> None:
    """What is left stands in line under the same id; the new one runs on the event loop."""
    with host.worker(SNAKEPIT_CONCURRENCY="2") as connection:
        connection.send(*([0, call_id, "until-cancelled"] for call_id in (1, 2, 3)))
        wait_for_logs(connection, 3)
        connection.send([0, 4, "context-echo", {"mark": "old"}])
        cancelled_before_it_began(connection, 4)
        connection.send([0, 4, "async-wait"])
        wait_for_logs(connection, 1)
        connection.send([2, 4])
        error = connection.answer_to(4)[2]
        assert error["code"] == "CANCELLED"
        assert "begun" not in error
        connection.send(*([2, call_id] for call_id in (1, 2, 3)))
        for call_id in (1, 2, 3):
            connection.answer_to(call_id)
        assert "old" not in connection.call("ran", call_id=5)
        assert [record for record in connection.records if record[0] != 5] == []


def test_the_credit_of_a_stream_is_its_own_when_its_id_was_another_streams(host: Host) -> None:
    with host.worker() as connection:
        for command in ("count", "count-async") * 20:
            connection.send([1, 1, command, {"n": 1}])
            assert [record[0] for record in connection.wait_for(2)] == [2, 3]
            connection.send([1, 1, command, {"n": 1_500}])
            assert len(connection.wait_for(1_024)) == 1_024
            connection.send([3, 1, 1_024, 1_000_000])
            assert connection.wait_for(477)[-1] == [3, 1]


class Lane:
    """One id, given to a new call as soon as the last one is answered."""

    def __init__(self, call_id: int, dice: random.Random) -> None:
        self.id = call_id
        self.dice = dice
        self.number = 0
        self.chunks = 0
        self.cancelled = False

    def next(self) -> list[Record]:
        self.number += 1
        self.chunks = 0
        self.cancelled = self.dice.random() < 0.4
        self.command = self.dice.choice(
            ("echo", "async-echo", "context-echo", "nap", "marked-chunks", "marked-chunks-async")
        )
        args: dict[str, object] = {"mark": self.mark}
        if self.command == "nap":
            args["seconds"] = self.dice.choice((0, 0, 0.0005, 0.005))
        if self.is_stream:
            args["n"] = self.dice.randrange(5)
        call: Record = [int(self.is_stream), self.id, self.command, args]
        return [call, [2, self.id]] if self.cancelled and self.dice.random() < 0.5 else [call]

    @property
    def mark(self) -> str:
        return f"{self.id}:{self.number}"

    @property
    def is_stream(self) -> bool:
        return self.command.startswith("marked")

    def hear(self, record: Record) -> bool:
        """Whether the call is answered."""
        kind, value = record[0], record[2] if len(record) > 2 else None
        if kind == 2:
            assert value == f"{self.mark}#{self.chunks}"
            self.chunks += 1
            return False
        if kind == 1:
            assert self.cancelled
            assert value["code"] == "CANCELLED"
        elif kind == 3:
            assert self.is_stream
        else:
            assert value == ({"mark": self.mark} if self.command == "echo" else self.mark)
        return True


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_every_answer_is_its_own_calls_however_ids_and_cancels_fall(
    host: Host, concurrency: int
) -> None:
    dice = random.Random(concurrency)
    lanes = {call_id: Lane(call_id, dice) for call_id in range(1, 41)}
    left = 6_000 if concurrency > 1 else 1_500
    with host.worker(SNAKEPIT_CONCURRENCY=str(concurrency)) as connection:
        busy = set(lanes)
        connection.send(*(record for lane in lanes.values() for record in lane.next()))
        while busy:
            connection.receive()
            send: list[Record] = []
            for record in connection.wait_for(len(connection.records)):
                lane = lanes[record[1]]
                assert lane.id in busy, f"{record} answers nothing"
                if lane.hear(record):
                    left -= 1
                    if left > 0:
                        send += lane.next()
                    else:
                        busy.discard(lane.id)
                elif lane.cancelled and dice.random() < 0.3:
                    send.append([2, lane.id])
            late = [lanes[i] for i in busy if lanes[i].cancelled and dice.random() < 0.05]
            send += [[2, lane.id] for lane in late]
            if send:
                connection.send(*send)
