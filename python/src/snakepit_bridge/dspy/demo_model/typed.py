"""Values other than text: numbers, dates, truth, lists, maps and objects, read from a text."""

import datetime
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .arithmetic import calculate
from .entities import NAMED, Entity, EntityKind, find_entities, kind_named, of_kind
from .labels import Decision, choose_label
from .lexicon import CONCEPTS, NEGATIONS, sentiment
from .reading import Reading, stem_of
from .retrieval import find_answer
from .schema import Schema
from .summary import summarise
from .text import (
    STOP_WORDS,
    count_words,
    key_stems,
    sentences,
    stem,
    stems,
    word_list,
    words,
)

_NUMBER_WORDS: Mapping[str, int] = {
    word: value
    for value, word in enumerate(
        word_list(
            """zero one two three four five six seven eight nine ten eleven twelve thirteen
            fourteen fifteen sixteen seventeen eighteen nineteen twenty"""
        )
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "thousand": 1000, "dozen": 12}
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9,
           "billion": 1e9, "trillion": 1e12}  # fmt: skip
_DIGITS = re.compile(
    r"(-?\d+(?:[.,]\d+)*)\s?(k|thousand|mn|m|million|bn|billion|trillion)?(?![a-z])", re.IGNORECASE
)
_MONTHS = word_list("jan feb mar apr may jun jul aug sep oct nov dec")
_OPINION = frozenset(map(stem, word_list("rating stars star sentiment polarity satisfaction mood")))
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:-|\u2013|to|and|\.\.)\s*(-?\d+(?:\.\d+)?)")
_NUMERIC = frozenset(
    map(
        stem,
        word_list("age year count quantity score rating total number size weight height"),
    )
)
_POINTS = frozenset(
    map(
        stem,
        word_list("""sentence point highlight bullet step takeaway finding claim line quote"""),
    )
)
_KEYWORDS = frozenset(map(stem, word_list("keyword tag topic theme subject term word concept")))


@dataclass(frozen=True, slots=True)
class Result:
    """A value, what was done for it, and how sure it is (None: nothing to measure)."""

    value: Any
    reason: str
    confidence: float | None = None


