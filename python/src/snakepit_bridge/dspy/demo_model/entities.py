"""Finds names, dates, amounts, addresses in a text, by their form and by the words around them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .text import STOP_WORDS, sentences, stem, word_list, words

EntityKind = Literal[
    "person", "organisation", "place", "product", "name", "date", "time", "duration", "money",
    "percentage", "number", "email", "url", "phone", "identifier", "hashtag",
]  # fmt: skip

NAMED: frozenset[EntityKind] = frozenset({"person", "organisation", "place", "product", "name"})


@dataclass(frozen=True, slots=True)
class Entity:
    text: str
    kind: EntityKind
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_KIND_WORDS: Mapping[EntityKind, str] = {
    "person": """people person persons human humans name names author authors employee employees
        customer customers individual individuals per who contact speaker attendee participant
        founder ceo manager recipient sender assignee owner character actor""",
    "organisation": """organisation organisations organization organizations org orgs company
        companies business businesses institution institutions employer vendor vendors team
        corporation brand agency university school""",
    "place": """place places location locations city cities country countries town region regions
        address where gpe loc destination venue state""",
    "product": """product products item items brand device devices tool tools software app apps
        service services technology technologies""",
    "date": "date dates day days when deadline deadlines birthday year years month datetime due",
    "time": "time times hour hours clock",
    "duration": "duration durations length period periods timespan",
    "money": """money amount amounts price prices cost costs currency monetary total fee fees sum
        salary budget payment revenue""",
    "percentage": "percentage percentages percent rate rates share",
    "number": "number numbers quantity quantities count figure figures integer numeric value",
    "email": "email emails e-mail e-mails mail mails",
    "url": "url urls link links website websites site uri web",
    "phone": "phone phones telephone phonenumber mobile fax tel",
    "identifier": "identifier identifiers id ids reference references ticket order invoice code",
    "hashtag": "hashtag hashtags tag",
}
_KINDS_BY_STEM: Mapping[str, EntityKind] = {
    stem(word): kind for kind, listed in _KIND_WORDS.items() for word in listed.split()
}


def kind_named(name: str) -> EntityKind | None:
    """The kind that a type's or a field's name means: `companies` -> organisation."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ")
    found = [_KINDS_BY_STEM.get(stem(word)) for word in words(spaced)]
    # `company_name` is a company, `email_address` no place: the less general word decides.
    known = {kind for kind in found if kind is not None}
    return next((kind for kind in _LEAST_GENERAL_FIRST if kind in known), None)


_LEAST_GENERAL_FIRST: Sequence[EntityKind] = (
    "email", "url", "phone", "hashtag", "money", "percentage", "duration", "time", "date",
    "organisation", "product", "place", "person", "identifier", "number",
)  # fmt: skip

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_AMOUNT = r"\d+(?:[.,]\d{3})*(?:[.,]\d+)?"
_SCALE = r"(?:\s?(?:thousand|million|billion|trillion|[kKmM](?![\w])|bn|mn))?"
_COUNTED = (
    r"(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|fifty|sixty|ninety|hundred|half an?)"
)

