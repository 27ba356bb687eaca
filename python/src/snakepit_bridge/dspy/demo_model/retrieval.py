"""Answers a question with a sentence of the passages it was given, or says that none fits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .entities import Entity, EntityKind, find_entities
from .text import Weights, key_stems, sentences, stem, stems, words

# Share of the question's weight that a sentence must cover to count as an answer.
ENOUGH = 0.3

_ASKED: tuple[tuple[re.Pattern[str], tuple[EntityKind, ...]], ...] = (
    (re.compile(r"\bhow (?:much|expensive)\b|\bwhat (?:price|cost|fee)\b|\bcosts?\b"),
     ("money", "number", "percentage")),
    (re.compile(r"\bhow many\b|\bwhat number\b|\bhow (?:tall|high|old|big|large|far|deep)\b"),
     ("number", "duration", "percentage")),
    (re.compile(r"\bhow (?:long|often|quickly|soon|fast)\b"), ("duration", "time", "date")),
    (re.compile(r"\bwhat percent(?:age)?\b"), ("percentage",)),
    (re.compile(r"\bwhen\b|\bwhat (?:date|day|year|month|deadline)\b|\b(?:which|what) year\b"),
     ("date", "time", "duration")),
    (re.compile(r"\bwhat time\b"), ("time",)),
    (re.compile(r"\bwhere\b|\b(?:which|what) (?:city|country|town|place|state|region)\b"),
     ("place",)),
    (re.compile(r"\b(?:which|what) (?:company|organi[sz]ation|firm|university|bank)\b"),
     ("organisation", "name")),
    (re.compile(r"\bwho(?:m|se)?\b|\b(?:which|what) (?:person|man|woman|author)\b"),
     ("person", "organisation", "name")),
    (re.compile(r"\be-?mail\b"), ("email",)),
    (re.compile(r"\b(?:phone|call|telephone) (?:number|us|you)\b"), ("phone",)),
    (re.compile(r"\b(?:url|website|link)\b"), ("url",)),
)  # fmt: skip
_NUMBER_WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|hundred|thousand|dozen)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|due to|since|therefore|so that|in order to|caused by|thanks to)\b"
)
_REFERENCE = re.compile(
    r"^(?:it|they|he|she|this|these|that|its|their|his|her|there)\b", re.IGNORECASE
)

# Words that say one thing, so that a question finds an answer in other words.
_SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(stem(word) for word in group.split())
    for group in (
        "founded founder established created started found",
        "invented inventor devised",
        "wrote written author writer authored write",
        "price cost costs charge fee priced",
        "buy bought purchase purchased acquire acquired",
        "begin begins began start starts started opening opens open",
        "end ends ended finish finishes close closes closed",
        "return returns refund refunds refunded money-back",
        "located location headquarters headquartered based situated lies seat",
        "live lives lived resides resident",
        "work works worked job employed employer",
        "ship ships shipping shipped delivery deliver delivered delivers",
        "allowed permitted may can permission",
        "called named name title",
        "leader leads led head heads ceo director chief boss",
        "employees staff workers people employee",
        "born birth birthday",
        "died death dead",
        "size large big tall high height length long",
        "guarantee warranty",
        "support supports help contact",
        "cancel cancelled cancellation terminate",
        "limit maximum max cap most",
        "minimum least min",
        "send sent mail mailed",
        "teach taught teacher teaches",
        "weigh weighs weight heavy",
        "use used uses using",
    )
)
_SYNONYM_OF: Mapping[str, frozenset[str]] = {word: group for group in _SYNONYMS for word in group}


@dataclass(frozen=True, slots=True)
class Found:
    sentence: str
    coverage: float
    """0 to 1: how much of the question's weight the sentence covers."""
    margin: float
    """0 to 1: how far it is ahead of the next sentence."""
    common: Sequence[str]
    expected: Sequence[EntityKind]
    entities: Sequence[Entity]

    def span(self, question: str) -> str | None:
        """The piece of the expected kind, where there is exactly one that the question does not
        name itself."""
        asked = question.lower()
        for kind in self.expected:
            candidates = {
                e.text for e in self.entities if e.kind == kind and e.text.lower() not in asked
            }
            if len(candidates) == 1:
                return candidates.pop()
            if candidates:
                return None
        return None