class Filler:
    """Fills types from one task. `text` narrows where it looks, `entity` what about."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def fill(
        self, schema: Schema, name: str, hints: str, text: str, entity: Entity | None = None
    ) -> Result:
        match schema.kind:
            case "choice":
                return self._choice(schema, name, hints, text, entity)
            case "boolean":
                return self._truth(name, hints, text)
            case "integer" | "number":
                return self._number(schema, name, hints, text)
            case "date" | "datetime":
                return self._date(schema, name, text)
            case "list":
                return self._list(schema, name, hints, text)
            case "tuple":
                return self._tuple(schema, name, hints, text)
            case "map":
                return self._map(schema, name, hints, text)
            case "object":
                return self._object(schema, name, hints, text, entity)
            case "union":
                return self._union(schema, name, hints, text, entity)
            case "null":
                return Result(None, f"`{name}` can only be null")
            case _:
                return self._text(schema, name, hints, text, entity)

    def _choice(
        self, schema: Schema, name: str, hints: str, text: str, entity: Entity | None
    ) -> Result:
        if entity is not None:
            kind = next((c for c in schema.choices if kind_named(str(c)) == entity.kind), None)
            if kind is not None:
                return Result(kind, f'"{entity.text}" looks like {kind}')
        decision: Decision = choose_label(schema.choices, text, hints=f"{name}. {hints}")
        return Result(
            decision.label,
            f'`{name}` is "{decision.label}" since {decision.reason}',
            decision.confidence,
        )

    def _truth(self, name: str, hints: str, text: str) -> Result:
        question = self._reading.question
        if question is not None and self._reading.passages:
            return self._truth_of(name, question)
        own = stem_of(name) - {"is", "has", "can", "doe", "should", "contain", "mention", "need"}
        own -= {stem(word) for word in STOP_WORDS}
        kind = kind_named(name)
        if kind is not None and kind != "name" and of_kind(find_entities(text), kind):
            return Result(True, f"the text has a {kind}", 0.8)
        found = stems(text)
        praise, blame = sentiment(found)
        if own & {"posit", "positive", stem("positive"), stem("happy"), stem("satisfied")}:
            return Result(praise > blame, f"praise weighs {praise:g} and blame {blame:g}",
                          _certainty(praise - blame))  # fmt: skip
        if own & {stem("negative"), stem("angry"), stem("unhappy")}:
            return Result(blame > praise, f"blame weighs {blame:g} and praise {praise:g}",
                          _certainty(blame - praise))  # fmt: skip
        hits = own & set(found)
        cues = {cue: weight for concept in CONCEPTS if concept.names & own
                for cue, weight in concept.found_in(found).items()}  # fmt: skip
        described = set(key_stems(hints)) & set(key_stems(text)) if not cues and not hits else set()
        weight = 2.0 * len(hits) + sum(cues.values()) + 0.5 * len(described)
        negated = any(
            word in own and set(found[max(0, at - 3) : at]) & NEGATIONS
            for at, word in enumerate(found)
        )
        told = ", ".join(sorted({*hits, *cues, *described})[:3])
        reason = f'the text has "{told}"' if told else f"nothing in the text points to `{name}`"
        return Result(weight >= 1.5 and not negated, reason, _certainty(weight - 1.5))

    def _truth_of(self, name: str, question: str) -> Result:
        found = find_answer(question, self._reading.passages)
        if found is None:
            return Result(False, "no passage is about the question", 0.5)
        asked = set(stems(question)) & NEGATIONS
        told = set(stems(found.sentence)) & NEGATIONS
        same = bool(asked) == bool(told)
        # Numbers that differ refute: `open until 6?` against `closes at 5`.
        numbers = set(re.findall(r"\d+", question)) - set(re.findall(r"\d+", found.sentence))
        value = same and not numbers and found.coverage > 0.5
        return Result(value, f'"{found.sentence}" decides it', 0.5 + 0.4 * found.coverage)

    def _number(self, schema: Schema, name: str, hints: str, text: str) -> Result:
        whole = schema.kind == "integer"
        found = (
            self._opinion(whole, name, hints, text)
            or self._count(name, hints, text)
            or self._calculated(whole, text)
            or self._answered(whole)
            or self._near(whole, name, hints, text)
        )
        if found is not None:
            return found
        return Result(0, f"there is no number for `{name}` in the input", 0.0)

    def _opinion(self, whole: bool, name: str, hints: str, text: str) -> Result | None:
        about = stem_of(name) | (set(stems(hints)) if stem("score") in stem_of(name) else set())
        if not about & _OPINION:
            return None
        praise, blame = sentiment(stems(text))
        share = (praise - blame) / (praise + blame + 1)
        given = _RANGE.search(hints)
        if given:
            low, high = float(given[1]), float(given[2])
        elif whole:
            low, high = 1.0, 5.0
        else:
            low, high = (-1.0, 1.0) if about & {"polar", stem("polarity")} else (0.0, 1.0)
        value = low + (share + 1) / 2 * (high - low)
        reason = f"praise weighs {praise:g} and blame {blame:g}"
        return Result(
            round(value) if whole else round(value, 2), reason, _certainty(praise + blame)
        )

    def _count(self, name: str, hints: str, text: str) -> Result | None:
        about = stem_of(name)
        if not about & {"count", "num", "number", "total", "many"}:
            return None
        if stem("word") in about:
            return Result(count_words(text), "I counted the words", 1.0)
        if about & {stem("character"), stem("char"), stem("letter")}:
            return Result(len(text), "I counted the characters", 1.0)
        if stem("sentence") in about:
            return Result(len(sentences(text)), "I counted the sentences", 1.0)
        kind = kind_named(re.sub(r"(?i)count|num(?:ber)?|total|many", "", name))
        if kind is None or kind in ("number", "money"):
            return None
        found = of_kind(find_entities(text), kind)
        return Result(len(found), f"I counted {', '.join(found) or f'no {kind}'}", 0.7)

    def _calculated(self, whole: bool, text: str) -> Result | None:
        done = calculate(self._reading.question or text)
        if done is None:
            return None
        exact = Decimal(done[1])
        number = int(exact) if whole or exact == exact.to_integral_value() else float(exact)
        return Result(number, f"{done[0]} = {done[1]}", 0.99)

    def _answered(self, whole: bool) -> Result | None:
        question = self._reading.question
        found = find_answer(question, self._reading.passages) if question else None
        if question is None or found is None:
            return None
        span = found.span(question)
        number = read_number(span) if span else None
        if number is None:
            rest = [e for e in found.entities if e.text not in question]
            number = next((n for e in rest if (n := read_number(e.text)) is not None), None)
        if number is None:
            number = read_number(found.sentence)
        if number is None:
            return None
        value = int(number) if whole else number
        return Result(value, f'"{found.sentence}" says so', 0.5 + 0.45 * found.coverage)

    def _near(self, whole: bool, name: str, hints: str, text: str) -> Result | None:
        """The number whose surroundings have the most in common with the field's name."""
        stated = self._pair(name)
        if stated is not None and (told := read_number(stated)) is not None:
            exact = int(told) if whole or told.is_integer() else told
            return Result(exact, f"the text says `{name}: {stated}`", 0.9)
        about = stem_of(name) | set(key_stems(hints.splitlines()[-1] if hints else ""))
        wanted = kind_named(name)
        best: tuple[float, float, str] | None = None
        for entity in find_entities(text):
            number = read_number(entity.text)
            if number is None or entity.kind in NAMED:
                continue
            around = stems(text[max(0, entity.start - 40) : entity.end + 25])
            score = 2.0 * len(about & set(around)) + (2.0 if entity.kind == wanted else 0.0)
            if stem("age") in about and {"old", stem("aged"), "age"} & set(around):
                score += 3
            if entity.kind in ("date", "time") and stem("year") not in about:
                score -= 1.5
            if best is None or score > best[0]:
                best = (score, number, entity.text)
        if best is None:
            spoken = [_NUMBER_WORDS[w] for w in words(text) if w in _NUMBER_WORDS]
            if not spoken:
                return None
            best = (0.0, float(spoken[0]), str(spoken[0]))
        value = int(best[1]) if whole or best[1].is_integer() else best[1]
        return Result(value, f'I took "{best[2]}" for `{name}`', _certainty(best[0]))

    def _date(self, schema: Schema, name: str, text: str) -> Result:
        about = stem_of(name) - {"date", "day", "time", "datetime"}
        best: tuple[float, str, str] | None = None
        stated = self._pair(name)
        for entity in find_entities(stated or text):
            read = read_date(entity.text) if entity.kind == "date" else None
            if read is None:
                continue
            around = set(stems(text[max(0, entity.start - 40) : entity.end + 20]))
            score = float(len(about & around))
            if best is None or score > best[0]:
                best = (score, read, entity.text)
        if best is None:
            # No date is neutral as 0 is, so DSPy shall refuse this rather than a user believe it.
            return Result("unknown", f"there is no date for `{name}` in the input", 0.0)
        value = best[1] + ("T00:00:00" if schema.kind == "datetime" else "")
        return Result(value, f'I took "{best[2]}" for `{name}`', 0.8)

    def _list(self, schema: Schema, name: str, hints: str, text: str) -> Result:
        item = schema.item
        match item.kind:
            case "choice":
                return self._choices(item, name, hints, text)
            case "integer" | "number":
                numbers = [read_number(e.text) for e in find_entities(text)]
                whole = item.kind == "integer"
                kept = [int(n) if whole else n for n in numbers if n is not None]
                return Result(_distinct(kept) if schema.unique else kept,
                              f"I collected the {len(kept)} numbers of the text")  # fmt: skip
            case "object":
                return self._objects(item, name, hints, text)
            case "boolean":
                results = [self._truth(name, hints, s) for s in sentences(text)]
                return Result([result.value for result in results], "one per sentence")
            case "date" | "datetime":
                dates = [read_date(e.text) for e in find_entities(text) if e.kind == "date"]
                return Result([date for date in dates if date], "I collected the dates of the text")
            case "text" | "any":
                return self._texts(name, hints, text)
            case _:
                filled = [self.fill(item, name, hints, part).value for part in sentences(text)]
                return Result(filled, "I read one from each sentence")

    def _choices(self, item: Schema, name: str, hints: str, text: str) -> Result:
        """Every label that the text points to clearly: as strongly as half of the best one."""
        pairs = [(c, choose_label([c, "\0"], text, hints=hints).confidence) for c in item.choices]
        best = max((confidence for _, confidence in pairs), default=0.0)
        kept = [c for c, confidence in pairs if confidence > 0.6 and confidence >= best * 0.7]
        return Result(kept, f"the text points to {', '.join(map(str, kept)) or 'none'}", best)

    def _texts(self, name: str, hints: str, text: str) -> Result:
        pair = self._pair(name)
        if pair is not None:
            parts = [part.strip() for part in re.split(r"[,;]| and ", pair) if part.strip()]
            return Result(parts, f"the text lists them after `{name}:`", 0.9)
        about = stem_of(name)
        kind = kind_named(name)
        if about & _KEYWORDS and kind is None:
            found = keywords(text)
            return Result(found, f"the most frequent words are {', '.join(found[:3])}", 0.6)
        if about & _POINTS:
            points = summarise(text, max_sentences=max(3, len(sentences(text)) // 3))
            return Result(sentences(points), "I took the sentences that say most", 0.6)
        if kind is None:
            kind = next(
                (k for w in words(hints) if (k := kind_named(w)) not in (None, "name")), None
            )
        found_entities = find_entities(text)
        if kind is not None and kind != "name":
            texts = of_kind(found_entities, kind)
            return Result(texts, _told(kind, texts), 0.8 if texts else 0.5)
        texts = _distinct([e.text for e in found_entities if e.kind in NAMED])
        return Result(texts, _told("name", texts), 0.5)

    def _objects(self, item: Schema, name: str, hints: str, text: str) -> Result:
        """One object for each entity of the kind that the list is about."""
        found = find_entities(text)
        kinds = self._kinds_of(item, name)
        if kinds:
            chosen = [entity for entity in found if entity.kind in kinds]
        else:
            chosen = [entity for entity in found if entity.kind in NAMED] or found
        distinct = list({entity.text: entity for entity in reversed(chosen)}.values())[::-1]
        persons = of_kind(found, "person")
        distinct = [e for e in distinct if e.kind != "person" or e.text in persons]
        objects = []
        for position, entity in enumerate(distinct):
            # What is said of one thing stands between it and the next one.
            end = distinct[position + 1].start if position + 1 < len(distinct) else len(text)
            near = text[entity.start : end]
            objects.append(self._object(item, name, hints, near, entity).value)
        told = ", ".join(entity.text for entity in distinct[:5]) or "nothing"
        return Result(objects, f"`{name}` are {told}", 0.6 if objects else 0.4)

    def _kinds_of(self, item: Schema, name: str) -> set[EntityKind]:
        labelled = [m for m in item.members.values() if m.kind == "choice"]
        named = {kind_named(str(c)) for member in labelled for c in member.choices}
        kinds = {kind for kind in named if kind is not None}
        if not kinds:
            kind = kind_named(name)
            kinds = {kind} if kind is not None and kind != "name" else set()
        requested = self._requested()
        return kinds or {kind for t in requested if (kind := kind_named(t)) is not None}

    def _requested(self) -> list[str]:
        """Types, keys or categories that an input asks for."""
        setting = self._reading.setting("types", "categories", "labels", "keys", "fields")
        value = setting.value if setting is not None else None
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def _tuple(self, schema: Schema, name: str, hints: str, text: str) -> Result:
        results = [self.fill(item, name, hints, text) for item in schema.items]
        return Result([result.value for result in results], results[0].reason if results else "")

    def _map(self, schema: Schema, name: str, hints: str, text: str) -> Result:
        item = schema.item
        requested = self._requested()
        if requested:
            filled = {key: self.fill(item, key, hints, text) for key in requested}
            told = "; ".join(f"{key}: {_listed(r.value)}" for key, r in filled.items())
            return Result({key: result.value for key, result in filled.items()}, told, 0.7)
        pairs = self._reading.pairs
        if item.kind in ("integer", "number"):
            numbers = {key: read_number(value) for key, value in pairs.items()}
            whole = item.kind == "integer"
            kept = {k: int(n) if whole else n for k, n in numbers.items() if n is not None}
            return Result(kept, "I read the lines of the form `name: number`")
        if item.kind == "list":
            entities = find_entities(text)
            kinds = dict.fromkeys(entity.kind for entity in entities)
            grouped = {kind: of_kind(entities, kind) for kind in kinds if kind != "number"}
            told = "; ".join(f"{kind}: {_listed(texts)}" for kind, texts in grouped.items())
            return Result(grouped, told or "I found no entities")
        values = {
            key: value if item.kind in ("text", "any") else self.fill(item, key, hints, value).value
            for key, value in pairs.items()
        }
        return Result(values, f"I read {len(pairs)} lines of the form `name: value`")

    def _object(
        self, schema: Schema, name: str, hints: str, text: str, entity: Entity | None
    ) -> Result:
        values = {}
        reasons = []
        for key, member in schema.members.items():
            described = f"{hints}\n{member.description}" if member.description else hints
            result = self.fill(member, key, described, text, entity)
            values[key] = result.value
            reasons.append(f"{key}: {_listed(result.value)}")
        return Result(values, f"`{name}` has {'; '.join(reasons[:4])}")

    def _union(
        self, schema: Schema, name: str, hints: str, text: str, entity: Entity | None
    ) -> Result:
        options = [option for option in schema.items if option.kind != "null"]
        results = [self.fill(option, name, hints, text, entity) for option in options]
        if not results:
            return Result(None, f"`{name}` can only be null")
        best = max(results, key=lambda result: result.confidence or 0.4)
        if schema.optional and (best.confidence or 0.4) < 0.35:
            return Result(None, f"the input says nothing about `{name}`", best.confidence)
        return best

    def _text(
        self, schema: Schema, name: str, hints: str, text: str, entity: Entity | None
    ) -> Result:
        """A short text: a member of an object, an item of a map."""
        pair = self._pair(name)
        if pair is not None:
            return Result(pair, f"the text says `{name}: {pair}`", 0.9)
        kind = kind_named(name)
        about = stem_of(name)
        if schema.kind == "any" and about & _NUMERIC:
            # XML's sample shows no types; the name has to tell.
            near = self._near(False, name, hints, text)
            return near or Result(None, f"there is no number for `{name}`", 0.1)
        general = about & {"name", "text", "entity", "value", "mention", "span", "title", "item"}
        if entity is not None and (kind == entity.kind or general):
            return Result(entity.text, f'"{entity.text}"', 0.8)
        if entity is not None and about & {"type", "kind", "category", "label"}:
            return Result(entity.kind, f'"{entity.text}" looks like a {entity.kind}', 0.7)
        entities = find_entities(text)
        if kind == "name" or (kind is None and general):
            named = [e.text for e in entities if e.kind in NAMED]
            if named:
                return Result(named[0], f'I took the name "{named[0]}"', 0.5)
        elif kind is not None:
            texts = of_kind(entities, kind)
            if not texts and about == {"name"}:
                texts = [e.text for e in entities if e.kind in NAMED]
            value = texts[0] if texts else ""
            return Result(value, _told(kind, texts), 0.8 if texts else 0.1)
        # The sentence that has most in common with the field's name and description.
        asked = {stem(word) for word in about} | set(key_stems(schema.description))
        ranked = [(len(asked & set(key_stems(s))), s) for s in sentences(text)]
        score, sentence = max(ranked, key=lambda entry: entry[0], default=(0, ""))
        if score:
            return Result(sentence, f'"{sentence}" mentions it', 0.4)
        if about & {"summary", stem("summary"), "title", "description", stem("description")}:
            return Result(summarise(text, max_sentences=1), "I took the leading sentence", 0.4)
        return Result("", f"the input says nothing about `{name}`", 0.1)

    def _pair(self, name: str) -> str | None:
        about = stem_of(name)
        for key, value in self._reading.pairs.items():
            if set(stems(key)) == about:
                return value
        return None


def read_number(text: str) -> float | None:
    match = _DIGITS.search(text)
    if match is None:
        spoken = next((_NUMBER_WORDS[w] for w in words(text) if w in _NUMBER_WORDS), None)
        return None if spoken is None else float(spoken)
    digits = match[1]
    if "," in digits:
        # `1,250.50` and `1.250,50`: the last separator with one or two digits behind it is the
        # decimal one.
        decimal = re.search(r"([.,])(\d{1,2})$", digits)
        whole = digits[: decimal.start()] if decimal else digits
        digits = re.sub(r"[.,]", "", whole) + (f".{decimal[2]}" if decimal else "")
    elif digits.count(".") > 1:
        return None
    number = float(digits) * _SCALES.get((match[2] or "").lower(), 1)
    return number if math.isfinite(number) else None


def read_date(text: str) -> str | None:
    """ISO, or None for a date without a year."""
    lowered = text.lower()
    if match := re.search(r"(\d{4})-(\d\d)-(\d\d)", lowered):
        return _iso(int(match[1]), int(match[2]), int(match[3]))
    if match := re.search(r"(\d{1,2})([./])(\d{1,2})[./](\d{2,4})", lowered):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        year += 2000 if year < 100 else 0
        day_first = match[2] == "." or first > 12
        return _iso(year, second, first) if day_first else _iso(year, first, second)
    year_match = re.search(r"\b(\d{4})\b", lowered)
    month = next((i for i, m in enumerate(_MONTHS, 1) if re.search(rf"\b{m}[a-z]*", lowered)), None)
    if year_match is None:
        return None
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", lowered)
    return _iso(int(year_match[1]), month or 1, int(day[1]) if day and month else 1)


def keywords(text: str, limit: int = 6) -> list[str]:
    """The words that stand out by frequency, as they are written, names first."""
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for word in words(text):
        if word not in STOP_WORDS and len(word) > 2 and not word.isdigit():
            root = stem(word)
            written.setdefault(root, word)
            counts[root] += 1
    return [written[root] for root, _ in counts.most_common(limit)]


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return None


def _certainty(weight: float) -> float:
    """Half without evidence, never 1."""
    return round(0.5 + 0.49 * min(abs(weight), 4) / 4, 2)


def _told(kind: str, texts: Sequence[str]) -> str:
    if not texts:
        return f"I found no {kind} in the text"
    return f"the text has the {kind} {', '.join(texts[:4])}"


def _listed(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value[:4])) or "none"
    return "none" if value in (None, "") else str(value)[:60]


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
