"""Takes a model's answer apart while it is being written: which text belongs to which field.

DSPy's own `StreamListener` loses what follows a `[[` in a text, leaves JSON and XML escapes in
place, and tells nothing about an answer that arrives in one piece. The splitters here give exactly
the characters of the value that DSPy parses out of the complete answer.
"""

import html
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Literal

AdapterName = Literal["chat", "json", "xml"]

ADAPTER_NAMES: tuple[AdapterName, ...] = ("chat", "json", "xml")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of one field. `complete` says that `text` is the whole raw text of a field that is
    not streamed."""

    field: str
    text: str
    complete: bool = False


class FieldSplitter(ABC):
    """`texts` are streamed as they come, `values` given in one piece when they are complete."""

    def __init__(self, texts: Set[str], values: Set[str]) -> None:
        self._texts = texts
        self._values = values
        self._seen: set[str] = set()

    @abstractmethod
    def feed(self, text: str) -> Iterator[Piece]:
        """What became certain with this piece of the answer."""

    def _begin(self, name: str) -> str | None:
        """The field, unless it is unknown or was there before: DSPy takes the first of each."""
        if name in self._seen or (name not in self._texts and name not in self._values):
            return None
        self._seen.add(name)
        return name


def splitter_for(adapter: AdapterName, texts: Set[str], values: Set[str]) -> FieldSplitter:
    if adapter == "json":
        return JsonSplitter(texts, values)
    return XmlSplitter(texts, values) if adapter == "xml" else ChatSplitter(texts, values)


def split_answer(adapter: AdapterName, answer: str, names: Set[str]) -> dict[str, str]:
    """The raw text of each field that a complete answer holds."""
    splitter = splitter_for(adapter, frozenset(), names)
    end = "\n[[ ## completed ## ]]\n" if adapter == "chat" else ""
    return {piece.field: piece.text for piece in splitter.feed(answer + end)}


class _Trimmer:
    """Streams a value without the white space around it, which DSPy strips."""

    def __init__(self) -> None:
        self._held = ""
        self._started = False

    def push(self, text: str) -> str:
        text = self._held + text
        if not self._started:
            text = text.lstrip()
        kept = text.rstrip()
        self._held = text[len(kept) :]
        self._started = self._started or bool(kept)
        return kept


class _LineEnds:
    """DSPy's parsers know several ends of lines and make a newline of each."""

    def __init__(self, ends: re.Pattern[str]) -> None:
        self._ends = ends
        self._held = ""

    def read(self, text: str) -> str:
        text = self._held + text
        # The other half of a carriage return and newline may be on its way.
        readable = len(text) - text.endswith("\r")
        self._held = text[readable:]
        return self._ends.sub("\n", text[:readable])


