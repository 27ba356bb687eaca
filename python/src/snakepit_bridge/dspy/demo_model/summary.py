"""The sentences that say most of a text, in its own words and order."""

import re
from collections import Counter

from .text import count_words, key_stems, sentences

_LIMIT = re.compile(
    r"\b(?:at most|no more than|up to|under|within|fewer than|less than|maximum of"
    r"|max(?:imum)?\.?|in|about|around|of)\s+(\d+)\s*-?\s*words?\b|\b(\d+)[ -]words?\b",
    re.IGNORECASE,
)
_NUMBERS = {"one": 1, "a single": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_SENTENCES = re.compile(rf"\b(\d+|{'|'.join(_NUMBERS)})[ -](?:short )?sentences?\b", re.IGNORECASE)


# A sentence that scores less than this share of the best one is beside the point.
WORTH_TELLING = 0.4


def words_allowed(text: str) -> int | None:
    """`in at most 40 words` -> 40."""
    match = _LIMIT.search(text)
    return int(match[1] or match[2]) if match else None


def sentences_allowed(text: str) -> int | None:
    match = _SENTENCES.search(text)
    if match is None:
        return None
    written = match[1].lower()
    return _NUMBERS.get(written) or int(written)


def summarise(text: str, max_words: int | None = None, max_sentences: int | None = None) -> str:
    """Never longer than `max_words`. Without limits about a third of the text, three sentences at
    most."""
    found = list(dict.fromkeys(sentences(text)))
    if not found:
        return ""
    if max_words is None and max_sentences is None:
        max_sentences = min(3, (len(found) + 2) // 3)
    chosen: list[int] = []
    used = 0
    scores = _scores(found)
    ranked = sorted(range(len(found)), key=lambda position: (-scores[position], position))
    for position in ranked:
        length = count_words(found[position])
        if scores[position] < WORTH_TELLING * scores[ranked[0]]:
            break
        if max_sentences is not None and len(chosen) >= max_sentences:
            break
        if max_words is not None and used + length > max_words:
            continue
        chosen.append(position)
        used += length
    if not chosen:
        return cut(found[ranked[0]], max_words or 1)
    return " ".join(_ended(found[position]) for position in sorted(chosen))


def cut(text: str, max_words: int) -> str:
    """The beginning of a text, up to a comma where one is near the limit."""
    pieces = text.split()
    if len(pieces) <= max_words:
        return text
    kept = " ".join(pieces[: max(1, max_words)])
    comma = max(kept.rfind(","), kept.rfind(";"), kept.rfind(":"))
    if comma > len(kept) * 0.6:
        kept = kept[:comma]
    return kept.rstrip(",;:.!? ") + "…"


def _scores(found: list[str]) -> list[float]:
    bags = [key_stems(sentence) for sentence in found]
    frequency = Counter(word for bag in bags for word in set(bag))
    scores = []
    for position, bag in enumerate(bags):
        # The mean, so that long sentences do not win by length; very short ones say little.
        mean = sum(frequency[word] for word in set(bag)) / (len(set(bag)) + 3)
        place = 1.25 if position == 0 else 1.1 if position == len(bags) - 1 else 1.0
        asks = 0.5 if found[position].endswith("?") else 1.0
        scores.append(mean * place * asks)
    return scores


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?…\"'”)" else f"{sentence}."
