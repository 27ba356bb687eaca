"""Arguments that may be of several kinds: `X | None`, `X | Y`, `Literal["a", "b"]`."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from snakepit_bridge.class_arguments import Check, mismatch
from snakepit_bridge.errors import BridgeError

# As much of a wrong text as an error shows of it.
LONGEST_SHOWN = 50

# What arrives for a member of a union that holds others, by its annotation.
SHAPES: dict[object, tuple[type, ...]] = {
    list: (list,),
    Sequence: (list,),
    tuple: (list, tuple),
    set: (list, set, frozenset),
    frozenset: (list, set, frozenset),
    dict: (dict,),
    Mapping: (dict,),
}


def any_of(options: tuple[Any, ...], check_for: Callable[[object], Check | None]) -> Check | None:
    """`options` are the members of a union, `check_for` is for each of them."""
    wanted = tuple(option for option in options if option is not type(None))
    # `float | int` must leave an int as it is.
    if int in wanted:
        wanted = tuple(sorted(wanted, key=lambda option: option is float))
    checks = [check_for(option) for option in wanted]
    # One member that takes everything makes the union take everything.
    known = [check for check in checks if check is not None]
    if len(known) < len(checks):
        return None
    check = known[0] if len(known) == 1 else _first_of(wanted, known, _named(options))
    return _or_none(check) if len(wanted) < len(options) else check


def one_of(choices: tuple[Any, ...]) -> Check:
    """The choices of a `Literal`."""
    names = " or ".join(map(repr, choices))

    def check(value: object, path: str) -> object:
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise mismatch(path, names, value, _shown(value) if isinstance(value, str) else None)
        return value

    return check


def _or_none(check_value: Check) -> Check:
    def check(value: object, path: str) -> object:
        return None if value is None else check_value(value, path)

    return check


def _first_of(options: tuple[Any, ...], checks: list[Check], names: str) -> Check:
    # A text that could be a UUID stays a text where a text is welcome.
    classes = {option for option in options if isinstance(option, type)}
    shapes = list(map(_shape_of, options))

    def check(value: object, path: str) -> object:
        if value.__class__ in classes:
            return value
        # Whose shape the value has, with what each of them says against it.
        alike: list[BridgeError] = []
        for option, shape in zip(checks, shapes, strict=True):
            try:
                return option(value, path)
            except BridgeError as error:
                if value.__class__ in shape:
                    alike.append(error)
        if len(alike) == 1:
            raise alike[0]
        raise mismatch(path, names, value)

    return check


def _shape_of(annotation: object) -> tuple[type, ...]:
    """Empty for what holds no other values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape_of(get_args(annotation)[0])
    kind = origin or annotation
    if kind in SHAPES:
        return SHAPES[kind]
    pydantic = sys.modules.get("pydantic")
    is_model = (
        pydantic is not None and isinstance(kind, type) and pydantic.BaseModel in kind.__mro__
    )
    return (dict,) if is_model or dataclasses.is_dataclass(kind) else ()


def _named(options: tuple[Any, ...]) -> str:
    return " or ".join(
        "None" if option is type(None) else getattr(option, "__name__", str(option))
        for option in options
    )


def _shown(text: str) -> str:
    # The caller chose among few words, so that a wrong one is a slip and no secret.
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")
