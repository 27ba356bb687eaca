"""A handler's annotations are its schema: checks each argument, and turns int into float."""

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from snakepit_bridge.class_arguments import Check, class_check, mismatch
from snakepit_bridge.union_arguments import any_of, one_of
from snakepit_bridge.values.refusals import step

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
        return one_of(parameters)
    if origin in (Union, types.UnionType):
        return any_of(parameters, check_for)
    if annotation in (list, Sequence) or origin in (list, Sequence):
        return _list_of(check_for(parameters[0]) if parameters else None)
    if annotation in (dict, Mapping) or origin in (dict, Mapping):
        return _dict_of(*map(check_for, parameters)) if parameters else _dict_of(None, None)
    if annotation is tuple or origin is tuple:
        return _tuple_of(parameters)
    if annotation in (set, frozenset) or origin in (set, frozenset):
        kind: Any = origin or annotation
        return _set_of(kind, check_for(parameters[0]) if parameters else None)
    if isinstance(annotation, type):
        return class_check(annotation, check_for)
    return None


def glance_of(annotation: object) -> object:
    """The one class whose every value passes, if the annotation is that simple; else a class of
    which there are no values."""
    if annotation is float or (isinstance(annotation, type) and annotation in PLAIN):
        return annotation
    return Never


class Never:
    """No argument is ever of this class."""


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
        try:
            return float(value)
        except OverflowError:
            raise mismatch(path, "float", value, "an int beyond its range") from None
    raise mismatch(path, "float", value)


def _list_of(item_check: Check | None) -> Check:
    def check(value: object, path: str) -> object:
        if value.__class__ is not list:
            raise mismatch(path, "list", value)
        if item_check is None:
            return value
        return [item_check(item, f"{path}[{i}]") for i, item in enumerate(value)]

    return check


def _dict_of(key_check: Check | None, value_check: Check | None) -> Check:
    def check(value: object, path: str) -> object:
        if not isinstance(value, dict) or value.__class__ is not dict:
            raise mismatch(path, "dict", value)
        if value_check is None and key_check is None:
            return value
        checked = {}
        for index, (key, item) in enumerate(value.items()):
            wanted = key_check(key, f"{path}[{index}]") if key_check else key
            place = path + step(key if isinstance(key, str) else index)
            checked[wanted] = value_check(item, place) if value_check else item
        return checked

    return check


def _tuple_of(parameters: tuple[Any, ...]) -> Check:
    """A list is a tuple too, because JavaScript has only one of them."""
    repeats = len(parameters) == 2 and parameters[1] is Ellipsis
    checks = [check_for(parameter) for parameter in parameters[: 1 if repeats else None]]
    name = "tuple" if repeats or not parameters else f"tuple of {len(checks)}"

    def check(value: object, path: str) -> object:
        if not isinstance(value, list | tuple) or value.__class__ not in (list, tuple):
            raise mismatch(path, name, value)
        if not parameters:
            return tuple(value)
        if not repeats and len(value) != len(checks):
            raise mismatch(path, name, value, f"{value.__class__.__name__} of {len(value)}")
        each = checks * len(value) if repeats else checks
        return tuple(
            item if item_check is None else item_check(item, f"{path}[{index}]")
            for index, (item, item_check) in enumerate(zip(value, each, strict=True))
        )

    return check


def _first_again(items: list[Any]) -> int:
    """The index of the first item that is equal to an earlier one."""
    seen = set()
    for index, item in enumerate(items):
        if item in seen:
            return index
        seen.add(item)
    raise ValueError("all items are different")


def _set_of(kind: type, item_check: Check | None) -> Check:
    """Of a set of the other kind, or of a list in which nothing stands twice."""

    def check(value: object, path: str) -> object:
        if not isinstance(value, list | set | frozenset):
            raise mismatch(path, kind.__name__, value)
        items = [
            item if item_check is None else item_check(item, f"{path}[{index}]")
            for index, item in enumerate(value)
        ]
        try:
            members = kind(items)
        except TypeError:
            raise mismatch(path, f"{kind.__name__} of hashable values", value) from None
        if len(members) < len(items):
            got = f"{value.__class__.__name__} whose item {_first_again(items)} was there before"
            raise mismatch(path, f"{kind.__name__} of different values", value, got)
        return value if value.__class__ is kind and item_check is None else members

    return check
