"""The splitters against DSPy's own parsers: whatever DSPy reads out of a complete answer, they tell
from its pieces."""

import json
from itertools import pairwise
from typing import Any

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.dspy.fields import AdapterName, split_answer, splitter_for

ADAPTERS: dict[AdapterName, Any] = {
    "chat": dspy.ChatAdapter(),
    "json": dspy.JSONAdapter(),
    "xml": dspy.XMLAdapter(),
}
SIGNATURE = dspy.Signature("question -> first: str, count: int, second: str")


def answer_of(adapter: AdapterName, values: dict[str, Any]) -> str:
    if adapter == "chat":
        sections = [f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()]
        return "\n\n".join([*sections, "[[ ## completed ## ]]\n"])
    if adapter == "json":
        return "Sure:\n```json\n" + json.dumps(values) + "\n```"
    # A character that XML cannot hold at all.
    values = {name: str(value).replace("\x0b", "") for name, value in values.items()}
    escaped = {n: str(v).replace("&", "&amp;").replace("<", "&lt;") for n, v in values.items()}
    return "\n".join(f"<{name}>\n{value}\n</{name}>" for name, value in escaped.items())


def streamed(adapter: AdapterName, answer: str, cuts: list[int]) -> dict[str, str]:
    splitter = splitter_for(adapter, frozenset({"first", "second"}), frozenset({"count"}))
    found: dict[str, str] = {}
    edges = [0, *sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    for start, end in pairwise(edges):
        for piece in splitter.feed(answer[start:end]):
            found[piece.field] = found.get(piece.field, "") + piece.text
    return found


# What models put into texts, with the marks of all three formats.
FRAGMENTS = st.sampled_from(
    ["a", "Paris", " ", "\n", "[[ ", "[[ ## ", "]]", '"', "\\", "{", "}", ",", ":", "&", "<b>",
     "</", "<", "é", "😀", "[1]", "second", "first", "\r\n",
     "\u2028", "\x0b", "\r"]
)  # fmt: skip
TEXTS = st.lists(FRAGMENTS, min_size=1, max_size=8).map("".join).filter(lambda t: bool(t.strip()))


@pytest.mark.parametrize("adapter", list(ADAPTERS))
@given(first=TEXTS, second=TEXTS, cuts=st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=60, deadline=None)
def test_pieces_add_up_to_what_dspy_reads(
    adapter: AdapterName, first: str, second: str, cuts: list[int]
) -> None:
    answer = answer_of(adapter, {"first": first, "count": 7, "second": second})
    parsed = ADAPTERS[adapter].parse(SIGNATURE, answer)
    expected = {"first": parsed["first"], "count": "7", "second": parsed["second"]}
    assert streamed(adapter, answer, cuts) == expected


@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_a_text_is_told_while_it_is_written(adapter: AdapterName) -> None:
    answer = answer_of(adapter, {"first": "one two three", "count": 7, "second": "x"})
    splitter = splitter_for(adapter, frozenset({"first"}), frozenset())
    until = answer.index("three")
    pieces = [piece.text for letter in answer[:until] for piece in splitter.feed(letter)]
    assert "".join(pieces).rstrip() == "one two"


def test_the_first_of_two_equal_fields_counts() -> None:
    answer = "[[ ## first ## ]]\none\n[[ ## first ## ]]\ntwo\n[[ ## second ## ]]\nx"
    assert split_answer("chat", answer, frozenset({"first", "second"})) == {
        "first": "one",
        "second": "x",
    }


def test_a_json_text_may_hold_half_of_a_character_at_the_end_of_a_piece() -> None:
    found = streamed("json", '{"first": "\\ud83d\\ude00!", "second": "x"}', [15, 17, 20])
    assert found["first"] == "😀!"