def expected_kinds(question: str) -> tuple[EntityKind, ...]:
    lowered = question.lower()
    return next((kinds for pattern, kinds in _ASKED if pattern.search(lowered)), ())


def find_answer(question: str, passages: Sequence[str]) -> Found | None:
    """None when no sentence has enough in common with the question."""
    candidates = [
        (index, sentence)
        for index, passage in enumerate(passages)
        for sentence in sentences(passage)
        if not sentence.endswith("?")
    ]
    asked = _subject(question)
    if not candidates or not asked:
        return None
    bags = [set(key_stems(sentence)) for _, sentence in candidates]
    weights = Weights(bags)
    total = weights.total(asked)
    kinds = expected_kinds(question)
    ranked = []
    for position, (passage, sentence) in enumerate(candidates):
        covered = _covered(asked, bags[position])
        coverage = weights.total(covered) / total
        # `It opened in 1998.` goes on about what the sentence before it names.
        if position and candidates[position - 1][0] == passage and _REFERENCE.match(sentence):
            before = _covered(asked, bags[position - 1]) - covered
            coverage += 0.75 * weights.total(before) / total
            covered |= before
        if coverage == 0:
            continue
        entities = find_entities(sentence)
        bonus = _bonus(question, sentence, kinds, entities, asked)
        ranked.append((coverage + bonus, -position, coverage, covered, sentence, entities))
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    if not ranked or ranked[0][2] < ENOUGH:
        return None
    score, _, coverage, covered, sentence, entities = ranked[0]
    runner_up = ranked[1][0] if len(ranked) > 1 else 0.0
    margin = max(0.0, min(1.0, (score - runner_up) / score))
    return Found(sentence, min(coverage, 1.0), margin, sorted(covered), kinds, entities)


def _subject(question: str) -> set[str]:
    """What the question is about, without the words that only say which kind of answer it wants:
    no sentence says `old` that tells an age."""
    asked = set(key_stems(question))
    lowered = question.lower()
    wanted = next((match for pattern, _ in _ASKED if (match := pattern.search(lowered))), None)
    return (asked - set(stems(wanted[0])) if wanted is not None else asked) or asked


def _covered(asked: set[str], bag: set[str]) -> set[str]:
    return {
        word
        for word in asked
        if word in bag or (word in _SYNONYM_OF and not bag.isdisjoint(_SYNONYM_OF[word]))
    }


def _bonus(
    question: str,
    sentence: str,
    kinds: Sequence[EntityKind],
    entities: Sequence[Entity],
    asked: set[str],
) -> float:
    new = [e.kind for e in entities if not set(key_stems(e.text)) <= asked]
    bonus = 0.0
    if kinds:
        if kinds[0] in new:
            bonus = 0.3
        elif any(kind in new for kind in kinds) or (
            "number" in kinds and _NUMBER_WORDS.search(sentence)
        ):
            bonus = 0.2
    lowered = question.lower()
    if lowered.startswith("why") and _REASON.search(sentence.lower()):
        bonus = 0.3
    definition = re.match(r"(?:what|who) (?:is|are|was|were) (?:an? |the )?(.+?)\??$", lowered)
    if definition and re.match(
        rf"(?:an? |the )?{re.escape(definition[1])},? (?:is|are|was|were)\b", sentence.lower()
    ):
        bonus += 0.3
    return bonus


def clause_of(sentence: str, question: str, longest: int = 30) -> str:
    """A sentence as it is; of a very long one, the clauses that answer."""
    if len(words(sentence)) <= longest:
        return sentence
    parts = re.split(r"(?<=[;:])\s+|,\s+(?=(?:and|but|while|whereas|although|which)\b)", sentence)
    asked = set(key_stems(question))
    best = max(parts, key=lambda part: len(asked & set(key_stems(part))))
    best = re.sub(r"^(?:and|but|while|whereas|although)\s+", "", best).strip(" ,;:")
    return best[:1].upper() + best[1:] + ("" if best.endswith((".", "!", "?")) else ".")
