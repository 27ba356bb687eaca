import datetime
import sys
from typing import Any, Literal

import dspy
import pydantic
import pytest
from dspy_programs import ASK, INT, STR, listing, literal, mapping, named, optional, program, record

from snakepit_bridge import BridgeError
from snakepit_bridge.dspy.programs import ProgramCache, build_program
from snakepit_bridge.dspy.specification import parse_program, parse_type
from snakepit_bridge.dspy.values import plain

TYPES: list[tuple[dict[str, Any], Any]] = [
    (STR, str),
    (INT, int),
    ({"kind": "float"}, float),
    ({"kind": "bool"}, bool),
    ({"kind": "none"}, type(None)),
    ({"kind": "any"}, Any),
    ({"kind": "bytes"}, bytes),
    ({"kind": "date"}, datetime.date),
    ({"kind": "datetime"}, datetime.datetime),
    (listing(STR), list[str]),
    ({"kind": "set", "items": INT}, set[int]),
    (mapping(listing(STR)), dict[str, list[str]]),
    ({"kind": "tuple", "items": [STR, INT]}, tuple[str, int]),
    (literal("a", 1, True, None), Literal["a", 1, True, None]),
    (optional(INT), int | None),
    ({"kind": "dspy", "name": "Image"}, dspy.Image),
    ({"kind": "dspy", "name": "History"}, dspy.History),
]


@pytest.mark.parametrize(("spec", "expected"), TYPES, ids=str)
def test_each_kind_becomes_its_python_type(spec: dict[str, Any], expected: object) -> None:
    assert parse_type(spec, "type") == expected


def _with_output(kind: object) -> dict[str, Any]:
    return program({"text": STR}, {"label": kind})  # type: ignore[dict-item]


REFUSED: list[tuple[str, object]] = [
    ("program", None),
    ("program", "question -> answer"),
    ("program.module", {**ASK, "module": "ProgramOfThought"}),
    ("program.module", {**ASK, "module": ["Predict"]}),
    ("program.extra", {**ASK, "extra": 1}),
    ("program.signature", {"module": "Predict", "signature": "question -> answer"}),
    ("program.signature.inputs", {"module": "Predict", "signature": {"outputs": []}}),
    ("program.signature.outputs", program({"text": STR}, {})),
    ("program.signature.instructions", program({}, {"a": STR}, instructions=1)),  # type: ignore[arg-type]
    ("program.signature.inputs[0].name", program({"not a name": STR}, {"a": STR})),
    ("program.signature.inputs[0].name", program({"_private": STR}, {"a": STR})),
    ("program.signature.inputs[0].name", program({"class": STR}, {"a": STR})),
    ("program.signature.inputs[0].name", program({"config": STR}, {"a": STR})),
    ("program.signature.outputs[0].name", program({"text": STR}, {"text": STR})),
    ("program.signature.outputs[0].name", program({"text": STR}, {"instructions": STR})),
    (
        "program.signature.outputs[0].name",
        program({"text": STR}, {"reasoning": STR}, module="ChainOfThought"),
    ),
    ("program.signature.outputs[0].type", _with_output("str")),
    ("program.signature.outputs[0].type.kind", _with_output({"kind": "os.system"})),
    ("program.signature.outputs[0].type.kind", _with_output({"kind": ["str"]})),
    ("program.signature.outputs[0].type.name", _with_output({"kind": "dspy", "name": "Signature"})),
    ("program.signature.outputs[0].type.items", _with_output({"kind": "list"})),
    ("program.signature.outputs[0].type.items.kind", _with_output(listing({"kind": "int32"}))),
    ("program.signature.outputs[0].type.values", _with_output(literal())),
    ("program.signature.outputs[0].type.values[1]", _with_output(literal("a", 1.5))),
    ("program.signature.outputs[0].type.options", _with_output({"kind": "union", "options": []})),
    ("program.signature.outputs[0].type.name", _with_output(record("not a name"))),
    (
        "program.signature.outputs[0].type.fields[1].name",
        _with_output({"kind": "object", "name": "P", "fields": named({"a": STR}) * 2}),
    ),
    ("program.signature.outputs[0].type.extra", _with_output({"kind": "str", "extra": 1})),
]


@pytest.mark.parametrize(("path", "spec"), REFUSED)
def test_what_is_not_a_specification_is_refused_with_its_path(path: str, spec: object) -> None:
    with pytest.raises(BridgeError) as refused:
        parse_program(spec)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert (refused.value.details or {})["path"] == path
    assert path in str(refused.value)


def test_a_type_name_is_never_imported() -> None:
    with pytest.raises(BridgeError):
        parse_program(_with_output({"kind": "antigravity"}))
    with pytest.raises(BridgeError):
        parse_program(_with_output({"kind": "object", "name": "antigravity.x", "fields": []}))
    assert "antigravity" not in sys.modules


def test_a_type_without_end_is_refused() -> None:
    deep: dict[str, Any] = STR
    for _ in range(2_000):
        deep = listing(deep)
    for refuses in (parse_program, ProgramCache().get):
        with pytest.raises(BridgeError) as refused:
            refuses(_with_output(deep))
        assert refused.value.code == "INVALID_ARGUMENT"


def test_an_object_becomes_a_model_whose_members_keep_their_names() -> None:
    spec = record("Person", **{"name": STR, "first-name": STR, "copy": optional(INT)})
    model = parse_type(spec, "type")
    person = pydantic.TypeAdapter(model).validate_python({"name": "Ada", "first-name": "A"})
    assert plain(person) == {"name": "Ada", "first-name": "A", "copy": None}


def test_a_chain_of_thought_reasons_first() -> None:
    built = build_program(parse_program({**ASK, "module": "ChainOfThought"}))
    assert list(built.output_types) == ["reasoning", "answer"]


def test_at_most_256_programs_stay_built_and_the_least_used_go_first() -> None:
    cache = ProgramCache()
    first = cache.get(ASK)
    for number in range(300):
        cache.get(program({"question": STR}, {f"answer_{number}": STR}))
        assert cache.get(ASK) is first
    assert len(cache) == 256


def test_equal_specifications_share_a_program_and_different_ones_do_not() -> None:
    cache = ProgramCache(limit=8)
    reordered = {"signature": dict(reversed(ASK["signature"].items())), "module": "Predict"}
    assert cache.get(reordered) is cache.get(ASK)
    assert cache.get(_with_output(literal(1))) is not cache.get(_with_output(literal(True)))
