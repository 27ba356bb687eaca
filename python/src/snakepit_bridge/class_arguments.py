"""Arguments that are annotated with a class: an instance passes, and what JavaScript has in its
place is turned into one. The classes travel as what they are, too (`values/`); this is for callers
that send text, numbers and plain objects."""

import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import sys
import typing
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from snakepit_bridge.errors import BridgeError, NotBegunError

# Takes a value and its path; returns what the handler gets. Raises INVALID_ARGUMENT.
Check = Callable[[Any, str], Any]

# What each class may be made of, and how. These constructors raise ValueError or ArithmeticError.
MADE_OF: dict[type, tuple[tuple[type, ...], Callable[[Any], object]]] = {
    datetime.datetime: ((str,), datetime.datetime.fromisoformat),
    datetime.date: ((str,), datetime.date.fromisoformat),
    datetime.time: ((str,), datetime.time.fromisoformat),
    datetime.timedelta: ((), datetime.timedelta),
    decimal.Decimal: ((str, int), decimal.Decimal),
    uuid.UUID: ((str,), uuid.UUID),
    complex: ((int, float), complex),
    pathlib.Path: ((str,), pathlib.Path),
    pathlib.PurePosixPath: ((str,), pathlib.PurePosixPath),
    pathlib.PureWindowsPath: ((str,), pathlib.PureWindowsPath),
}

# What a text looks like that one of these can be made of.
EXAMPLES: dict[type, str] = {
    datetime.datetime: "2024-02-29T09:30:00",
    datetime.date: "2024-02-29",
    datetime.time: "09:30:00",
    decimal.Decimal: "1.50",
}


def class_check(kind: type, check_for: Callable[[object], Check | None]) -> Check | None:
    """None for a class of which we know nothing. `check_for` is for the fields of a dataclass."""
    if kind in MADE_OF:
        return _made_of(kind, *MADE_OF[kind])
    if enum.Enum in kind.__mro__:
        return _member_of(kind)
    if dataclasses.is_dataclass(kind):
        return _fields_of(kind, check_for)
    # By its name: torch is large, and a command that is annotated with it has imported it.
    if kind.__module__ == "torch" and kind.__name__ == "Tensor":
        return _tensor
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and pydantic.BaseModel in kind.__mro__:
        return _model_of(kind)
    return None


def mismatch(path: str, expected: str, value: object, got: str | None = None) -> BridgeError:
    # The value itself stays out: it may be large, and it may be a secret.
    if got is None:
        got = "None" if value is None else type(value).__name__
    details = {"argument": path, "expected": expected, "got": got}
    return NotBegunError("INVALID_ARGUMENT", f"{path} must be {expected}, not {got}", details)


def _made_of(kind: type, sources: tuple[type, ...], make: Callable[[Any], object]) -> Check:
    name = kind.__name__
    wanted = f"a {name} as text such as {EXAMPLES[kind]}" if kind in EXAMPLES else name

    def check(value: object, path: str) -> object:
        # A datetime is a date too, and a PosixPath a Path; only the second is meant.
        if value.__class__ is kind or (isinstance(value, kind) and kind is pathlib.Path):
            return value
        if value.__class__ not in sources:
            raise mismatch(path, name, value)
        try:
            return make(value)
        except (ValueError, ArithmeticError):
            raise mismatch(path, wanted, value, f"another {value.__class__.__name__}") from None

    return check


def _member_of(kind: Any) -> Check:  # noqa: ANN401 - a class of Enum's
    """By its value, or by its name."""
    expected = " or ".join(kind.__members__) or kind.__name__

    def check(value: object, path: str) -> object:
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except Exception:  # a class may say for itself what it does with other values
            member = kind.__members__.get(value) if isinstance(value, str) else None
        if member is None:
            raise mismatch(path, expected, value, f"another {type(value).__name__}")
        return member

    return check


def _fields_of(kind: type, check_for: Callable[[object], Check | None]) -> Check:
    # Made at the first call: a dataclass may hold others of its own class.
    checks: dict[str, Check | None] = {}
    parameters = inspect.signature(kind).parameters
    required = {name for name, one in parameters.items() if one.default is one.empty}

    def check(value: object, path: str) -> object:
        if isinstance(value, kind):
            return value
        if not isinstance(value, dict):
            raise mismatch(path, kind.__name__, value)
        if not checks:
            hints = typing.get_type_hints(kind, include_extras=True)
            checks.update((name, check_for(hints.get(name, Any))) for name in parameters)
        _require_names(path, kind, value, required, parameters)
        fields = {
            name: item if (own := checks[name]) is None else own(item, f"{path}.{name}")
            for name, item in value.items()
        }
        try:
            return kind(**fields)
        except (TypeError, ValueError) as error:
            # The words of whoever wrote the class.
            message = f"{path} is no {kind.__name__}: {str(error) or type(error).__name__}"
            raise _not_made(kind, path, value, message) from error

    return check


def _tensor(value: object, path: str) -> object:
    from snakepit_bridge.values.torch_tensors import tensor_of

    tensor = tensor_of(value)
    if tensor is None:
        raise mismatch(path, "torch.Tensor", value)
    return tensor


def _require_names(
    path: str, kind: type, value: dict[Any, Any], required: set[str], known: Iterable[str]
) -> None:
    problems = [f"needs {name}" for name in sorted(required - value.keys())]
    problems += [f"has no {name}" for name in value if name not in known]
    if problems:
        message = f"{path} is no {kind.__name__}, which {', '.join(problems)}"
        raise _not_made(kind, path, value, message)


def _not_made(kind: type, place: str, value: object, message: str) -> BridgeError:
    details = {"argument": place, "expected": kind.__name__, "got": type(value).__name__}
    return NotBegunError("INVALID_ARGUMENT", message, details)


def _model_of(kind: Any) -> Check:  # noqa: ANN401 - a class of pydantic's
    # A reply has the names that the fields have in Python, other callers the aliases; pydantic
    # takes both since 2.11.
    parameters = inspect.signature(kind.model_validate).parameters
    names = {"by_alias": True, "by_name": True} if "by_name" in parameters else {}

    def check(value: object, path: str) -> object:
        if isinstance(value, kind):
            return value
        try:
            return kind.model_validate(value, **names)
        except ValueError as error:
            problems = _problems(path, error)
            message = "; ".join(f"{place}: {problem}" for place, problem in problems)
            raise _not_made(kind, problems[0][0], value, message) from None

    return check


def _problems(path: str, error: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - of pydantic
    """The place of each, and what is wrong there."""
    return [
        (".".join([path, *map(str, problem["loc"])]), problem["msg"])
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
