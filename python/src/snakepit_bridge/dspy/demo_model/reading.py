"""What the inputs of a task are: the question, the passages, the settings, the text itself."""

import re
from collections.abc import Sequence
from functools import cached_property

from .entities import Entity, find_entities
from .prompt import InputValue, OutputField, Task
from .text import (
    Weights,
    key_stems,
    sentences,
    stem,
    stems,
    word_list,
    words,
)

_QUESTIONS = frozenset(word_list("question query q ask inquiry prompt_question user_question"))
_SETTINGS = frozenset(
    stem(word)
    for word in word_list(
        """style tone length max min limit maximum minimum words sentences language locale format
        types type categories labels options audience voice temperature size count n k schema"""
    )
)
_KEY_VALUE = re.compile(r"^[\s*\u2022-]*([A-Za-z][\w /-]{0,40}?)\s*[:=]\s+(\S.*)$", re.MULTILINE)


class Reading:
    """A task and what was found out about it, each thing once."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def settings(self) -> Sequence[InputValue]:
        """Inputs that say how to answer, rather than what about."""
        values = self.task.inputs
        found = [value for value in values if _is_setting(value)]
        # Something has to be the subject.
        return found if len(found) < len(values) else []

    @cached_property
    def subjects(self) -> Sequence[InputValue]:
        return [value for value in self.task.inputs if value not in self.settings]

    @cached_property
    def text(self) -> str:
        return "\n".join(value.prose for value in self.subjects)

    @cached_property
    def question(self) -> str | None:
        for value in self.subjects:
            if value.name.lower() in _QUESTIONS or value.name.lower().endswith("_question"):
                return value.prose
        asking = [v for v in self.subjects if v.annotation == "str" and _asks(v.text)]
        # A lone text that ends with a question mark is a question only where an answer is wanted.
        if asking and (len(self.subjects) > 1 or self._wants_answer):
            return asking[0].prose
        return None

    @cached_property
    def _wants_answer(self) -> bool:
        names = {stem(word) for output in self.task.outputs for word in words(output.name)}
        return not names.isdisjoint({"answer", "response", "reply"})

    @cached_property
    def passages(self) -> Sequence[str]:
        """Where an answer may be found, one entry per passage."""
        question = self.question
        found: list[str] = []
        for value in self.subjects:
            if question is not None and value.prose == question:
                continue
            content = value.value
            items = content if isinstance(content, list) else [value.prose]
            found.extend(item if isinstance(item, str) else str(item) for item in items)
        if question is not None:
            # `Ada is 36. How old is Ada?` brings its own passage.
            stated = [s for s in sentences(question) if not s.endswith("?")]
            if stated and len(stated) < len(sentences(question)):
                found.append(" ".join(stated))
        return [text for text in found if text.strip()]

    @cached_property
    def entities(self) -> Sequence[Entity]:
        return find_entities(self.text)

    @cached_property
    def pairs(self) -> dict[str, str]:
        """`Name: value` lines, by the name as written."""
        return {match[1].strip(): match[2].strip() for match in _KEY_VALUE.finditer(self.text)}

    def setting(self, *names: str) -> InputValue | None:
        wanted = {stem(name) for name in names}
        return next((v for v in self.task.inputs if stem_of(v.name) & wanted), None)

    def hints(self, field: OutputField) -> str:
        return f"{self.task.instructions}\n{field.description}\n{field.schema.description}"

    def examples(self, field: OutputField) -> list[tuple[str, str]]:
        """Pairs of a demonstration's inputs as one text and its value of the field."""
        return [
            ("\n".join(demonstration.inputs.values()), demonstration.outputs[field.name])
            for demonstration in self.task.demonstrations
            if field.name in demonstration.outputs
        ]

    def same_example(self, field: OutputField) -> tuple[str, str] | None:
        """A demonstration that is this very task, or nearly so."""
        own = set(key_stems(self.task.prose))
        examples = self.examples(field)
        weights = Weights([set(key_stems(text)) for text, _ in examples])
        for text, value in examples:
            bag = set(key_stems(text))
            if own and bag and weights.similarity(own, bag) > 0.9:
                return text, value
        return None


def stem_of(name: str) -> set[str]:
    """The stems of a field's name: `maxWords` -> max, word."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
    return set(stems(spaced))


def _is_setting(value: InputValue) -> bool:
    if value.annotation in ("int", "float", "bool"):
        return True
    return bool(stem_of(value.name) & _SETTINGS) and len(value.text) < 400


def _asks(text: str) -> bool:
    return text.rstrip().endswith("?")
