"""The type of an output, read from the words DSPy prints for it (`Literal['a', 'b']`,
`dict[str, list[str]]`), the JSON schema beside them, or XML's sample element."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "text", "integer", "number", "boolean", "null", "any", "date", "datetime",
    "choice", "list", "map", "tuple", "object", "union",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schema:
    kind: Kind
    choices: Sequence[Any] = ()
    items: Sequence["Schema"] = ()
    """A list's or map's one item type, a tuple's members, a union's options."""
    members: Mapping[str, "Schema"] = field(default_factory=dict)
    description: str = ""
    unique: bool = False

    @property
    def item(self) -> "Schema":
        return self.items[0] if self.items else TEXT

    @property
    def optional(self) -> bool:
        return self.kind == "null" or any(option.kind == "null" for option in self.items_of_union)

    @property
    def items_of_union(self) -> Sequence["Schema"]:
        return self.items if self.kind == "union" else ()


TEXT = Schema("text")
ANY = Schema("any")

_NAMES: Mapping[str, Schema] = {
    "str": TEXT,
    "int": Schema("integer"),
    "float": Schema("number"),
    "bool": Schema("boolean"),
    "NoneType": Schema("null"),
    "None": Schema("null"),
    "Any": ANY,
    "date": Schema("date"),
    "datetime": Schema("datetime"),
    "bytes": TEXT,
    "Code": TEXT,
    "Reasoning": TEXT,
}


def read_annotation(annotation: str, printed: object = None) -> Schema:
    """`printed` is the JSON schema, or the text of XML's sample element, where DSPy gave one."""
    if isinstance(printed, Mapping):
        return _from_json_schema(printed, printed.get("$defs", {}))
    sample = _sample(printed) if isinstance(printed, str) else None
    return _Reader(annotation, sample).read()


def _from_json_schema(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    if reference := schema.get("$ref"):
        target = definitions.get(str(reference).rsplit("/", 1)[-1], {})
        return _from_json_schema({**target, **_described(schema)}, definitions)
    description = str(schema.get("description", ""))
    if "const" in schema:
        return Schema("choice", choices=[schema["const"]], description=description)
    if "enum" in schema:
        return Schema("choice", choices=list(schema["enum"]), description=description)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        read = [_from_json_schema(option, definitions) for option in options]
        return Schema("union", items=read, description=description)
    kind = schema.get("type")
    if kind == "array":
        if prefix := schema.get("prefixItems"):
            members = [_from_json_schema(item, definitions) for item in prefix]
            return Schema("tuple", items=members, description=description)
        item = _from_json_schema(schema.get("items") or {}, definitions)
        unique = bool(schema.get("uniqueItems"))
        return Schema("list", items=[item], description=description, unique=unique)
    if kind == "object":
        if properties := schema.get("properties"):
            read_members = {n: _from_json_schema(s, definitions) for n, s in properties.items()}
            return Schema("object", members=read_members, description=description)
        value = schema.get("additionalProperties")
        item = _from_json_schema(value, definitions) if isinstance(value, Mapping) else ANY
        return Schema("map", items=[item], description=description)
    if kind == "string":
        dates: Mapping[Any, Kind] = {"date": "date", "date-time": "datetime"}
        return Schema(dates.get(schema.get("format"), "text"), description=description)
    simple: Mapping[Any, Kind] = {
        "integer": "integer", "number": "number", "boolean": "boolean", "null": "null",
    }  # fmt: skip
    return Schema(simple.get(kind, "any"), description=description)


def _described(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"]} if "description" in schema else {}


def _sample(inner: str) -> Schema | None:
    """XML's sample shows names and nesting, no types: every leaf is taken for text."""
    try:
        return _from_sample(ElementTree.fromstring(f"<root>{inner}</root>"))
    except ElementTree.ParseError:
        return None


def _from_sample(element: ElementTree.Element) -> Schema:
    children = list(element)
    if not children:
        return ANY
    if [child.tag for child in children] == ["item"]:
        return Schema("list", items=[_from_sample(children[0])])
    return Schema("object", members={child.tag: _from_sample(child) for child in children})


class _Reader:
    """Recursive descent over DSPy's spelling of a type."""

    _token = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\w.\-]+|[\[\],|])""")

    def __init__(self, text: str, sample: Schema | None) -> None:
        self._tokens = self._token.findall(text)
        self._at = 0
        self._sample = sample

    def read(self) -> Schema:
        options = [self._one()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._one())
        return options[0] if len(options) == 1 else Schema("union", items=options)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _one(self) -> Schema:
        name = self._next().rsplit(".", 1)[-1]
        if self._peek() != "[":
            return _NAMES.get(name) or self._sample_object() or ANY
        self._at += 1
        if name == "Literal":
            return Schema("choice", choices=self._literals())
        arguments = self._arguments()
        match name:
            case "Optional":
                return Schema("union", items=[*arguments, Schema("null")])
            case "Union":
                return Schema("union", items=arguments)
            case "dict" | "Dict":
                return Schema("map", items=arguments[-1:])
            case "tuple" | "Tuple":
                return Schema("tuple", items=arguments)
            case _:
                return Schema("list", items=arguments[:1], unique=name in ("set", "frozenset"))

    def _sample_object(self) -> Schema | None:
        sample = self._sample
        while sample is not None and sample.kind == "list":
            sample = sample.item
        return sample if sample is not None and sample.kind == "object" else None

    def _arguments(self) -> list[Schema]:
        found = []
        while self._peek() not in ("]", ""):
            found.append(self.read())
            if self._peek() == ",":
                self._at += 1
        self._at += 1
        return found

    def _literals(self) -> list[Any]:
        found: list[Any] = []
        while (token := self._next()) not in ("]", ""):
            if token == ",":
                continue
            if token[0] in "'\"":
                found.append(re.sub(r"\\(.)", r"\1", token[1:-1]))
            elif token in ("True", "False", "None", "NoneType"):
                found.append({"True": True, "False": False}.get(token))
            else:
                found.append(int(token) if token.lstrip("-").isdigit() else token)
        return found
