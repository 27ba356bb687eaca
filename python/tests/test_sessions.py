"""A call knows its session, and a worker hears when one is over."""

import pytest
from host import Connection, Host


def kept(connection: Connection) -> list[str]:
    sessions: list[str] = connection.call("kept-sessions", {}, 90)
    return sessions


def call_in(connection: Connection, session: str | None, call_id: int = 1) -> int:
    connection.send([0, call_id, "keep", {}, None, session])
    answer: int = connection.answer_to(call_id)[2]
    return answer


@pytest.mark.parametrize("concurrency", ["1", "64"])
def test_what_is_kept_for_a_session_goes_when_the_host_says_that_it_is_over(
    host: Host, concurrency: str
) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY=concurrency) as connection:
        assert [call_in(connection, "ada"), call_in(connection, "ada")] == [1, 2]
        assert call_in(connection, "bob") == 1
        connection.send([6, 0, "ada"], [6, 0, "never heard of"])
        while "ada" in kept(connection):
            pass
        assert kept(connection) == ["bob"]
        assert call_in(connection, "ada") == 1


def test_a_hook_that_fails_is_logged_and_harms_nobody(host: Host) -> None:
    with host.worker() as connection:
        connection.send([6, 0, "ada"])
        assert connection.wait_for(1) == [[5, 0, "error", "LookupError in complain: what is ada?"]]
        assert call_in(connection, None) == 0


def test_with_one_slot_a_session_ends_between_two_calls(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="1") as connection:
        for _ in range(30):
            calls = [[0, call_id, "keep", {}, None, "ada"] for call_id in range(1, 4)]
            connection.send(*calls, [6, 0, "ada"], [0, 4, "keep", {}, None, "ada"])
            assert [connection.answer_to(i)[2] for i in range(1, 5)] == [1, 2, 3, 1]
            connection.send([6, 0, "ada"])
