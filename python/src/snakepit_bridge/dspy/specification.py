# mypy: disable-error-code="import-untyped"
"""The closed description of a program: checked here once more, then turned into Python types.

TypeScript's half is `packages/grpc-bridge/src/dspy/specification.ts`. Nothing in a specification
is ever imported or evaluated by name: every type is one of the kinds below, or the specification
is refused with INVALID_ARGUMENT and the path of the fault.
"""

import datetime
import keyword
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Union

import dspy
import pydantic
from dspy.adapters.utils import annotation_allows_none

from snakepit_bridge.errors import NotBegunError

# What DSPy takes as the type of a field: `str`, `list[int]`, a pydantic model, …
PythonType = Any

ModuleName = Literal["Predict", "ChainOfThought"]

MODULES: tuple[ModuleName, ...] = ("Predict", "ChainOfThought")

# Deeper types than this do not occur in programs that a model could answer, and Python's stack is
# not endless.
MAX_DEPTH = 32

SIMPLE_TYPES: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "none": type(None),
    "any": Any,
    "bytes": bytes,
    "date": datetime.date,
    "datetime": datetime.datetime,
}

DSPY_TYPES: Mapping[str, Any] = {
    "Image": dspy.Image,
    "Audio": dspy.Audio,
    "File": dspy.File,
    "History": dspy.History,
    "Code": dspy.Code,
    "Reasoning": dspy.Reasoning,
}

# For showing a refused value, which may be of any size and depth.
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 80

# DSPy's modules take these as arguments of their own, so an input of that name would not arrive.
RESERVED_INPUTS = frozenset({"completions", "config", "demos", "lm", "new_signature", "self"})
# A field of one of these names takes the place of something that DSPy or pydantic needs.
RESERVED_FIELDS = frozenset(
    {"fields", "input_fields", "instructions", "output_fields", "signature"}
    | {name for name in dir(pydantic.BaseModel) if name.startswith("model_")}
)


@dataclass(frozen=True, slots=True)
class Field:
    """One input or output. `annotation` is the Python type that DSPy prompts for and checks."""

    name: str
    annotation: Any
    description: str | None


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    module: ModuleName
    instructions: str | None
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


def parse_program(value: object) -> ProgramSpec:
    """Raises INVALID_ARGUMENT naming the path, such as `program.signature.inputs[1].type.kind`."""
    path = "program"
    spec = _mapping(value, path, {"module", "signature"})
    module = spec.get("module")
    if module not in MODULES:
        refuse(f"{path}.module", module, f"one of {', '.join(MODULES)}")
    path = "program.signature"
    signature = _mapping(spec.get("signature"), path, {"instructions", "inputs", "outputs"})
    instructions = _optional_text(signature, "instructions", path)
    inputs = _fields(signature.get("inputs"), f"{path}.inputs")
    outputs = _fields(signature.get("outputs"), f"{path}.outputs")
    _check_names(module, inputs, outputs)
    return ProgramSpec(module, instructions, inputs, outputs)


def refuse(path: str, value: object, expected: str) -> NoReturn:
    raise NotBegunError(
        "INVALID_ARGUMENT",
        f"{path} must be {expected}; got {_short(value)}",
        {"path": path, "expected": expected},
    )


def _check_names(module: str, inputs: tuple[Field, ...], outputs: tuple[Field, ...]) -> None:
    path = "program.signature"
    if not outputs:
        refuse(f"{path}.outputs", [], "a list with at least one field")
    seen: set[str] = set()
    for side, fields in (("inputs", inputs), ("outputs", outputs)):
        for index, field in enumerate(fields):
            where = f"{path}.{side}[{index}].name"
            if field.name in seen:
                refuse(where, field.name, "a name that no other field has")
            if field.name in RESERVED_FIELDS or (
                side == "inputs" and field.name in RESERVED_INPUTS
            ):
                refuse(where, field.name, "a name that DSPy does not use itself")
            if module == "ChainOfThought" and field.name == "reasoning":
                refuse(where, field.name, "another name, since ChainOfThought adds `reasoning`")
            seen.add(field.name)


def _fields(value: object, path: str) -> tuple[Field, ...]:
    fields = []
    for index, item in enumerate(_sequence(value, path)):
        where = f"{path}[{index}]"
        spec = _mapping(item, where, {"name", "type", "description"})
        name = spec.get("name")
        if not isinstance(name, str) or not _is_field_name(name):
            refuse(f"{where}.name", name, "an identifier that does not begin with an underscore")
        annotation = parse_type(spec.get("type"), f"{where}.type")
        fields.append(Field(name, annotation, _optional_text(spec, "description", where)))
    return tuple(fields)


