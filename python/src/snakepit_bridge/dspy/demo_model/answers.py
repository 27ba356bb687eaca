"""Answers a task: each output by its type and its name, the reasoning by what was really done."""

import re
from collections.abc import Sequence
from typing import Any

from .arithmetic import calculate
from .entities import kind_named, of_kind
from .labels import choose_label
from .prompt import OutputField, Task
from .reading import Reading, stem_of
from .retrieval import clause_of, find_answer
from .summary import sentences_allowed, summarise, words_allowed
from .text import STOP_WORDS, key_stems, sentences, stem, word_list, words
from .typed import Filler, Result, keywords
from .writing import write

_REASONING = frozenset(
    map(
        stem,
        word_list("reasoning rationale explanation justification thought thoughts why"),
    )
)
_CONFIDENCE = re.compile(r"conf|certain|probab|likel", re.IGNORECASE)
_SUMMARY = frozenset(map(stem, word_list("summary tldr abstract gist headline title overview")))
_DRAFT = frozenset(
    map(
        stem,
        word_list("""text draft message email letter story poem post tweet essay article reply"""),
    )
)
_PROMPT = frozenset(map(stem, ["prompt", "topic", "instruction", "request", "brief", "task"]))
_TRANSLATION = re.compile(r"\btranslat", re.IGNORECASE)
# What looks like a code or is quoted: `invoice means A7`, but not `high means that …`.
_RULE_RESULT = re.compile(
    r"(?:\bmeans|->|=>)\s*(?:[\"'`]([\w-]+)[\"'`]|([A-Z][\w-]*\d[\w-]*|[A-Z]{2,})\b)"
)
# Texts that all demonstrations keep this short are labels without a list of choices.
_LONGEST_LABEL_WORDS = 3


def answer_task(task: Task) -> dict[str, Any]:
    """One value per output, of the output's type wherever the input has one."""
    reading = Reading(task)
    results: dict[str, Result] = {}
    later: list[OutputField] = []
    for field in task.outputs:
        if _is_derived(field, task):
            later.append(field)
        else:
            results[field.name] = _answer(reading, field)
    main = list(results.values())
    for field in later:
        results[field.name] = _derived(field, main)
    return {field.name: results[field.name].value for field in task.outputs}


def _is_derived(field: OutputField, task: Task) -> bool:
    """About the answer to the others, so made last although it may be written first."""
    if len(task.outputs) == 1:
        return False
    if field.schema.kind in ("integer", "number"):
        return bool(_CONFIDENCE.search(field.name))
    return field.schema.kind == "text" and bool(stem_of(field.name) & _REASONING)


def _derived(field: OutputField, main: Sequence[Result]) -> Result:
    if field.schema.kind == "text":
        reasons = [result.reason for result in main if result.reason]
        text = "; ".join(reasons) or "the input gave nothing to go by"
        return Result(f"{text[:1].upper()}{text[1:]}".rstrip(".") + ".", "")
    known = [result.confidence for result in main if result.confidence is not None]
    confidence = min(known) if known else 0.5
    hints = f"{field.name} {field.description} {field.schema.description}"
    percent = re.search(r"\b100\b|percent|%", hints) is not None or field.schema.kind == "integer"
    return Result(round(confidence * 100) if percent else confidence, "")


def _answer(reading: Reading, field: OutputField) -> Result:
    if field.schema.kind == "choice":
        return _label(reading, field, field.schema.choices)
    if field.schema.kind in ("text", "any"):
        return _text(reading, field)
    return Filler(reading).fill(field.schema, field.name, reading.hints(field), reading.text)


def _label(reading: Reading, field: OutputField, choices: Sequence[Any]) -> Result:
    decision = choose_label(
        choices, reading.text, hints=reading.hints(field), examples=reading.examples(field)
    )
    return Result(
        decision.label, f'I chose "{decision.label}": {decision.reason}', decision.confidence
    )


def _text(reading: Reading, field: OutputField) -> Result:
    same = reading.same_example(field)
    if same is not None:
        return Result(same[1], "one of the examples is this very case", 0.95)
    labels = _labels_learned(reading, field)
    if labels:
        return _label(reading, field, labels)
    about = stem_of(field.name)
    wants_summary = bool(about & _SUMMARY) or "summar" in reading.task.instructions.lower()
    if wants_summary and reading.question is None:
        return _summary(reading, field)
    if reading.question is not None:
        return _reply(reading, field, reading.question)
    if _TRANSLATION.search(f"{field.name} {reading.task.instructions}"):
        return _unknown("the demo model cannot translate")
    if reading.setting(*_PROMPT) is not None or (about & _DRAFT and reading.setting("style")):
        return _draft(reading)
    return _extract(reading, field)


