"""Values as MessagePack, in one step where that is possible, else with care.

ormsgpack walks a value and asks our hook about what it does not know. It does not ask about a dict
with other keys than text, nor say where a value is that it cannot pack. Then the careful walk
answers: it makes a plain value of everything, or finds the part that has no form.
"""

from collections.abc import Callable
from typing import Any

from ormsgpack import Ext, packb

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.values import kinds
from snakepit_bridge.values.binary import collecting
from snakepit_bridge.values.collar import OPTIONS, Collar
from snakepit_bridge.values.forms import LEAVES, Former, former_of
from snakepit_bridge.values.kinds import SEQUENCES, Extension
from snakepit_bridge.values.refusals import (
    DEEPEST,
    KEY,
    KEY_WITH_LONE_SURROGATE,
    LONE_SURROGATE,
    PART_OF_A_KEY,
    PATH_WITH_LONE_SURROGATE,
    TOO_DEEP,
    UnsupportedError,
    is_utf8,
    refused,
    step,
    type_name,
)
from snakepit_bridge.values.unknown import Unknown

Hook = Callable[[object], object]

# Extensions in extensions that the hook follows. Each starts ormsgpack's own count of 255 levels
# anew, and all of them together must not exhaust the stack of a thread.
DEEPEST_HOOK = 4
# Classes of which we remember how they are written; more are made at run time only by accident.
MOST_FORMERS = 1000

SMALLEST_INT = -(2**63)
LARGEST_INT = 2**64 - 1
PLAIN = frozenset({type(None), bool, float, bytes, bytearray, memoryview})
# Classes whose values hold no others.
FLAT = PLAIN | {str, *LEAVES}


class Writer:
    """Any thread may use it."""

    def __init__(self, unknown: Unknown) -> None:
        """`unknown` says what becomes of an object that has no form."""
        self._unknown = unknown
        self._formers: dict[type, Former | None] = {}
        hook: Hook = _too_deep
        for _ in range(DEEPEST_HOOK):
            hook = self._hook_above(hook)
        self._hook = hook
        # The record around the value takes a level.
        self._collar = Collar(DEEPEST + 1)

    def pack(self, record: list[Any]) -> bytes:
        """Raises `BridgeError` SERIALIZATION with the path and the type of what has no form."""
        try:
            packed = packb(record, self._hook, OPTIONS)
        except (TypeError, ValueError):
            return self._pack_with_care(record)
        # To nest too deep takes a byte per level, and a container in a container.
        if len(packed) > DEEPEST and _may_nest(record[2]) and not self._collar.fits(record):
            return self._pack_with_care(record)
        return packed

    def form(self, value: object) -> object:
        """An `Extension`, or a plain value that means the same. Raises `UnsupportedError`."""
        kind = type(value)
        try:
            former = self._formers[kind]
        except KeyError:
            former = former_of(kind)
            if len(self._formers) < MOST_FORMERS:
                self._formers[kind] = former
        if former is None:
            return self._unknown(value, None)
        try:
            return former(value)
        except UnsupportedError as error:
            return self._unknown(value, str(error))

    def _hook_above(self, inner: Hook) -> Hook:
        def hook(value: object) -> object:
            form = self.form(value)
            if form.__class__ is Extension:
                kind, content = form
                return Ext(kind, packb(content, inner, OPTIONS))
            return form

        return hook

    def _pack_with_care(self, record: list[Any]) -> bytes:
        if collecting.collector is not None:
            collecting.collector.begin()
        walked = [*record[:2], *(Walk(self).plain(value, 0) for value in record[2:])]
        return packb(walked, None, OPTIONS)


