# mypy: disable-error-code="import-untyped"
"""Reads back what DSPy's Chat, JSON and XML adapters print: the fields with their types, the task,
the demonstrations and the inputs."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from dspy.lm15 import Request

from ..fields import split_answer
from .schema import Schema, read_annotation

PromptFormat = Literal["chat", "json", "xml"]


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line of DSPy's list of fields: `1. name (type): description`."""

    name: str
    annotation: str
    description: str


@dataclass(frozen=True, slots=True)
class InputValue:
    name: str
    annotation: str
    description: str
    text: str
    """As printed: text as it is, everything else as JSON."""

    @property
    def value(self) -> object:
        """The value behind the print, as far as it can be told."""
        if self.annotation == "str":
            return self.text
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text

    @property
    def prose(self) -> str:
        """Everything readable in the value, one line per item."""
        return "\n".join(_texts(self.value))


@dataclass(frozen=True, slots=True)
class OutputField:
    name: str
    annotation: str
    description: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An example of the task. A field that DSPy calls `Not supplied` is absent."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    format: PromptFormat
    instructions: str
    inputs: Sequence[InputValue]
    outputs: Sequence[OutputField]
    demonstrations: Sequence[Demonstration] = field(default=())

    @property
    def prose(self) -> str:
        """All inputs as one text."""
        return "\n".join(value.prose for value in self.inputs)


_INPUTS = "Your input fields are:\n"
_OUTPUTS = "\nYour output fields are:\n"
_STRUCTURE = "\nAll interactions will be structured in the following way"
_OBJECTIVE = "\nIn adhering to this structure, your objective is:"
_FIELD_LINE = re.compile(r"^(\d+)\. `(\w+)` \((.*?)\):[ ]?", re.MULTILINE)
_SCHEMA = "must adhere to the JSON schema: "
_MISSING = "Not supplied for this particular"
_REQUIREMENTS = "\n\nRespond with "


def read_prompt(request: Request) -> Task | None:
    """None when the request was not written by one of DSPy's three adapters."""
    system = request.system
    if system is not None and not isinstance(system, str):
        system = "".join(getattr(part, "text", "") for part in system)
    if not system or not system.startswith(_INPUTS) or _OUTPUTS not in system:
        return None
    head, _, tail = system.partition(_STRUCTURE)
    input_lines, _, output_lines = head.removeprefix(_INPUTS).partition(_OUTPUTS)
    structure, _, objective = tail.partition(_OBJECTIVE)
    inputs, outputs = _field_lines(input_lines), _field_lines(output_lines)
    if not outputs:
        return None
    kind = _format(structure, inputs, outputs)
    printed = _printed_schemas(structure, kind, outputs)
    messages = [(message.role, message.text or "") for message in request.messages]
    texts = [text for role, text in messages if role == "user"]
    values = _sections(texts[-1], kind, inputs, main=True) if texts else {}
    return Task(
        format=kind,
        instructions="\n".join(line.strip() for line in objective.strip().splitlines()),
        inputs=[
            InputValue(line.name, line.annotation, line.description, values[line.name])
            for line in inputs
            if line.name in values
        ],
        outputs=[
            OutputField(
                line.name,
                line.annotation,
                line.description,
                read_annotation(line.annotation, printed.get(line.name)),
            )
            for line in outputs
        ],
        demonstrations=_demonstrations(messages[:-1], kind, inputs, outputs),
    )


def _field_lines(text: str) -> list[FieldLine]:
    # A description may run over several lines and hold lines that look like fields; only the next
    # number in the row starts one.
    matches: list[re.Match[str]] = []
    for match in _FIELD_LINE.finditer(text):
        if int(match[1]) == len(matches) + 1:
            matches.append(match)
    ends = [match.start() for match in matches[1:]] + [len(text)]
    return [
        FieldLine(match[2], match[3], text[match.end() : end].strip())
        for match, end in zip(matches, ends, strict=True)
    ]


def _format(
    structure: str, inputs: Sequence[FieldLine], outputs: Sequence[FieldLine]
) -> PromptFormat:
    if "\n\nOutputs will be a JSON object with the following fields." in structure:
        return "json"
    first = (*inputs, *outputs)[0].name
    return "xml" if re.search(rf"^<{first}>", structure, re.MULTILINE) else "chat"


def _printed_schemas(
    structure: str, kind: PromptFormat, outputs: Sequence[FieldLine]
) -> dict[str, Any]:
    """JSON schemas (Chat, JSON) or sample elements (XML), by field."""
    if kind == "json":
        body = structure.partition("Outputs will be a JSON object with the following fields.")[2]
        return _schemas_of(_json_object(body))
    if kind == "chat":
        lines = {}
        for line in structure.splitlines():
            if match := re.match(r"\{(\w+)\}\s", line):
                lines[match[1]] = line
        return _schemas_of(lines)
    samples = {}
    for output in outputs:
        if match := re.search(rf"^<{output.name}>(<.*>|\.\.\.)</{output.name}>", structure, re.M):
            samples[output.name] = match[1]
        elif match := re.search(rf"^\{{{output.name}\}}\s.*$", structure, re.M):
            samples.update(_schemas_of({output.name: match[0]}))
    return samples


def _schemas_of(lines: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, line in lines.items():
        if isinstance(line, str) and _SCHEMA in line:
            try:
                found[name] = json.loads(line.partition(_SCHEMA)[2])
            except ValueError:
                continue
    return found


def _json_object(text: str) -> dict[str, Any]:
    start = text.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else ({}, 0)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _sections(
    text: str, kind: PromptFormat, fields: Sequence[FieldLine], *, main: bool = False
) -> dict[str, str]:
    """The inputs in one user message. A header inside a value is text, unless it is that of the
    next field: headers count only in the order of the fields."""
    if main and (end := text.rfind(_REQUIREMENTS)) >= 0:
        text = text[:end]
    found: dict[str, str] = {}
    position = 0
    starts: list[tuple[str, int, int]] = []
    for line in fields:
        header = f"<{line.name}>\n" if kind == "xml" else f"[[ ## {line.name} ## ]]\n"
        at = text.find(header, position)
        while at > 0 and text[at - 1] != "\n":
            at = text.find(header, at + 1)
        if at >= 0:
            starts.append((line.name, at, at + len(header)))
            position = at + len(header)
    ends = [*(at for _, at, _ in starts[1:]), len(text)][: len(starts)]
    for (name, _, begin), end in zip(starts, ends, strict=True):
        value = text[begin:end].strip("\n")
        found[name] = value.removesuffix(f"</{name}>").strip("\n") if kind == "xml" else value
    return found


def _demonstrations(
    messages: Sequence[tuple[str, str]],
    kind: PromptFormat,
    inputs: Sequence[FieldLine],
    outputs: Sequence[FieldLine],
) -> list[Demonstration]:
    found = []
    for (role, text), (next_role, reply) in pairwise(messages):
        if role == "user" and next_role == "assistant":
            names = frozenset(line.name for line in outputs)
            given = split_answer(kind, reply, names)
            if kind == "xml":
                given = {name: html.unescape(value) for name, value in given.items()}
            known = {k: v for k, v in given.items() if not v.startswith(_MISSING)}
            found.append(Demonstration(_sections(text, kind, inputs), known))
    return found


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        # DSPy numbers the items of a list that stands for a text: `[1] «…»`.
        items = re.findall(r"^(?:\[\d+\] )?\u00ab(.*)\u00bb$", value, re.MULTILINE)
        return items or [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None else [str(value)]
