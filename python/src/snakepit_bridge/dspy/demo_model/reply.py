"""Writes the answers as DSPy's adapters expect them."""

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from .prompt import Task
from .schema import Schema

# Characters that XML 1.0 cannot carry, escaped or not.
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_reply(task: Task, answers: Mapping[str, Any]) -> str:
    # DSPy reads `null` for `str | None` as the word, and a missing field as None.
    given = {
        output.name: answers[output.name]
        for output in task.outputs
        if not (answers[output.name] is None and output.schema.optional)
    }
    if task.format == "json":
        return json.dumps(given, indent=2, ensure_ascii=False)
    if task.format == "xml":
        schemas = {output.name: output.schema for output in task.outputs}
        parts = [_element(name, value, schemas[name]) for name, value in given.items()]
        return "\n\n".join(parts)
    sections = [f"[[ ## {name} ## ]]\n{_chat_value(value)}" for name, value in given.items()]
    return "\n\n".join([*sections, "[[ ## completed ## ]]\n"])


def _chat_value(value: object) -> str:
    if isinstance(value, str):
        # A quoted header would end the field.
        return re.sub(r"(?m)^(\s*)\[\[ ##", r"\1[ ##", value)
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _element(name: str, value: object, schema: Schema) -> str:
    if isinstance(value, list | dict) and _is_nested(schema):
        return _nested(name, value)
    text = value if isinstance(value, str) else _chat_value(value)
    return f"<{name}>\n{_xml_text(text)}\n</{name}>"


def _is_nested(schema: Schema) -> bool:
    """Whether DSPy reads elements there; sets, tuples and unions it reads as JSON."""
    options = [option for option in schema.items_of_union if option.kind != "null"]
    if schema.kind == "union":
        return len(options) == 1 and _is_nested(options[0])
    return schema.kind in ("map", "object") or (schema.kind == "list" and not schema.unique)


def _nested(tag: str, value: object, key: str | None = None) -> str:
    attribute = "" if key is None else f" key={quoteattr(_NOT_XML.sub('', key))}"
    if value is None or value == [] or value == {}:
        return f"<{tag}{attribute} />"
    if isinstance(value, list):
        inner = "".join(_nested("item", item) for item in value)
    elif isinstance(value, dict):
        inner = "".join(
            _nested(name, item) if name.isidentifier() else _nested("entry", item, name)
            for name, item in value.items()
        )
    else:
        inner = _xml_text(value)
    return f"<{tag}{attribute}>{inner}</{tag}>"


def _xml_text(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return _NOT_XML.sub("", text).replace("&", "&amp;").replace("<", "&lt;")