class Walk:
    """Through one value. Kept apart from the writer for its path."""

    def __init__(self, writer: Writer) -> None:
        self._form = writer.form
        self._path: list[object] = []
        # How long the path is of the outermost key that the value at hand is in.
        self._key_at: int | None = None

    def plain(self, value: object, depth: int) -> object:
        """The value with `Ext` in place of what MessagePack has no type for. `depth` is that of
        the containers around it. Raises `BridgeError` SERIALIZATION."""
        kind = type(value)
        if isinstance(value, memoryview) and not value.c_contiguous:
            return bytes(value)
        if kind in PLAIN:
            return value
        if isinstance(value, str) and kind is str:
            return self._text(value)
        if isinstance(value, int) and kind is int and SMALLEST_INT <= value <= LARGEST_INT:
            return value
        if isinstance(value, list) and kind is list:
            return self._items(value, value, depth)
        if isinstance(value, dict) and kind is dict:
            return self._map(value, value, depth)
        try:
            form = self._form(value)
        except UnsupportedError as error:
            raise self._refused(value, str(error)) from None
        if isinstance(form, Ext):  # in place of big data
            return form
        if isinstance(form, Extension):
            return Ext(form.kind, packb(self._content(value, form, depth), None, OPTIONS))
        return self.plain(form, depth)

    def _content(self, value: object, form: Extension, depth: int) -> object:
        content: Any = form.content
        if form.kind in SEQUENCES:
            return self._items(value, content, depth)
        if form.kind == kinds.OBJECT:
            name, fields = content
            return [name, self._map(value, fields, depth)]
        if form.kind == kinds.ENUM:
            type_name, name, inner = content
            self._deepen(value, depth)
            return [self._text(type_name), self._text(name), self._at("value", inner, depth)]
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str) and not is_utf8(part):
                is_path = form.kind == kinds.PATH
                raise self._refused(value, PATH_WITH_LONE_SURROGATE if is_path else LONE_SURROGATE)
        return content

    def _items(self, value: object, items: list[Any], depth: int) -> list[object]:
        self._deepen(value, depth)
        return [self._at(index, item, depth) for index, item in enumerate(items)]

    def _map(self, value: object, entries: dict[Any, Any], depth: int) -> object:
        self._deepen(value, depth)
        if all(type(key) is str for key in entries):
            for key in entries:
                if not is_utf8(key):
                    raise self._refused(value, KEY_WITH_LONE_SURROGATE)
            return {key: self._at(key, item, depth) for key, item in entries.items()}
        flat: list[object] = []
        for index, (key, item) in enumerate(entries.items()):
            flat.append(self._key(index, key, depth))
            flat.append(self._at(index, item, depth))
        return Ext(kinds.MAP, packb(flat, None, OPTIONS))

    def _key(self, index: int, key: object, depth: int) -> object:
        """At the same path as its item."""
        outer = self._key_at
        if outer is None:
            self._key_at = len(self._path) + 1
        plain = self._at(index, key, depth)
        self._key_at = outer
        return plain

    def _at(self, key: object, value: object, depth: int) -> object:
        self._path.append(key)
        plain = self.plain(value, depth + 1)
        self._path.pop()
        return plain

    def _text(self, text: str) -> str:
        if not is_utf8(text):
            raise self._refused(text, LONE_SURROGATE)
        return text

    def _deepen(self, value: object, depth: int) -> None:
        if depth >= DEEPEST:
            raise self._refused(value, TOO_DEEP)

    def _refused(self, value: object, why: str) -> BridgeError:
        path = "value" + "".join(map(step, self._path))
        return refused(path, type_name(type(value)), why, self._role())

    def _role(self) -> str:
        if self._key_at is None:
            return ""
        return KEY if self._key_at == len(self._path) else PART_OF_A_KEY


def _too_deep(_: object) -> object:
    raise UnsupportedError("stands in too many extensions for the hook")


def _may_nest(value: object) -> bool:
    """Whether it may be a container in a container."""
    if isinstance(value, dict):
        return not FLAT.issuperset(map(type, value.values()))
    if isinstance(value, list):
        return not FLAT.issuperset(map(type, value))
    return type(value) not in FLAT