class ChatSplitter(FieldSplitter):
    """`[[ ## name ## ]]` at the beginning of a line starts a field."""

    _header = re.compile(r"^[^\S\n]*\[\[ ## (\w+) ## \]\]", re.MULTILINE)
    # A last line that may still become a header.
    _partial = re.compile(
        r"[^\S\n]*(\[(\[( (#(#( (\w+( (#(#( (\]\]?)?)?)?)?)?)?)?)?)?)?)?)?",
    )

    def __init__(self, texts: Set[str], values: Set[str]) -> None:
        super().__init__(texts, values)
        self._lines = _LineEnds(re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"))
        self._pending = ""
        self._at_line_start = True
        self._field: str | None = None
        self._trimmer = _Trimmer()
        self._value = ""

    def feed(self, text: str) -> Iterator[Piece]:
        self._pending += self._lines.read(text)
        while (header := self._find_header()) is not None:
            yield from self._take(self._pending[: header.start()])
            yield from self._end()
            self._field = self._begin(header[1])
            self._pending = self._pending[header.end() :]
            self._at_line_start = False
        keep = self._uncertain_from()
        certain, self._pending = self._pending[:keep], self._pending[keep:]
        if certain:
            self._at_line_start = certain.endswith("\n")
            yield from self._take(certain)

    def _find_header(self) -> re.Match[str] | None:
        for match in self._header.finditer(self._pending):
            if match.start() > 0 or self._at_line_start:
                return match
        return None

    def _uncertain_from(self) -> int:
        line_start = self._pending.rfind("\n") + 1
        if line_start == 0 and not self._at_line_start:
            return len(self._pending)
        if self._partial.fullmatch(self._pending, line_start):
            return line_start
        return len(self._pending)

    def _take(self, text: str) -> Iterator[Piece]:
        if self._field is None:
            return
        if self._field not in self._texts:
            self._value += text
        elif kept := self._trimmer.push(text):
            yield Piece(self._field, kept)

    def _end(self) -> Iterator[Piece]:
        if self._field is not None and self._field in self._values:
            yield Piece(self._field, self._value.strip(), complete=True)
        self._value = ""
        self._trimmer = _Trimmer()


class XmlSplitter(FieldSplitter):
    """`<name>` to `</name>`, texts with XML's escapes."""

    def __init__(self, texts: Set[str], values: Set[str]) -> None:
        super().__init__(texts, values)
        names = "|".join(sorted(map(re.escape, texts | values)))
        self._open = re.compile(rf"<({names})\s*(/?)>")
        self._lines = _LineEnds(re.compile(r"\r\n?"))
        self._pending = ""
        self._field: str | None = None
        self._trimmer = _Trimmer()

    def feed(self, text: str) -> Iterator[Piece]:
        self._pending += self._lines.read(text)
        while True:
            if self._field is None:
                opening = self._open.search(self._pending)
                if opening is None:
                    # Only an unfinished tag matters from here on.
                    self._pending = self._pending[max(self._pending.rfind("<"), 0) :]
                    return
                self._pending = self._pending[opening.end() :]
                name = self._begin(opening[1])
                if name is not None and opening[2]:
                    yield from self._whole(name, "")
                elif name is not None:
                    self._field = name
                    self._trimmer = _Trimmer()
                continue
            closing = f"</{self._field}>"
            end = self._pending.find(closing)
            if end < 0:
                yield from self._certain(closing)
                return
            yield from self._whole(self._field, self._pending[:end])
            self._pending = self._pending[end + len(closing) :]
            self._field = None

    def _whole(self, name: str, raw: str) -> Iterator[Piece]:
        if name in self._values:
            # Nested elements keep their escapes until somebody reads them.
            text = raw if "<" in raw else html.unescape(raw)
            yield Piece(name, text.strip(), complete=True)
        elif kept := self._trimmer.push(html.unescape(raw)):
            yield Piece(name, kept)

    def _certain(self, closing: str) -> Iterator[Piece]:
        """Everything but the beginning of the closing tag or of an escape."""
        if self._field not in self._texts or self._field is None:
            return
        keep = len(self._pending)
        tag = self._pending.rfind("<")
        if tag >= 0 and closing.startswith(self._pending[tag:]):
            keep = tag
        escape = self._pending.rfind("&", 0, keep)
        if escape >= 0 and ";" not in self._pending[escape:keep] and keep - escape < 12:
            keep = escape
        certain, self._pending = self._pending[:keep], self._pending[keep:]
        if kept := self._trimmer.push(html.unescape(certain)):
            yield Piece(self._field, kept)


class JsonSplitter(FieldSplitter):
    """The members of the first object in the answer; texts with JSON's escapes undone."""

    _string_part = re.compile(r'[^"\\]+|\\(?:u[0-9a-fA-F]{4}|[^u])')
    _high_surrogate = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")

    def __init__(self, texts: Set[str], values: Set[str]) -> None:
        super().__init__(texts, values)
        self._pending = ""
        self._state: Literal["before", "key", "value", "text", "after"] = "before"
        self._field: str | None = None

    def feed(self, text: str) -> Iterator[Piece]:
        self._pending += text
        while True:
            before = (self._state, len(self._pending))
            yield from self._step()
            if before == (self._state, len(self._pending)):
                return

    def _step(self) -> Iterator[Piece]:
        if self._state == "before":
            start = self._pending.find("{")
            self._pending = self._pending[start + 1 :] if start >= 0 else ""
            self._state = "key" if start >= 0 else "before"
        elif self._state == "key":
            self._read_key()
        elif self._state == "value":
            yield from self._read_value()
        elif self._state == "text":
            yield from self._read_text()

    def _read_key(self) -> None:
        self._pending = self._pending.lstrip(" \t\r\n,")
        if self._pending.startswith("}"):
            self._state = "after"
            return
        match = re.match(r'("(?:[^"\\]|\\.)*")\s*:\s*(?=\S)', self._pending)
        if match is not None:
            self._field = self._begin(_loads(match[1]))
            self._pending = self._pending[match.end() :]
            streamed = self._field in self._texts and self._pending.startswith('"')
            self._state = "text" if streamed else "value"
            if streamed:
                self._pending = self._pending[1:]

    def _read_value(self) -> Iterator[Piece]:
        end = _value_end(self._pending)
        if end is None:
            return
        raw, self._pending = self._pending[:end].strip(), self._pending[end:]
        self._state = "key"
        if self._field in self._values and self._field is not None:
            value = _loads(raw) if raw.startswith('"') else raw
            yield Piece(self._field, value, complete=True)

    def _read_text(self) -> Iterator[Piece]:
        position = 0
        while position < len(self._pending):
            if self._pending[position] == '"':
                yield from self._text(position)
                self._pending = self._pending[1:]
                self._state = "key"
                return
            part = self._string_part.match(self._pending, position)
            if part is None:
                break  # an unfinished escape
            if self._high_surrogate.fullmatch(part[0]):
                # Half a character: its other half must be here before it can be told.
                other = self._string_part.match(self._pending, part.end())
                if other is None:
                    break
                part = other
            position = part.end()
        yield from self._text(position)

    def _text(self, end: int) -> Iterator[Piece]:
        raw, self._pending = self._pending[:end], self._pending[end:]
        if raw and self._field is not None:
            yield Piece(self._field, _loads(f'"{raw}"'))


def _loads(text: str) -> str:
    try:
        # `strict=False` lets real line breaks stand in a text, as models write them.
        return str(json.loads(text, strict=False))
    except ValueError:
        return text.strip('"')


def _value_end(text: str) -> int | None:
    """Where a complete JSON value ends that is followed by a comma or the object's end."""
    depth = 0
    in_string = False
    escaped = False
    for position, character in enumerate(text):
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
        elif character in "]}" and depth > 0:
            depth -= 1
        elif depth == 0 and character in ",}":
            return position
    return None
