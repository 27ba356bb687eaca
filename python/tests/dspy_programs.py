"""Short ways to write a ProgramSpec in tests."""

from typing import Any

STR: dict[str, Any] = {"kind": "str"}
INT: dict[str, Any] = {"kind": "int"}
FLOAT: dict[str, Any] = {"kind": "float"}
BOOL: dict[str, Any] = {"kind": "bool"}
NONE: dict[str, Any] = {"kind": "none"}
TEXTS: dict[str, Any] = {"kind": "list", "items": STR}
DEMO: dict[str, Any] = {"model": "demo"}


def literal(*values: object) -> dict[str, Any]:
    return {"kind": "literal", "values": list(values)}


def optional(of: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "union", "options": [of, NONE]}


def listing(of: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "list", "items": of}


def mapping(of: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "dict", "values": of}


def record(type_name: str, /, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "object", "name": type_name, "fields": named(fields)}


def named(fields: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]


def program(
    inputs: dict[str, dict[str, Any]],
    outputs: dict[str, dict[str, Any]],
    *,
    module: str = "Predict",
    instructions: str | None = None,
) -> dict[str, Any]:
    signature: dict[str, Any] = {"inputs": named(inputs), "outputs": named(outputs)}
    if instructions is not None:
        signature["instructions"] = instructions
    return {"module": module, "signature": signature}


ASK = program({"question": STR}, {"answer": STR})
