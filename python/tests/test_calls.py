from typing import Any

import pytest
from host import Connection, Host, RemoteError


def error_of(connection: Connection, command: str, args: Any = None) -> dict[str, Any]:  # noqa: ANN401
    with pytest.raises(RemoteError) as caught:
        connection.call(command, args)
    return caught.value.error


def test_arguments_come_by_name(shared: Connection) -> None:
    assert shared.call("add", {"a": 1, "b": 2}) == 3.0
    assert shared.call("typed", {"text": "x", "rows": [1, 2.5]}) == ["x", 1, "a", [1.0, 2.5]]
    assert shared.call("async-add", {"a": 1, "b": 2}) == 3


@pytest.mark.parametrize(
    ("command", "args", "says"),
    [
        ("add", {"a": 1}, "add needs b"),
        ("add", None, "add needs a, b"),
        ("add", {"a": 1, "b": 2, "c": 3}, "add has no c"),
        ("add", {"a": 1, "z": 2}, "add needs b and has no z"),
        ("add", {"a": "1", "b": 2}, "a must be float, not str"),
        ("add", {"a": True, "b": 2}, "a must be float, not bool"),
        ("typed", {"text": None}, "text must be str, not None"),
        ("typed", {"text": "x", "count": 1.5}, "count must be int, not float"),
        ("typed", {"text": "x", "mode": "c"}, "mode must be 'a' or 'b', not 'c'"),
        ("typed", {"text": "x", "mode": 1}, "mode must be 'a' or 'b', not int"),
        ("typed", {"text": "x", "rows": [1, "2"]}, "rows[1] must be float, not str"),
        ("context", {"ctx": 1}, "context has no ctx"),
        ("async-add", {"a": 1}, "async-add needs b"),
        ("ping", [1], "must be a map"),
    ],
)
def test_wrong_arguments_are_named(
    shared: Connection, command: str, args: object, says: str
) -> None:
    error = error_of(shared, command, args)
    assert error["code"] == "INVALID_ARGUMENT"
    assert says in error["message"]


def test_an_unknown_command_is_refused_with_the_closest_name(shared: Connection) -> None:
    error = error_of(shared, "ecoh")
    assert error["code"] == "UNKNOWN_COMMAND"
    assert error["message"] == "there is no command 'ecoh'; did you mean 'echo'?"
    assert error["details"] == {"command": "ecoh", "closest": "echo"}


def test_an_exception_arrives_with_its_type_message_and_traceback(shared: Connection) -> None:
    error = error_of(shared, "fail", {"message": "half \ud83d a pair"[:4]})
    assert error["type"] == "ValueError"
    assert error["message"] == "half"
    assert "code" not in error
    lines = error["traceback"].splitlines()
    assert "commands_for_tests.py" in lines[1]  # not our own frames above it
    assert lines[-1] == "ValueError: half"


def test_a_bridge_error_keeps_its_code_and_details(shared: Connection) -> None:
    error = error_of(shared, "refuse")
    assert error["code"] == "QUOTA_EXCEEDED"
    assert error["details"] == {"limit": 3}


def test_details_that_cannot_be_sent_are_left_out_and_the_error_says_so(shared: Connection) -> None:
    error = error_of(shared, "refuse-badly")
    assert error["code"] == "QUOTA_EXCEEDED"
    assert "details left out: value.details.when (object)" in error["message"]


@pytest.mark.parametrize("command", ["exit", "async-exit"])
def test_sys_exit_in_a_handler_fails_the_call_and_not_the_worker(
    shared: Connection, command: str
) -> None:
    assert error_of(shared, command)["type"] == "SystemExit"
    assert shared.call("add", {"a": 1, "b": 2}) == 3


def test_one_bad_value_fails_alone_and_not_its_batch(shared: Connection) -> None:
    shared.send(
        [0, 1, "echo", {"n": 1}], [0, 2, "bad-value"], [0, 3, "surrogate"], [0, 4, "echo", {"n": 4}]
    )
    first, second, third, fourth = (shared.answer_to(call_id) for call_id in (1, 2, 3, 4))
    assert first == [0, 1, {"n": 1}]
    assert fourth == [0, 4, {"n": 4}]
    assert second[2]["code"] == third[2]["code"] == "SERIALIZATION"
    assert second[2]["details"] == {"path": "value.items[1].when", "type": "object"}


def test_a_value_that_the_handler_keeps_changing_is_sent_as_it_was_returned(
    shared: Connection,
) -> None:
    shared.send(*([0, call_id, "reused"] for call_id in range(1, 21)))
    values = [shared.answer_to(call_id)[2]["n"] for call_id in range(1, 21)]
    assert values == list(range(values[0], values[0] + 20))


def test_each_call_has_context_variables_of_its_own(shared: Connection) -> None:
    shared.send(*([0, call_id, "set-mark", {"value": "used"}] for call_id in (1, 2)))
    assert [shared.answer_to(call_id)[2] for call_id in (1, 2)] == ["fresh", "fresh"]


def test_a_handler_sees_its_call(shared: Connection) -> None:
    shared.send([0, 7, "context", {}, 60_000, "user-1"], [0, 8, "context"])
    seen = shared.answer_to(7)[2]
    assert seen == {
        "callId": 7,
        "session": "user-1",
        "command": "context",
        "hasTime": True,
        "unlimited": False,
    }
    assert shared.answer_to(8)[2]["unlimited"] is True


def test_a_ping_is_answered_while_every_handler_waits(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="2") as connection:
        connection.send(*([0, call_id, "wait-at-gate"] for call_id in (1, 2, 3, 4)))
        connection.send([4, 9])
        assert connection.answer_to(9) == [4, 9]


