"""The quick way to call a handler does what the checked way does."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.registry import Handler


def plain(a: int, b: str) -> list[Any]:
    return [a, b]


def by_name_only(*, b: float, a: bool) -> list[Any]:
    return [a, b]


def with_default(a: int, b: int = 7) -> list[Any]:
    return [a, b]


def untyped(a, b):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    return [a, b]


def partly_typed(a: int, b: Any) -> list[Any]:  # noqa: ANN401
    return [a, b]


def not_at_a_glance(a: int, b: Literal["x", "y"]) -> list[Any]:
    return [a, b]


def any_others(a: int, **others: int) -> list[Any]:
    return [a, others]


def nothing() -> list[Any]:
    return []


def named_like_our_own(
    args: int, function: int, otherwise: int, value0: int, class0: int, call: int
) -> list[Any]:
    return [args, function, otherwise, value0, class0, call]


OURS = {"args": 1, "function": 2, "otherwise": 3, "value0": 4, "class0": 5, "call": 6}


@pytest.mark.parametrize(
    ("function", "args", "value"),
    [
        (plain, {"a": 1, "b": "x"}, [1, "x"]),
        (plain, {"b": "x", "a": 1}, [1, "x"]),
        (by_name_only, {"a": True, "b": 1.5}, [True, 1.5]),
        (by_name_only, {"a": True, "b": 1}, [True, 1.0]),
        (with_default, {"a": 1}, [1, 7]),
        (with_default, {"a": 1, "b": 2}, [1, 2]),
        (untyped, {"a": None, "b": [1]}, [None, [1]]),
        (partly_typed, {"a": 1, "b": [1]}, [1, [1]]),
        (not_at_a_glance, {"a": 1, "b": "y"}, [1, "y"]),
        (any_others, {"a": 1, "b": 2, "c": 3}, [1, {"b": 2, "c": 3}]),
        (nothing, {}, []),
        (named_like_our_own, OURS, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_arguments_that_fit_reach_the_function(
    function: Callable[..., Any], args: dict[str, Any], value: object
) -> None:
    result = Handler("command", function).run(args)
    assert result == value
    assert repr(result) == repr(value)  # 1 is no 1.0, and True no 1


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (plain, {"a": True, "b": "x"}),
        (plain, {"a": 1.0, "b": "x"}),
        (plain, {"a": 1, "b": None}),
        (by_name_only, {"a": True, "b": True}),
        (by_name_only, {"a": True, "b": 10**400}),
    ],
)
def test_arguments_of_another_class_are_refused(
    function: Callable[..., Any], args: dict[str, Any]
) -> None:
    with pytest.raises(BridgeError, match="must be") as caught:
        Handler("command", function).run(args)
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (plain, {}),
        (plain, {"a": 1}),
        (plain, {"a": 1, "z": "x"}),
        (plain, {"a": 1, "b": "x", "c": 1}),
        (nothing, {"a": 1}),
        (nothing, {1: 1}),
        (plain, {"a": 1, None: "x"}),
        (any_others, {"a": 1, 2: 3}),
    ],
)
def test_names_that_do_not_fit_are_a_misfit(
    function: Callable[..., Any], args: dict[str, Any]
) -> None:
    handler = Handler("command", function)
    with pytest.raises(TypeError):
        handler.run(args)
    assert handler.misfit(args) is not None


def test_a_key_error_of_the_function_is_its_own() -> None:
    def look_up(key: str) -> None:
        raise KeyError(key)

    with pytest.raises(KeyError, match="here") as caught:
        Handler("look_up", look_up).run({"key": "here"})
    assert caught.value.__context__ is None
