"""Short texts from a prompt: a letter for an act it knows, otherwise the prompt's own points put in
order. It does not invent, and says so where that leaves little."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .entities import find_entities, of_kind
from .summary import cut, words_allowed
from .text import key_stems, sentences, word_list, words

_LENGTHS: Mapping[str, int] = {
    "tiny": 15, "brief": 25, "short": 35, "medium": 70, "long": 120, "detailed": 120,
}  # fmt: skip
_FORMAL = frozenset(word_list("formal professional business official polite serious academic"))
_WARM = frozenset(word_list("friendly casual warm informal cheerful playful funny enthusiastic"))
_TASK = re.compile(
    r"^(?:please )?(?:can you |could you )?(?:write|draft|compose|create|generate|prepare|make"
    r"|give me|tell me|produce)\s+(?:me |us )?(?:an? |the |some )?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Act:
    cues: frozenset[str]
    plain: str
    warm: str
    formal: str


_ACTS = (
    _Act(frozenset(key_stems("thank thanks thank-you gratitude grateful")),
         "Thank you{topic}.", "Thank you so much{topic}!", "I would like to thank you{topic}."),
    _Act(frozenset(key_stems("apology apologise apologize sorry")),
         "I am sorry{topic}.", "I'm really sorry{topic}.", "Please accept my apologies{topic}."),
    _Act(frozenset(key_stems("invite invitation")),
         "You are invited{topic}.", "You're invited{topic}, come along!",
         "It is my pleasure to invite you{topic}."),
    _Act(frozenset(key_stems("congratulate congratulations congratulation")),
         "Congratulations{topic}.", "Congratulations{topic}, well done!",
         "Please accept my congratulations{topic}."),
    _Act(frozenset(key_stems("remind reminder")),
         "A reminder{topic}.", "Just a little reminder{topic}!",
         "May I kindly remind you{topic}."),
    _Act(frozenset(key_stems("announce announcement launch")),
         "We announce{topic}.", "Big news{topic}!", "We are pleased to announce{topic}."),
)  # fmt: skip


def write(prompt: str, style: str = "", length: str = "") -> str:
    """At most as long as `length` (words, or a word such as `short`) or the prompt says."""
    limit = _limit(prompt, length)
    request = " ".join(sentences(prompt)) or prompt.strip()
    stems = set(key_stems(request))
    act = next((act for act in _ACTS if act.cues & stems), None)
    text = _letter(request, act, style) if act is not None else _outline(request, style)
    return cut(text, limit)


def _limit(prompt: str, length: str) -> int:
    number = re.search(r"\d+", length)
    if number:
        return max(1, int(number[0]))
    named = next((_LENGTHS[word] for word in words(length) if word in _LENGTHS), None)
    return named or words_allowed(prompt) or _LENGTHS["medium"]


def _letter(request: str, act: _Act, style: str) -> str:
    tone = set(words(style))
    pattern = act.formal if tone & _FORMAL else act.warm if tone & _WARM else act.plain
    people = of_kind(find_entities(request), "person")
    topic = _topic_of_letter(request, people)
    greeting = f"Dear {people[0]},\n\n" if people else ""
    closing = ""
    if people:
        ending = "Yours sincerely," if tone & _FORMAL else "Best wishes,"
        closing = f"\n\n{ending}"
    return f"{greeting}{pattern.format(topic=f' {topic}' if topic else '')}{closing}"


def _topic_of_letter(request: str, people: list[str]) -> str:
    """From the first `for`, `about`, `that`, `on`, `to` that no person follows."""
    text = request.rstrip(".!? ")
    for match in re.finditer(r"\b(?:for|about|that|on|to)\b ", text):
        rest = text[match.end() :]
        if not any(rest.startswith(person) for person in people):
            return text[match.start() :]
    return ""


def _outline(request: str, style: str) -> str:
    topic = _TASK.sub("", sentences(request)[0] if sentences(request) else request).rstrip(".!? ")
    topic = re.sub(
        r"^(?:short |brief |long |formal |friendly )*(?:text|story|poem|paragraph|essay|article"
        r"|post|tweet|description|email|message|note|slogan|tagline|haiku)"
        r"\s+(?:about|on|for|of)\s+",
        "",
        topic,
        flags=re.IGNORECASE,
    )
    rest = sentences(request)[1:]
    subject = topic[:1].upper() + topic[1:]
    manner = f", in a {style} style" if style and not style.isdigit() else ""
    opening = f"{subject}: this is a draft{manner}."
    honest = "The demo model arranges the words it is given; a real model would write this freely."
    return " ".join([opening, *rest, honest])