def test_every_batch_is_acknowledged_once(host: Host) -> None:
    with host.worker() as connection:
        batches = 0
        for _ in range(20):
            connection.send([0, 1, "add", {"a": 1, "b": 2}], [0, 2, "async-add", {"a": 1, "b": 2}])
            connection.send([4, 3])
            connection.send([0, 4, "no-such-command"], [2, 99])
            connection.send([0, 5, "context"])
            batches += 4
            for call_id in (1, 2, 3, 4, 5):
                connection.answer_to(call_id)
        while connection.acked < batches:
            connection.receive()
        connection.send([4, 1])
        connection.answer_to(1)
        while connection.acked < batches + 1:
            connection.receive()
        assert connection.acked == batches + 1


def test_a_slow_call_holds_up_no_other_call_of_its_batch(host: Host) -> None:
    """The gate is opened by a call that stands behind the one that waits for it."""
    with host.worker() as connection:
        connection.send(
            [0, 1, "add", {"a": 1, "b": 1}],
            [0, 2, "wait-at-gate"],
            [0, 3, "add", {"a": 2, "b": 2}],
        )
        assert connection.answer_to(1)[2] == 2
        assert connection.answer_to(3)[2] == 4
        while connection.acked < 1:
            connection.receive()
        connection.send([0, 4, "open-gate"])
        assert connection.answer_to(2)[2] == "through"


def test_many_slow_calls_run_side_by_side(host: Host) -> None:
    with host.worker(SNAKEPIT_CONCURRENCY="16") as connection:
        connection.send(*([0, call_id, "wait-at-gate"] for call_id in range(1, 17)))
        connection.send([0, 17, "open-gate"])
        for call_id in range(1, 18):
            connection.answer_to(call_id)


def test_a_reply_that_is_too_large_fails_alone(host: Host) -> None:
    host.spawn()
    connection = host.admit(maxFrameBytes=20_000)
    connection.send([0, 1, "big", {"size": 20_000}], [0, 2, "add", {"a": 1, "b": 2}])
    error = connection.answer_to(1)[2]
    assert error["code"] == "VALUE_TOO_LARGE"
    assert error["details"]["limitBytes"] <= 20_000 <= error["details"]["bytes"]
    assert connection.answer_to(2)[2] == 3
    # Together they are too large for one frame; alone each of them fits.
    connection.send(*([0, call_id, "big", {"size": 15_000}] for call_id in (3, 4, 5)))
    for call_id in (3, 4, 5):
        assert len(connection.answer_to(call_id)[2]) == 15_000


def test_large_values_travel_both_ways(shared: Connection) -> None:
    blob = bytes(range(256)) * 20_000
    assert shared.call("echo", {"blob": blob})["blob"] == blob


def test_a_stream_only_command_says_so_when_it_is_called(shared: Connection) -> None:
    error = error_of(shared, "count", {"n": 1})
    assert error["code"] == "UNSUPPORTED"
    assert error["message"] == "count answers with a stream; read it as one"


def test_python_functions_are_called_by_name(shared: Connection) -> None:
    def python(path: str, *args: object, **more: object) -> object:
        return shared.call("python.call", {"path": path, "args": list(args), **more})

    assert python("math.sqrt", 16) == 4.0
    assert python("len", [1, 2]) == 2
    assert python("os.path.basename", "/a/b") == "b"
    assert python("json.dumps", {"b": 1, "a": 2}, kwargs={"sort_keys": True}) == '{"a": 2, "b": 1}'
    assert python("asyncio.sleep", 0, "awaited") == "awaited"
    assert python("importlib.metadata.version", "ormsgpack")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        ({"path": "math.sqrtt"}, "NOT_FOUND", "did you mean math.sqrt?"),
        ({"path": "mathh.sqrt"}, "NOT_FOUND", "did you mean math?"),
        ({"path": "os.path.no_such"}, "NOT_FOUND", "no attribute os.path.no_such"),
        ({"path": "xml.no_such"}, "NOT_FOUND", "no attribute xml.no_such"),
        ({"path": "math"}, "INVALID_ARGUMENT", "math is a module and cannot be called"),
        ({"path": "math.pi"}, "INVALID_ARGUMENT", "math.pi is of type float"),
        ({"path": "math..pi"}, "INVALID_ARGUMENT", "no dotted name"),
        ({"path": "os.system", "allow": ["math.*"]}, "NOT_ALLOWED", "os.system is not among"),
        (
            {"path": "json.codecs.open", "allow": ["json.*"]},
            "NOT_ALLOWED",
            "which is codecs.open, is not among the allowed json.*",
        ),
        ({"path": "math.sqrt", "allow": []}, "NOT_ALLOWED", "(none)"),
    ],
)
def test_python_names_that_cannot_be_called_are_explained(
    shared: Connection, args: dict[str, Any], code: str, says: str
) -> None:
    error = error_of(shared, "python.call", args)
    assert error["code"] == code
    assert says in error["message"]


def test_an_allowed_name_is_called(shared: Connection) -> None:
    for path, args in [("math.sqrt", [4]), ("random.random", []), ("json.loads", ["1"])]:
        pattern = path.split(".")[0] + ".*"
        shared.call("python.call", {"path": path, "args": args, "allow": [pattern]})


def test_the_import_error_of_a_module_is_its_own(host: Host, tmp_path: Any) -> None:  # noqa: ANN401
    (tmp_path / "needs_more.py").write_text("import not_installed_at_all\n")
    with host.worker() as connection:
        connection.call("python.call", {"path": "sys.path.append", "args": [str(tmp_path)]})
        with pytest.raises(RemoteError) as caught:
            connection.call("python.call", {"path": "needs_more.run"})
        assert caught.value.error["type"] == "ModuleNotFoundError"
        assert "not_installed_at_all" in str(caught.value)
