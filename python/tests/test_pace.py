"""What a worker tells its host about how short its calls are."""

import ormsgpack
from host import Connection, Host


def spin(connection: Connection, seconds: float, calls: int) -> None:
    for _ in range(calls):
        assert connection.call("spin", {"seconds": seconds}) is None


def test_a_command_whose_calls_are_quick_is_called_short_once(host: Host) -> None:
    with host.worker() as connection:
        while not connection.paces:  # a busy machine may make a quick call look slow
            connection.call("add", {"a": 1, "b": 2})
        assert connection.paces == [["add", True]]


def test_a_command_is_not_called_short_when_its_calls_take_a_millisecond(host: Host) -> None:
    with host.worker() as connection:
        spin(connection, 0.001, 60)
        assert connection.paces == []


def test_it_is_taken_back_when_the_calls_turn_out_longer(host: Host) -> None:
    with host.worker() as connection:
        while ["spin", True] not in connection.paces:
            spin(connection, 0.0, 1)
        spin(connection, 0.001, 1)
        spin(connection, 0.001, 1)
        assert connection.paces[-1] == ["spin", False]


def test_an_integer_beyond_64_bits_is_carried_among_small_replies(host: Host) -> None:
    with host.worker() as connection:
        connection.send(
            [0, 1, "add", {"a": 1, "b": 2}],
            [0, 2, "beyond-64-bits", {}],
            [0, 3, "add", {"a": 3, "b": 4}],
        )
        assert connection.answer_to(1)[2] == 3
        assert connection.answer_to(3)[2] == 7
        kind, _, value = connection.answer_to(2)
        assert kind == 0
        assert value == (5, ormsgpack.packb((2**70).to_bytes(9, "big")))
