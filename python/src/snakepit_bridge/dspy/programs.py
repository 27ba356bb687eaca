# mypy: disable-error-code="import-untyped"
"""Specifications become DSPy modules; the last 256 of them stay built.

Building a ChainOfThought costs about 3.7 ms, finding a built one about 20 µs. A built program is
shared by concurrent calls: with DSPy's history and trace off, a call changes nothing in it.
"""

import hashlib
import json
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import dspy
import pydantic
from dspy.adapters.utils import get_annotation_name

from .specification import Field, ProgramSpec, PythonType, parse_program, refuse

MAX_PROGRAMS = 256


@dataclass(frozen=True, slots=True)
class Program:
    spec: ProgramSpec
    module: Any
    """A `dspy.Predict` or `dspy.ChainOfThought`. Call `acall`; never set anything on it."""
    output_types: dict[str, Any]
    """The type of each output, in the order in which the model writes them."""
    input_adapters: dict[str, pydantic.TypeAdapter[Any]]

    def check_inputs(self, inputs: object) -> dict[str, Any]:
        """The inputs as Python values. Raises INVALID_ARGUMENT for a missing, an unknown or a
        wrongly typed one."""
        if not isinstance(inputs, dict):
            refuse("inputs", inputs, "an object with one value per input field")
        known = self.input_adapters
        for name in inputs:
            if name not in known:
                refuse(f"inputs.{name}", inputs[name], f"absent; the inputs are {', '.join(known)}")
        return {name: self._check_input(field, inputs) for name, field in self._by_name().items()}

    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.spec.inputs}

    def _check_input(self, field: Field, inputs: dict[str, Any]) -> object:
        value = inputs.get(field.name)
        if field.annotation is str and _is_texts(value):
            return value  # DSPy prints a list given for a text as numbered passages.
        try:
            return self.input_adapters[field.name].validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = "".join(
                f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]
            )
            expected = f"{type_name(field.annotation)} ({first['msg']})"
            refuse(f"inputs.{field.name}{path}", value, expected)


class ProgramCache:
    """The least recently used programs fall out. Lives on the event loop, for one thread."""

    def __init__(self, limit: int = MAX_PROGRAMS) -> None:
        self._limit = limit
        self._programs: OrderedDict[str, Program] = OrderedDict()

    def __len__(self) -> int:
        return len(self._programs)

    def get(self, spec: object) -> Program:
        """Raises INVALID_ARGUMENT for a specification that is not one."""
        key = _key(spec)
        program = self._programs.get(key)
        if program is None:
            program = build_program(parse_program(spec))
            self._programs[key] = program
            if len(self._programs) > self._limit:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return program


def build_program(spec: ProgramSpec) -> Program:
    fields: dict[str, Any] = {}
    output_types = {field.name: field.annotation for field in spec.outputs}
    module: Any
    for field in spec.inputs:
        fields[field.name] = (field.annotation, dspy.InputField(**_described(field)))
    for field in spec.outputs:
        fields[field.name] = (field.annotation, dspy.OutputField(**_described(field)))
    with warnings.catch_warnings():
        # A field may be called `json` or `copy`; what pydantic says it shadows, nobody uses.
        warnings.simplefilter("ignore", UserWarning)
        signature = dspy.Signature(fields, spec.instructions)
        if spec.module == "ChainOfThought":
            module = dspy.ChainOfThought(signature)
            output_types = {"reasoning": str, **output_types}
        else:
            module = dspy.Predict(signature)
    adapters = {f.name: pydantic.TypeAdapter[Any](f.annotation) for f in spec.inputs}
    return Program(spec, module, output_types, adapters)


def _described(field: Field) -> dict[str, str]:
    # DSPy prints a description of None as the word.
    return {} if field.description is None else {"desc": field.description}


def type_name(annotation: PythonType) -> str:
    """As DSPy writes it into prompts: `list[str]`, `Literal['a', 'b']`, `Person`."""
    return str(get_annotation_name(annotation)).replace("NoneType", "None")


def _key(spec: object) -> str:
    try:
        text = json.dumps(spec, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        refuse("program", spec, f"plain data ({error})")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
