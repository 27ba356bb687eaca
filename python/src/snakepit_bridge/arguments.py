"""A handler's annotations are its schema: checks each argument, and turns int into float."""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from snakepit_bridge.errors import BridgeError, NotBegunError

# Takes a value and its path; returns what the handler gets. Raises INVALID_ARGUMENT.
Check = Callable[[Any, str], Any]

PLAIN = (str, int, bool, bytes, type(None))


def check_for(annotation: object) -> Check | None:
    """None when there is nothing to check, as for `Any`, `object` and types we do not know."""
    if annotation is None:
        return _exactly(type(None))
    if isinstance(annotation, type) and annotation in PLAIN:
        return _exactly(annotation)
    if annotation is float:
        return _float
    origin, parameters = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return check_for(parameters[0])
    if origin is Literal:
        return _one_of(parameters)
    if origin in (Union, types.UnionType):
        return _any_of(parameters)
    if annotation in (list, Sequence) or origin in (list, Sequence):
        return _list_of(check_for(parameters[0]) if parameters else None)
    if annotation in (dict, Mapping) or origin in (dict, Mapping):
        return _dict_of(check_for(parameters[1]) if parameters else None)
    return None


def glance_of(annotation: object) -> object:
    """The one class whose every value passes, if the annotation is that simple; else a class of
    which there are no values."""
    if annotation is float or (isinstance(annotation, type) and annotation in PLAIN):
        return annotation
    return Never


class Never:
    """No argument is ever of this class."""


def mismatch(path: str, expected: str, value: object) -> BridgeError:
    # The value itself stays out: it may be large, and it may be a secret.
    got = "None" if value is None else type(value).__name__
    details = {"argument": path, "expected": expected, "got": got}
    return NotBegunError("INVALID_ARGUMENT", f"{path} must be {expected}, not {got}", details)


def _exactly(kind: type) -> Check:
    name = "None" if kind is type(None) else kind.__name__

    def check(value: object, path: str) -> object:
        if value.__class__ is not kind:
            raise mismatch(path, name, value)
        return value

    return check


def _float(value: object, path: str) -> float:
    if value.__class__ is float:
        return value
    # JavaScript has one kind of number, so 1.0 arrives as the int 1.
    if value.__class__ is int:
        return float(value)
    raise mismatch(path, "float", value)


def _one_of(choices: tuple[Any, ...]) -> Check:
    names = " or ".join(map(repr, choices))

    def check(value: object, path: str) -> object:
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise mismatch(path, names, value)
        return value

    return check


def _any_of(options: tuple[Any, ...]) -> Check | None:
    checks = [check_for(option) for option in options]
    # One member that takes everything makes the union take everything.
    known = [check for check in checks if check is not None]
    if len(known) < len(checks):
        return None
    names = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    # `float | int` must leave an int as it is.
    if int in options:
        known.sort(key=lambda check: check is _float)

    def check(value: object, path: str) -> object:
        for option in known:
            try:
                return option(value, path)
            except BridgeError:
                continue  # the next member may take it; the error below names them all
        raise mismatch(path, names, value)

    return check


def _list_of(item_check: Check | None) -> Check:
    def check(value: object, path: str) -> object:
        if value.__class__ is not list:
            raise mismatch(path, "list", value)
        if item_check is None:
            return value
        return [item_check(item, f"{path}[{i}]") for i, item in enumerate(value)]

    return check


def _dict_of(value_check: Check | None) -> Check:
    def check(value: object, path: str) -> object:
        if value.__class__ is not dict:
            raise mismatch(path, "dict", value)
        if value_check is None:
            return value
        return {key: value_check(item, f"{path}.{key}") for key, item in value.items()}

    return check