def _labels_learned(reading: Reading, field: OutputField) -> list[str]:
    """Labels of a plain text field: what the demonstrations answer, when that is always short and
    repeats, and what rules in the instructions name."""
    ruled = [quoted or code for quoted, code in _RULE_RESULT.findall(reading.hints(field))]
    given = [value for _, value in reading.examples(field)]
    short = all(len(value.split()) <= _LONGEST_LABEL_WORDS for value in given)
    learned = given if len(given) > len(set(given)) and short else []
    return list(dict.fromkeys([*learned, *ruled]))


def _summary(reading: Reading, field: OutputField) -> Result:
    limit = reading.setting("max", "limit", "length", "words")
    number = limit.value if limit is not None else None
    hints = reading.hints(field)
    asked = int(number) if isinstance(number, int | float) and number >= 1 else words_allowed(hints)
    short = stem_of(field.name) & {stem("headline"), stem("title")}
    count = 1 if short else sentences_allowed(hints)
    text = summarise(reading.text, asked or (12 if short else None), count)
    kept = len(text.split())
    reason = f"I kept the sentences that share most words with the rest of the text, {kept} words"
    return Result(text, reason, 0.6)


def _reply(reading: Reading, field: OutputField, question: str) -> Result:
    done = calculate(question)
    if done is not None:
        return Result(done[1], f"{done[0]} = {done[1]}", 0.99)
    if not reading.passages:
        return _unknown(
            "the demo model knows nothing by itself, and the input holds no answer; "
            "give it a context, or configure a language model"
        )
    # `Ada is 36. How old is Ada?` asks with its last sentence only.
    question = " ".join(s for s in sentences(question) if s.endswith("?")) or question
    found = find_answer(question, reading.passages)
    if found is None:
        asked = ", ".join(dict.fromkeys(w for w in words(question) if w not in STOP_WORDS))
        return _unknown(f"nothing in the context answers a question about {asked or 'this'}")
    confidence = round(min(0.97, 0.25 + 0.5 * found.coverage + 0.25 * found.margin), 2)
    span = found.span(question)
    wanted = f"{reading.task.instructions} {field.description}".lower()
    if span is not None and re.search(r"\b(?:short|one word|few words|only|brief|concise)", wanted):
        return Result(span, f'"{found.sentence}" names {span}', confidence)
    text = clause_of(found.sentence, question)
    reason = f'the sentence "{found.sentence}" shares {", ".join(found.common)} with the question'
    if span is not None:
        reason += f" and names {span}"
    return Result(text, reason, confidence)


def _draft(reading: Reading) -> Result:
    prompt = reading.setting(*_PROMPT)
    subject = prompt.prose if prompt is not None else reading.text
    style, length = reading.setting("style", "tone", "voice"), reading.setting("length", "max")
    done = calculate(subject)
    if done is not None and len(key_stems(subject)) < 8:
        return Result(done[1], f"{done[0]} = {done[1]}", 0.99)
    text = write(subject, style.prose if style else "", length.prose if length else "")
    return Result(text, "I put the words of the prompt in order", 0.4)


def _extract(reading: Reading, field: OutputField) -> Result:
    """A text field with a name of its own: `city`, `keywords`, `subject`."""
    kind = kind_named(field.name)
    if kind is not None and kind != "name":
        texts = of_kind(reading.entities, kind)
        if texts:
            return Result(texts[0], f"the text has the {kind} {', '.join(texts[:4])}", 0.8)
        return _unknown(f"the input names no {kind}")
    if stem_of(field.name) & {stem("keyword"), stem("tag"), stem("topic")}:
        found = keywords(reading.text)
        return Result(", ".join(found), "these words are the most frequent", 0.6)
    done = calculate(reading.text)
    if done is not None:
        return Result(done[1], f"{done[0]} = {done[1]}", 0.99)
    filled = Filler(reading).fill(field.schema, field.name, reading.hints(field), reading.text)
    if isinstance(filled.value, str) and filled.value:
        return filled
    if reading.text.strip() and "answer" not in stem_of(field.name):
        return _summary(reading, field)
    return _unknown(f"the input says nothing about `{field.name}`")


def _unknown(why: str) -> Result:
    return Result(f"I do not know: {why}.", why, 0.0)
