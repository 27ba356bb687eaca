"""What ties a call to others: it is told to the handler, comes back with what that says, and makes
a span where OpenTelemetry is loaded."""

from typing import Any

import pytest
from host import Connection, Host

TRACE, SPAN = "a" * 32, "b" * 16
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
PRELOAD = "commands_for_tracing"


def ask(
    connection: Connection,
    command: str,
    correlation: object,
    *,
    session: str | None = None,
    kind: int = 0,
) -> list[Any]:
    connection.send([kind, 1, command, {}, None, session, correlation])
    return connection.answer_to(1)


def reports(connection: Connection) -> list[Any]:
    return [record[4:] if record[0] == 5 else record[5:] for record in connection.records]


@pytest.mark.parametrize("session", [None, "ada"])
def test_a_handler_sees_what_its_call_carries_and_reports_carry_it_back(
    host: Host, session: str | None
) -> None:
    carried = {**PARENT, "correlationId": "request-7"}
    with host.worker(SNAKEPIT_PRELOAD=PRELOAD) as connection:
        _, _, told = ask(connection, "told", carried, session=session)
        assert told == [PARENT["traceparent"], "vendor=1", "request-7"]
        assert reports(connection) == [[carried], [carried]]


@pytest.mark.parametrize("carried", [None, [], "text", 7, {}, {"traceparent": 7, "later": "x"}])
def test_a_call_that_carries_nothing_of_use_is_an_ordinary_one(host: Host, carried: Any) -> None:  # noqa: ANN401
    with host.worker(SNAKEPIT_PRELOAD=PRELOAD) as connection:
        _, _, told = ask(connection, "told", carried)
        assert told == [None, None, None]
        assert reports(connection) == [[], []]


@pytest.mark.parametrize("concurrency", ["1", "64"])
@pytest.mark.parametrize("command", ["short", "told", "raises", "chunks"])
def test_a_call_of_a_trace_is_a_span_below_the_hosts(
    host: Host, command: str, concurrency: str
) -> None:
    env = {"SNAKEPIT_PRELOAD": PRELOAD, "SNAKEPIT_CONCURRENCY": concurrency, "TEST_TRACING": "on"}
    with host.worker(**env) as connection:
        ask(connection, command, PARENT, kind=1 if command == "chunks" else 0)
        (span,) = connection.call("spans", call_id=2)
        assert span == {
            "name": f"snakepit.worker {command}",
            "trace": TRACE,
            "span": span["span"],
            "parent": SPAN,
            "status": "ERROR" if command == "raises" else "UNSET",
            "state": "vendor=1",
        }
        if command == "told":
            parent = {**PARENT, "traceparent": f"00-{TRACE}-{span['span']}-01"}
            assert reports(connection) == [[parent], [parent]]


def test_a_call_without_a_trace_makes_no_span(host: Host) -> None:
    with host.worker(SNAKEPIT_PRELOAD=PRELOAD, TEST_TRACING="on") as connection:
        ask(connection, "told", {"correlationId": "request-7"})
        ask(connection, "short", None)
        assert connection.call("spans") == []


def test_a_span_ends_with_a_cancelled_call(host: Host) -> None:
    with host.worker(SNAKEPIT_PRELOAD=PRELOAD, TEST_TRACING="on") as connection:
        connection.send([0, 1, "waits", {}, None, None, PARENT])
        while not connection.records:
            connection.receive()
        connection.send([2, 1])
        assert connection.answer_to(1)[2]["code"] == "CANCELLED"
        (span,) = connection.call("spans", call_id=2)
        assert (span["name"], span["status"]) == ("snakepit.worker waits", "ERROR")


def test_a_tracer_that_does_not_work_fails_no_call(host: Host) -> None:
    with host.worker(SNAKEPIT_PRELOAD=PRELOAD, TEST_TRACING="fails") as connection:
        assert ask(connection, "short", PARENT)[2] == 1
        assert ask(connection, "told", PARENT)[2][0] == PARENT["traceparent"]
