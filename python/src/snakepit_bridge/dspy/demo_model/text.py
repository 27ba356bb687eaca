"""Words, stems and sentences of plain prose. English first; other languages lose only the stems."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache


def word_list(text: str) -> list[str]:
    """For tables of words, which are easier to read and to keep in order as lines of text."""
    return text.split()


WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)*")

STOP_WORDS = frozenset(
    word_list(
        """a about after again all also am an and any anyone are as at be because been before being
        but by can can't could did didn't do does doesn't doing don't done each else ever every
        few for from get gets getting give given go goes going got had has have having he her
        here hers him his how i i'd i'll i'm i've if in into is isn't it it's its just let like
        made make many may me might more most much must my no nor not now of off on once one
        only or other our ours out over own per please really same she should since so some such
        tell than that that's the their them then there these they they're this those through to
        too under until up us very was wasn't we we're were weren't what what's when where which
        while who who's whom whose why will with within without won't would yes yet you you're
        your yours"""
    )
)

_ABBREVIATIONS = frozenset(
    word_list(
        """mr mrs ms dr prof sr jr st vs etc e.g i.e inc ltd corp co no approx dept jan feb mar apr
        jun jul aug sep sept oct nov dec u.s u.k a.m p.m"""
    )
)
_SENTENCE_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s|$)")

# Two words that mean one thing.
_JOINED = re.compile(
    r"\b(log|sign|set|check|shut|break)(?:ged|ging|ned|ning|s)?[ -](in|on|up|out|down)\b"
)


def words(text: str) -> list[str]:
    """Lower-case words and numbers; `log in` counts as `login`."""
    lowered = text.lower().replace("\u2019", "'")
    return WORD.findall(_JOINED.sub(r"\1\2", lowered))


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """`charged`, `charges`, `charging` -> `charg`. Rough on purpose, the same for both sides."""
    word = word.removesuffix("'s").replace("'", "")
    if len(word) <= 3 or word.isdigit():
        return word
    for ending, replacement in (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + replacement
    if word.endswith(("ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ingly", "edly", "ing", "ed", "ly"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and re.search("[aeiouy]", root):
            word = root
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word


def stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]


def key_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """Sentences and lines, stripped, none empty."""
    found: list[str] = []
    for line in text.splitlines():
        start = 0
        for match in _SENTENCE_END.finditer(line):
            before = line[start : match.start()].rsplit(None, 1)
            last = before[-1].lower().lstrip("(\"'") if before else ""
            following = line[match.end() :].lstrip()[:1]
            abbreviated = last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha())
            if match[0][0] == "." and (abbreviated or following.islower()):
                continue
            found.append(line[start : match.end()])
            start = match.end()
        found.append(line[start:])
    return [sentence.strip() for sentence in found if sentence.strip()]


def count_words(text: str) -> int:
    return len(text.split())


class Weights:
    """How much a word tells: rare ones among `documents` more, and words of no document most."""

    def __init__(self, documents: Iterable[Iterable[str]]) -> None:
        sets = [set(document) for document in documents]
        self._count = len(sets)
        self._found = Counter(word for document in sets for word in document)

    def of(self, word: str) -> float:
        return math.log((self._count + 1) / (self._found[word] + 0.5)) + 0.3

    def total(self, found: Iterable[str]) -> float:
        return sum(self.of(word) for word in found)

    def similarity(self, one: set[str], other: set[str]) -> float:
        """0 to 1: weight of the common words by the geometric mean of both sides' weights."""
        common = one & other
        if not common:
            return 0.0
        return self.total(common) / math.sqrt(self.total(one) * self.total(other))
