"""Chooses one of several labels for a text, and says why and how sure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .lexicon import (
    MIXED_NAMES,
    NEGATIVE_NAMES,
    NEUTRAL_NAMES,
    OTHER_NAMES,
    POSITIVE_NAMES,
    concepts_named,
    sentiment,
)
from .text import (
    STOP_WORDS,
    Weights,
    key_stems,
    sentences,
    stem,
    stems,
    words,
)

# Demonstrations more similar than this count as evidence.
SIMILAR = 0.12
# A rule in the instructions outweighs any association.
RULE_WEIGHT = 8.0
DEMONSTRATION_WEIGHT = 7.0
# `How do I reset my password?` has the form of a question and is about the account: from this
# weight on, what a message is about counts more than its form.
CLEAR_TOPIC = 1.5


@dataclass(frozen=True, slots=True)
class Decision:
    label: Any
    confidence: float
    """From the margin to the next best label: 1/n without evidence, never 1."""
    reason: str


@dataclass(slots=True)
class _Score:
    value: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, weight: float, reason: str) -> None:
        self.value += weight
        self.reasons.append(reason)


def choose_label(
    choices: Sequence[Any],
    text: str,
    *,
    hints: str = "",
    examples: Sequence[tuple[str, str]] = (),
) -> Decision:
    """`hints` are instructions and descriptions, `examples` pairs of a text and its label."""
    scores = {str(choice): _Score() for choice in choices}
    found = stems(text)
    _by_examples(scores, text, examples)
    _by_rules(scores, text, hints)
    _by_own_words(scores, found)
    _by_descriptions(scores, found, hints)
    _by_concepts(scores, found, text)
    _by_sentiment(scores, found)
    return _decide(choices, scores)


def _by_examples(
    scores: Mapping[str, _Score], text: str, examples: Sequence[tuple[str, str]]
) -> None:
    """The nearest demonstrations vote, the more similar the louder."""
    if not examples:
        return
    documents = [set(key_stems(example)) for example, _ in examples]
    weights = Weights(documents)
    own = set(key_stems(text))
    ranked = sorted(
        (
            (weights.similarity(own, document), example, label)
            for document, (example, label) in zip(documents, examples, strict=True)
        ),
        key=lambda entry: -entry[0],
    )
    best: dict[str, float] = {}
    for similarity, example, label in ranked:
        if label not in scores or similarity < SIMILAR or label in best:
            continue
        best[label] = similarity
        common = " ".join(sorted(own & set(key_stems(example)))[:3])
        scores[label].add(
            DEMONSTRATION_WEIGHT * similarity,
            f'it resembles the example "{_short(example)}" ({common})',
        )


_RULE = re.compile(
    r"""(?:^|[\s,;.(])["'`\u201c]?([\w' -]{2,40}?)["'`\u201d]?\s*
    (?:means|indicates|implies|signals|->|=>|\u2192)\s*["'`\u201c]?([\w /&-]+)""",
    re.IGNORECASE | re.VERBOSE,
)


def _by_rules(scores: Mapping[str, _Score], text: str, hints: str) -> None:
    """`invoice means A7` in the instructions."""
    by_name = {label.lower(): score for label, score in scores.items()}
    padded = f" {' '.join(stems(text))} "
    for match in _RULE.finditer(hints):
        result = match[2].strip().lower()
        label = next((name for name in by_name if _begins_with(result, name)), None)
        phrase = words(match[1])
        # `anything about log in means B2` is a rule about `log in`: the longest end that fits.
        for start in range(len(phrase)):
            end = phrase[start:]
            fits = f" {' '.join(map(stem, end))} " in padded and not STOP_WORDS.issuperset(end)
            if label is not None and fits:
                told = " ".join(end)
                by_name[label].add(RULE_WEIGHT, f'the instructions say that "{told}" means it')
                break


def _begins_with(text: str, name: str) -> bool:
    return text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def _by_own_words(scores: Mapping[str, _Score], found: Sequence[str]) -> None:
    """The label's own words in the text. Labels that name a concept find them among its cues."""
    present = set(found)
    for label, score in scores.items():
        if concepts_named(stems(label)):
            continue
        own = set(key_stems(label)) or set(stems(label))
        hits = own & present
        if hits:
            score.add(1.5 * len(hits) / len(own), f'the text says "{" ".join(sorted(hits))}"')


def _by_descriptions(scores: Mapping[str, _Score], found: Sequence[str], hints: str) -> None:
    """`bug: something does not work` in the instructions or the field's description."""
    if not hints:
        return
    present = {word for word in found if word not in STOP_WORDS}
    for label, score in scores.items():
        name = re.escape(label)
        match = re.search(
            rf"""(?:^|[\s,;."'`(\[-]){name}["'`]?\s*(?::|=|\(|\u2013|\u2014|\ -\ |\bis\b|\bfor\b)\s*
            ([^\n;)]{{3,200}})""",
            hints,
            re.IGNORECASE | re.VERBOSE,
        )
        if match is None:
            continue
        described = set(key_stems(match[1]))
        hits = described & present
        if hits:
            score.add(1.5 * len(hits), f'its description shares "{", ".join(sorted(hits))}"')


def _by_concepts(scores: Mapping[str, _Score], found: Sequence[str], text: str) -> None:
    """General associations: a refund is about billing."""
    asking = [sentence for sentence in sentences(text) if sentence.endswith("?")]
    act = _speech_act(text, asking)
    questions: list[_Score] = []
    topics = 0.0
    for label, score in scores.items():
        for concept in concepts_named(stems(label)):
            if concept.name == "question":
                # `I was charged when …` has a question word and asks nothing.
                openings = [(stems(sentence)[:6], words(sentence)) for sentence in asking]
                cues = {c: w for o in openings for c, w in concept.found_in(*o).items()}
            else:
                cues = concept.found_in(found, words(text))
            if concept.name == act:
                cues[_ACT_WORDS[act]] = 0.4
            if concept.name == "question":
                questions.append(score)
            else:
                topics = max(topics, sum(cues.values()))
            if cues:
                strongest = sorted(cues, key=lambda cue: -cues[cue])[:3]
                told = " and ".join(f'"{cue}"' for cue in strongest)
                verb = "points" if len(strongest) == 1 else "point"
                score.add(sum(cues.values()), f"{told} {verb} to it")
    if topics >= CLEAR_TOPIC:
        for score in questions:
            score.value *= 0.7


_POLITE = re.compile(r"\b(?:please|could|would|wish|should|let us|allow|love to)\b", re.IGNORECASE)
_ACT_WORDS = {"question": "?", "feature request": "please", "failure": "a statement"}


def _speech_act(text: str, asking: Sequence[str]) -> str:
    """What a message is when its words tell nothing: it asks, requests or states. Among labels of
    support, people state what is wrong."""
    if _POLITE.search(text):
        return "feature request"
    return "question" if asking else "failure"


def _by_sentiment(scores: Mapping[str, _Score], found: Sequence[str]) -> None:
    named = {label: set(stems(label)) for label in scores}
    if not any(names & (POSITIVE_NAMES | NEGATIVE_NAMES) for names in named.values()):
        return
    praise, blame = sentiment(found)
    for label, names in named.items():
        extreme = 1.2 if names & {"very", "extreme", "strong"} else 1.0
        if names & MIXED_NAMES and praise and blame:
            scores[label].add(1.4 * min(praise, blame) + 0.6, "praise and blame are both there")
        elif names & POSITIVE_NAMES and praise > 0:
            strength = praise if extreme == 1 else (praise - 1.5) * extreme
            scores[label].add(strength, f"its words of praise weigh {praise:g}")
        elif names & NEGATIVE_NAMES and blame > 0:
            strength = blame if extreme == 1 else (blame - 1.5) * extreme
            scores[label].add(strength, f"its words of blame weigh {blame:g}")
        elif names & NEUTRAL_NAMES and praise == blame:
            scores[label].add(0.8, "praise and blame are even")


def _decide(choices: Sequence[Any], scores: Mapping[str, _Score]) -> Decision:
    values = [score.value for score in scores.values()]
    if max(values) <= 0:
        fallback = next(
            (
                choice
                for choice in choices
                if set(stems(str(choice))) & (OTHER_NAMES | NEUTRAL_NAMES)
            ),
            choices[0],
        )
        reason = "nothing in the text points to any label, so this is a guess"
        return Decision(fallback, round(1 / len(scores), 2), reason)
    # Among equals the name decides, not the order in which the labels came.
    best = max(range(len(values)), key=lambda index: (values[index], str(choices[index])))
    # A softmax: two points of margin are about 0.88 against one rival.
    total = sum(math.exp(value - values[best]) for value in values)
    choice = choices[best]
    reason = "; ".join(scores[str(choice)].reasons[:2])
    return Decision(choice, min(round(1 / total, 2), 0.99), reason)


def _short(text: str, limit: int = 48) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