# In this order: what an earlier pattern took, a later one cannot have.
_PATTERNS: tuple[tuple[EntityKind, re.Pattern[str]], ...] = (
    (
        "url",
        re.compile(r"\bhttps?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]|\bwww\.[\w.-]+\.\w{2,}[\w/]*"),
    ),
    ("email", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")),
    ("identifier", re.compile(r"(?<!\w)#\d+\b|\b[A-Z]{2,}[-_]?\d{3,}[A-Z\d-]*\b")),
    (
        "date",
        re.compile(
            rf"\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b"
            rf"|\b(?:{_WEEKDAY},? )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}})?\b"
            rf"|\b(?:{_WEEKDAY},? )?{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?"
            rf"|\b{_MONTH},? (?:of )?\d{{4}}\b"
            rf"|\b(?:[Nn]ext |[Ll]ast |this )?{_WEEKDAY}\b"
            rf"|\b(?:[Yy]esterday|[Tt]omorrow|[Tt]oday)\b"
            rf"|\bQ[1-4](?: \d{{4}})?\b"
            rf"|(?<=\bin )(?:January|February|March|April|May|June|July|August|September|October"
            rf"|November|December)\b"
            rf"|\b(?:1[5-9]|20)\d\d\b(?!\s?(?:%|percent|people|users|euros?|dollars?|units|pages))"
        ),
    ),
    (
        "time",
        re.compile(
            r"\b\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]m\b|\bnoon\b"
            r"|\bmidnight\b"
        ),
    ),
    (
        "money",
        re.compile(
            rf"(?:US|A|C|NZ)?[$\u20ac\u00a3\u00a5\u20b9]\s?{_AMOUNT}{_SCALE}"
            rf"|\b(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD)\s?{_AMOUNT}{_SCALE}"
            rf"|\b{_AMOUNT}{_SCALE}\s?(?:[$\u20ac\u00a3\u00a5\u20b9]|(?:USD|EUR|GBP|CHF|JPY|INR|euros?|dollars?"
            rf"|pounds?|francs?|cents?|yen|rupees?)\b)"
        ),
    ),
    ("percentage", re.compile(r"\b\d+(?:[.,]\d+)?\s?(?:%|percent\b|per cent\b)")),
    (
        "duration",
        re.compile(
            rf"\b{_COUNTED}(?:\s?-?\s?(?:to|or)\s{_COUNTED})?[ -](?:business |working )?"
            r"(?:milli)?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies))\b",
            re.IGNORECASE,
        ),
    ),
    ("phone", re.compile(r"(?<![\w/-])\+?\(?\d{2,4}\)?(?:[ /.-]\(?\d{2,5}\)?){1,4}(?![\w-])")),
    ("hashtag", re.compile(r"(?<!\w)#[A-Za-z]\w+")),
    ("number", re.compile(r"(?<![\w.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d)")),
)

_CAPITALISED = r"(?:[A-Z\u00c0-\u00de][\w\u00c0-\u024f'\u2019&-]*|[a-z]{1,2}[A-Z]\w+)"
_NAME = re.compile(
    rf"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )?{_CAPITALISED}"
    rf"(?:(?: (?:of|de|la|van|von|der|den|bin|al|du|del)(?: the)?| &)?"
    rf" (?:{_CAPITALISED}|[A-Z]\.|\d+\b)"
    rf"| [A-Z]\.(?= [A-Z]))*"
)

_ORGANISATION_WORDS = frozenset(
    word_list(
        """inc corp corporation ltd limited llc plc gmbh ag sa bv company co group holding holdings
        bank university college institute institution school academy laboratories labs lab
        hospital clinic foundation association society council committee commission ministry
        department agency bureau authority parliament senate court union federation league club
        airlines airways motors systems technologies technology software solutions industries
        partners ventures capital press times post news museum trust network consulting
        logistics pharmaceuticals electronics energy robotics studios entertainment insurance
        telecom works brothers sons services dynamics analytics"""
    )
)
_PLACE_WORDS = frozenset(
    word_list(
        """city town village county province state republic kingdom street avenue road square lane
        boulevard park river lake sea ocean bay mount mountain mountains island islands valley
        desert forest coast beach bridge airport station harbour harbor north south east west
        peninsula district region territory hills falls canyon castle"""
    )
)
_OF_WORDS = frozenset(
    word_list(
        """republic kingdom state university house board chamber isle bay gulf cape city department
        faculty order museum tower lord duke house office"""
    )
)
# Names of countries, continents and some large cities: what kind of thing they name, nothing else.
_PLACE_NAMES = frozenset(
    word_list(
        """afghanistan africa albania algeria america amsterdam antarctica argentina armenia asia
        athens atlanta australia austria bangalore bangladesh barcelona beijing belgium berlin
        birmingham bolivia boston brazil britain brussels budapest bulgaria cairo california
        cambodia canada chicago chile china cologne colombia copenhagen croatia cuba cyprus
        dallas delhi denmark denver detroit dubai dublin ecuador edinburgh egypt england estonia
        ethiopia europe finland florence florida france frankfurt geneva georgia germany ghana
        glasgow greece greenland guatemala hamburg hanoi helsinki honduras houston hungary
        iceland india indonesia iran iraq ireland israel istanbul italy jakarta jamaica japan
        jordan karachi kazakhstan kenya korea kuwait kyiv lagos laos latvia lebanon leipzig
        libya lima lisbon lithuania liverpool london luxembourg lyon madrid malaysia mali malta
        manchester manila marseille melbourne mexico miami milan moldova mongolia montreal
        morocco moscow mozambique mumbai munich myanmar nairobi namibia naples nepal netherlands
        nicaragua nigeria norway oakland osaka oslo oxford pakistan panama paraguay paris peru
        philadelphia philippines poland porto portland portugal prague qatar romania rome
        rotterdam russia rwanda salzburg scotland seattle senegal seoul serbia shanghai siberia
        singapore slovakia slovenia somalia spain stockholm stuttgart sudan sweden switzerland
        sydney syria taiwan tanzania texas thailand tokyo toronto tunisia turin turkey uganda
        ukraine uruguay usa uzbekistan valencia vancouver venezuela venice vienna vietnam wales
        warsaw yemen yorkshire zambia zimbabwe zurich"""
    )
)
_PLACES_OF_TWO_WORDS = frozenset(
    " ".join(name.split())
    for name in [
        "new york",
        " new zealand",
        " new delhi",
        " new orleans",
        " new jersey",
        " new mexico",
        " south africa",
        " south\n    korea",
        " north korea",
        " saudi arabia",
        " sri lanka",
        " costa rica",
        " puerto rico",
        " united states",
        "\n    united kingdom",
        " united arab emirates",
        " los angeles",
        " san francisco",
        " san diego",
        " las vegas",
        "\n    hong kong",
        " buenos aires",
        " rio de janeiro",
        " sao paulo",
        " mexico city",
        " cape town",
        " tel aviv",
        " el\n    salvador",
        " czech republic",
        " south america",
        " north america",
        " silicon valley",
        " st petersburg",
        "\n    saint petersburg",
        " kuala lumpur",
        " ho chi minh city",
    ]
)
_GIVEN_NAMES = frozenset(
    word_list(
        """aaron abdul ada adam ahmed aisha alan albert alex alexander alexandra ali alice amanda
        amelia amy ana andrea andrew angela anita anna anne anthony antonio arthur astrid
        barbara ben benjamin bernard beth bill bob brian bruce camille carl carla carlos carmen
        caroline catherine charles charlotte chen chloe chris christian christina christopher
        claire clara claudia colin dan daniel david deborah dennis diana diego dmitri donald
        dorothy edward elena eli elias elizabeth ella ellen emily emma eric erik ethan eva
        evelyn fatima felix fiona frank franz fred gabriel george gloria grace greta guido
        hannah hans harry hassan heather heidi helen helena henry hiroshi hugo ian ibrahim igor
        ines ingrid irene isaac isabel isabella ivan jack jacob jakob james jan jane janet jason
        jean jeff jennifer jessica jim joan joanna joe johan johann johanna john jonas jonathan
        jorge jose joseph joshua juan julia julian julie karen karin karl kate katherine kathy
        keith kenji kevin kim klaus kumar lara larry laura lauren lea lena leo leon leonardo li
        liam lin linda lisa louis lucas lucia lucy luis luisa luka lukas magnus manuel marcel
        marco margaret maria marie marina mario mark markus marta martha martin mary mateo
        matthew max maya mei melissa michael michelle miguel mike mila miriam mohamed mohammed
        monica nadia nancy naomi natalia nathan nicholas nicole nina noah nora olga oliver
        olivia omar oscar pablo patricia patrick paul paula pedro peter philip pierre priya
        rachel rafael raj ralph raymond rebecca richard robert roberto rosa rosalind ruth ryan
        sam samantha samir samuel sandra sara sarah scott sean sergei sharon simon sofia sonia
        sophia sophie stefan stella stephen steve steven sunita susan suzanne sven tanya tara
        ted teresa theo thomas tim tina tom tomas tony ursula valentina vera victor victoria
        vincent viktor walter wei wendy werner william yara yuki yusuf zoe"""
    )
)
_ROLES = re.compile(
    r"\b(?:CEO|CTO|CFO|COO|president|chancellor|minister|manager|director|engineer|doctor|professor"
    r"|founder|author|chairman|chairwoman|chair|designer|colleague|boss|teacher|artist|singer|actor"
    r"|writer|scientist|researcher|nurse|lawyer|friend|brother|sister|son|daughter|wife|husband"
    r"|analyst|journalist|coach|captain|judge|mayor|senator|king|queen|by)\s+$",
    re.IGNORECASE,
)
_BEFORE_PLACE = re.compile(
    r"\b(?:in|near|around|visit(?:ed|ing|s)?|across|outside|leaving|reached|towards?|via"
    r"|(?:mov|fl|flew|flown|drov|driv|travel|went|go|going|came|com|return|walk|ship|sail|mail|head|relocat"
    r"|deliver|send|train|flight|trip|journey|road|way|mayor|city)\w* (?:\w+ )?(?:from|to))\s+"
    r"(?:the\s+)?$"
)
_BEFORE_ORGANISATION = re.compile(
    r"\b(?:at|for|from|to|joined|joins|left|with|acquired|buys?|bought|founded|of|by|against|sued"
    r"|invested in)\s+"
    r"(?:the\s+)?$"
)
_BEFORE_PRODUCT = re.compile(
    r"\b(?:launched|launches|launch|released|releases|unveiled|unveils|introduced|introduces|using|called"
    r"|uses?|ordered|purchased|bought|the new|a new|my new|version of|upgrade to|named|presented"
    r"|announced|sells?|sold)\s+(?:the\s+|an?\s+)?(?:new\s+)?$",
    re.IGNORECASE,
)
_AFTER_PERSON = re.compile(
    r"^,?\s+(?:said|says|told|asked|wrote|met|lives|lived|died|was born|who|himself|herself|thinks"
    r"|believes|added|explained|joined|called|emailed|reported|visited|works|worked|invented|painted"
    r"|moved|asks|wants|paid|sent|signed|and (?:his|her)\b)"
    r"|^'s (?:wife|husband|mother|father|boss|team)"
)
_AFTER_ORGANISATION = re.compile(
    r"^,?\s+(?:announced|acquired|launched|released|unveiled|reported|hired|sells|employs|raised"
    r"|plans to|sued|agreed|posted|bought|shares|stock|will (?:open|launch|release)|opened|produces"
    r"|manufactures|, (?:a|the) (?:company|firm|startup|maker))"
    r"|^'s (?:CEO|shares|revenue|profit|board|new|headquarters|founder|stock)"
)
_AFTER_PRODUCT = re.compile(
    r"^\s+(?:app|software|phone|laptop|headphones|model|version|\d+(?:\.\d+)*\b)"
)

# Capitalised at the beginning of a sentence, and no names.
_ORDINARY = STOP_WORDS | frozenset(
    word_list(
        """the a hello hi dear thanks thank regards sincerely best yours according although however
        meanwhile yesterday today tomorrow monday tuesday wednesday thursday friday saturday
        sunday january february march april may june july august september october november
        december maybe perhaps unfortunately finally first second third last next new old good
        great bad big small many several some people customers users everyone somebody someone
        nobody everything nothing something two three four five six seven eight nine ten there
        here then than both during despite since until unless yes ok okay sorry question answer
        note also still even well english german french spanish italian chinese japanese
        american british european buy sell send call write read open close add remove delete
        show find tell give take make see use try help let order invoice total date subject from
        regarding re mr mrs ms dr prof sir madam internet api app pdf csv html url ceo cto cfo
        vat usa faq am pm eur usd gbp sales revenue profit support shipping delivery battery
        screen price love hate absolutely never always please summary introduction conclusion
        section chapter page figure table"""
    )
) - {"usa"}


def find_entities(text: str) -> list[Entity]:
    """In the order of the text, none overlapping."""
    taken: list[Entity] = []
    covered = bytearray(len(text))
    for kind, pattern in _PATTERNS[:-1]:
        _take(taken, covered, ((m.group(), kind, m.start()) for m in pattern.finditer(text)))
    _take(taken, covered, _names(text, covered))
    kind, pattern = _PATTERNS[-1]
    _take(taken, covered, ((m.group(), kind, m.start()) for m in pattern.finditer(text)))
    return sorted(_consistent(taken), key=lambda entity: entity.start)


def _take(
    taken: list[Entity], covered: bytearray, found: Iterable[tuple[str, EntityKind, int]]
) -> None:
    for text, kind, start in found:
        trimmed = text.strip()
        begin = start + text.index(trimmed) if trimmed else start
        if trimmed and not any(covered[begin : begin + len(trimmed)]):
            taken.append(Entity(trimmed, kind, begin))
            covered[begin : begin + len(trimmed)] = b"\x01" * len(trimmed)


def _names(text: str, covered: bytearray) -> list[tuple[str, EntityKind, int]]:
    starts = _sentence_starts(text)
    inside = set(re.findall(rf"(?<=[a-z,;] ){_CAPITALISED}", text))
    found: list[tuple[str, EntityKind, int]] = []
    for match in _NAME.finditer(text):
        acting = _acts(text[match.end() :][:32])
        for name, start in (
            part
            for whole, begin in _split_at_of(match.group(), match.start())
            for part in _parts(whole, begin, set() if acting else starts, inside)
        ):
            if not any(covered[start : start + len(name)]):
                before, after = text[max(0, start - 32) : start], text[start + len(name) :][:32]
                found.append((name, _kind_of(name, before, after), start))
    return found


def _acts(after: str) -> bool:
    """What announces, says or sues is somebody, also at the beginning of a sentence."""
    return bool(_AFTER_PERSON.match(after) or _AFTER_ORGANISATION.match(after))


def _split_at_of(name: str, start: int) -> Iterable[tuple[str, int]]:
    """`University of Oslo` is one name, `Maria of Acme` two."""
    for match in re.finditer(r" of (?:the )?", name):
        before = name[: match.start()].rsplit(" ", 1)[-1].lower()
        if before in _ORGANISATION_WORDS or before.rstrip("s") in _OF_WORDS:
            continue
        yield name[: match.start()], start
        yield from _split_at_of(name[match.end() :], start + match.end())
        return
    yield name, start


def _sentence_starts(text: str) -> set[int]:
    starts = set()
    position = 0
    for sentence in sentences(text):
        position = text.index(sentence, position)
        opening = re.match(r"[\s\"'(\u201c\u2018\[*\u2022-]*", sentence)
        starts.add(position + (opening.end() if opening else 0))
        position += len(sentence)
    return starts


def _parts(name: str, start: int, starts: set[int], inside: set[str]) -> Iterable[tuple[str, int]]:
    """The name without an ordinary word that only begins its sentence, and without a possessive."""
    pieces = name.split(" ")
    if " ".join(pieces[:2]).lower() in _PLACES_OF_TWO_WORDS:
        yield " ".join(pieces[:2]), start
        start += len(" ".join(pieces[:2])) + 1
        pieces = pieces[2:]
    while pieces and pieces[0].lower().rstrip("'\u2019s.") in _ORDINARY | {""}:
        title = pieces[0].rstrip(".") in ("Mr", "Mrs", "Ms", "Dr", "Prof")
        if title and len(pieces) > 1:
            break
        if pieces[0].isupper() and len(pieces[0]) > 1 and pieces[0].lower() not in _ORDINARY:
            break
        start += len(pieces[0]) + 1
        pieces = pieces[1:]
    while pieces and (pieces[-1].lower() in _ORDINARY or pieces[-1].lower() in ("of", "the")):
        pieces = pieces[:-1]
    if not pieces or (pieces[0].isdigit()):
        return
    cleaned = re.sub(r"['\u2019]s?$|['\u2019-]+$", "", " ".join(pieces))
    if len(cleaned) < 2:
        return
    first = pieces[0]
    lower = first.lower().rstrip("'s")
    if start in starts and len(pieces) == 1 and not _certainly_a_name(cleaned, inside):
        return
    if start in starts and len(pieces) > 1 and lower not in _GIVEN_NAMES and first not in inside:
        rest = " ".join(pieces[1:])
        # `Yesterday Maria called`: a first word that looks like a participle or an adverb.
        if re.search(r"(?:ing|ed|ly)$", first) and rest[:1].isupper():
            yield re.sub(r"['\u2019]s?$", "", rest), start + len(first) + 1
            return
    yield cleaned, start


def _certainly_a_name(name: str, inside: set[str]) -> bool:
    lower = name.lower()
    return (
        name in inside
        or lower in _GIVEN_NAMES
        or lower in _PLACE_NAMES
        or any(c.isupper() for c in name[1:])
        or any(c.isdigit() for c in name)
        or (len(name) > 3 and not _looks_ordinary(lower))
    )


def _looks_ordinary(word: str) -> bool:
    """A word that English forms regularly; a made-up name such as `Zentro` is not one."""
    return (
        bool(
            re.search(
                r"(?:ing|ed|ly|tion|sion|ment|ness|ers?|ies|able|ible|ful|less|ous|ive|al|es|ts|ks|ns|ds)$",
                word,
            )
        )
        or len(word) < 6
    )


def _kind_of(name: str, before: str, after: str) -> EntityKind:
    lower = [re.sub(r"[.,]$", "", piece).lower() for piece in name.split(" ")]
    if " ".join(lower) in _PLACES_OF_TWO_WORDS or (len(lower) == 1 and lower[0] in _PLACE_NAMES):
        return "place"
    if lower[0] in ("mr", "mrs", "ms", "dr", "prof"):
        return "person"
    if lower[-1] in _ORGANISATION_WORDS or (lower[0] in ("university", "bank", "ministry")):
        return "organisation"
    if lower[0] in _GIVEN_NAMES and not any(character.isdigit() for character in name):
        return "person"
    if lower[-1] in _PLACE_WORDS or lower[0] in ("mount", "lake", "river", "port", "san", "saint"):
        return "place"
    if any(character.isdigit() for character in name) or _AFTER_PRODUCT.match(after):
        return "product"
    if _ROLES.search(before) or _AFTER_PERSON.match(after):
        return "organisation" if name.isupper() else "person"
    if _AFTER_ORGANISATION.match(after):
        return "organisation"
    if _BEFORE_PRODUCT.search(before):
        return "product"
    if name.isupper() and 2 <= len(name) <= 6:
        return "organisation"
    if _BEFORE_PLACE.search(before) and len(lower) <= 3:
        return "place"
    if _BEFORE_ORGANISATION.search(before):
        return "organisation"
    if re.fullmatch(r"[a-z]{1,2}[A-Z]\w+", name):
        return "product"
    if len(lower) in (2, 3) and all(piece.isalpha() for piece in lower):
        return "person"
    return "name"


def _consistent(found: Sequence[Entity]) -> list[Entity]:
    """One name, one kind: what the words around one mention tell holds for the others, and a
    surname alone is the person whose full name was given."""
    kinds: dict[str, EntityKind] = {}
    for entity in found:
        if entity.kind in NAMED and kinds.get(entity.text, "name") == "name":
            kinds[entity.text] = entity.kind
    persons = [text for text, kind in kinds.items() if kind == "person" and " " in text]
    for text, kind in kinds.items():
        if kind != "person" and any(text in person.split(" ") for person in persons):
            kinds[text] = "person"
    return [
        Entity(
            entity.text, kinds[entity.text] if entity.kind in NAMED else entity.kind, entity.start
        )
        for entity in found
    ]


def of_kind(entities: Iterable[Entity], kind: EntityKind) -> list[str]:
    """The distinct texts of one kind in the order of the text. A name that is only a part of a
    longer one is not told twice."""
    texts = list(dict.fromkeys(entity.text for entity in entities if entity.kind == kind))
    if kind != "person":
        return texts
    return [t for t in texts if not any(t != other and t in other.split(" ") for other in texts)]