def _is_field_name(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and not keyword.iskeyword(name)


def parse_type(value: object, path: str, depth: int = 0) -> PythonType:
    """The Python type of a TypeSpec."""
    if depth > MAX_DEPTH:
        refuse(path, "a deeper one", f"a type of at most {MAX_DEPTH} levels")
    if not isinstance(value, Mapping):
        refuse(path, value, "a type such as { kind: 'str' }")
    kind = value.get("kind")
    if isinstance(kind, str) and kind in SIMPLE_TYPES:
        _mapping(value, path, {"kind"})
        return SIMPLE_TYPES[kind]
    build = COMPOSED_TYPES.get(kind) if isinstance(kind, str) else None
    if build is None:
        refuse(f"{path}.kind", kind, f"one of {', '.join((*SIMPLE_TYPES, *COMPOSED_TYPES))}")
    return build(value, path, depth + 1)


def _list_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "items"})
    return list[parse_type(spec.get("items"), f"{path}.items", depth)]  # type: ignore[misc]


def _set_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "items"})
    return set[parse_type(spec.get("items"), f"{path}.items", depth)]  # type: ignore[misc]


def _dict_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "values"})
    return dict[str, parse_type(spec.get("values"), f"{path}.values", depth)]  # type: ignore[misc]


def _tuple_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "items"})
    items = _sequence(spec.get("items"), f"{path}.items")
    types = [parse_type(item, f"{path}.items[{i}]", depth) for i, item in enumerate(items)]
    return tuple[tuple(types)]  # type: ignore[misc]


def _union_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "options"})
    options = _sequence(spec.get("options"), f"{path}.options")
    types = [parse_type(item, f"{path}.options[{i}]", depth) for i, item in enumerate(options)]
    if not types:
        refuse(f"{path}.options", options, "a list with at least one type")
    return Union[tuple(types)]  # noqa: UP007  (the options are known only now)


def _literal_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "values"})
    values = _sequence(spec.get("values"), f"{path}.values")
    for index, item in enumerate(values):
        # Python's own rule for Literal: no floats, since 1.0 and 1 would be the same value.
        if item is not None and not isinstance(item, str | int | bool):
            refuse(f"{path}.values[{index}]", item, "a string, an integer, a boolean or null")
    if not values:
        refuse(f"{path}.values", values, "a list with at least one value")
    return Literal[tuple(values)]


def _object_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "name", "fields"})
    name = spec.get("name")
    if not isinstance(name, str) or not _is_field_name(name):
        refuse(f"{path}.name", name, "an identifier")
    members: dict[str, Any] = {}
    for field in _members(spec.get("fields"), f"{path}.fields", depth):
        # A member that may be null may also be missing.
        default = None if annotation_allows_none(field.annotation) else ...
        usable = _is_field_name(field.name) and not hasattr(pydantic.BaseModel, field.name)
        info = pydantic.Field(
            default,
            description=field.description,
            alias=None if usable else field.name,
        )
        members[field.name if usable else f"member_{len(members)}"] = (field.annotation, info)
    config = pydantic.ConfigDict(protected_namespaces=(), populate_by_name=True)
    return pydantic.create_model(name, __config__=config, **members)


def _members(value: object, path: str, depth: int) -> list[Field]:
    """Like `_fields`, but any text is a name, since objects come from JSON."""
    members: list[Field] = []
    for index, item in enumerate(_sequence(value, path)):
        where = f"{path}[{index}]"
        spec = _mapping(item, where, {"name", "type", "description"})
        name = spec.get("name")
        if not isinstance(name, str) or not name:
            refuse(f"{where}.name", name, "a name")
        if any(member.name == name for member in members):
            refuse(f"{where}.name", name, "a name that no other field has")
        annotation = parse_type(spec.get("type"), f"{where}.type", depth)
        members.append(Field(name, annotation, _optional_text(spec, "description", where)))
    return members


def _dspy_type(spec: Mapping[str, Any], path: str, depth: int) -> PythonType:
    _mapping(spec, path, {"kind", "name"})
    name = spec.get("name")
    if not isinstance(name, str) or name not in DSPY_TYPES:
        refuse(f"{path}.name", name, f"one of {', '.join(DSPY_TYPES)}")
    return DSPY_TYPES[name]


COMPOSED_TYPES: Mapping[str, Callable[[Mapping[str, Any], str, int], PythonType]] = {
    "list": _list_type,
    "set": _set_type,
    "dict": _dict_type,
    "tuple": _tuple_type,
    "union": _union_type,
    "literal": _literal_type,
    "object": _object_type,
    "dspy": _dspy_type,
}


def _mapping(value: object, path: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        refuse(path, value, "an object")
    for key in value:
        # A misspelt key is a setting that silently does nothing.
        if key not in known:
            refuse(f"{path}.{key}", value[key], f"absent; {path} has {', '.join(sorted(known))}")
    return value


def _sequence(value: object, path: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        refuse(path, value, "a list")
    return value


def _optional_text(spec: Mapping[str, Any], key: str, path: str) -> str | None:
    value = spec.get(key)
    if value is not None and not isinstance(value, str):
        refuse(f"{path}.{key}", value, "text")
    return value


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    return SHORT.repr(value)
