"""What is said of a value that cannot be carried: its path, its type, and why."""

import json

from snakepit_bridge.errors import BridgeError

# Containers in containers. The same in TypeScript.
DEEPEST = 100

TOO_DEEP = f"nests deeper than {DEEPEST} (or contains itself); flatten it, or send it as JSON text"
LONE_SURROGATE = (
    "has a lone surrogate, which UTF-8 cannot carry; "
    'send x.encode(errors="replace").decode(), or cut the text between characters'
)
KEY_WITH_LONE_SURROGATE = f"has a key that {LONE_SURROGATE}"
PATH_WITH_LONE_SURROGATE = (
    "has a lone surrogate, which UTF-8 cannot carry; send its bytes: os.fsencode(x)"
)

# A path does not tell a key that is no text from its item: the number of the entry is that of both.
KEY = "a key"
PART_OF_A_KEY = "part of a key"


class UnsupportedError(Exception):
    """A value that has no form on the wire. The message says why, in the words of a refusal: it
    follows the path and the type."""


def refused(path: str, type_name: str, why: str, role: str = "") -> BridgeError:
    """`role`, such as "a key", says what a path cannot."""
    message = f"{described(path, type_name, role)} {why}"
    return BridgeError("SERIALIZATION", message, {"path": path, "type": type_name})


def described(path: str, type_name: str, role: str = "") -> str:
    """The subject of a refusal: `value[0] (object), a key,`."""
    return f"{path} ({type_name}), {role}," if role else f"{path} ({type_name})"


def too_large(size: int, limit: int) -> BridgeError:
    message = (
        f"the reply has {size:,} bytes, the host takes at most {limit:,}; "
        "stream it in pieces or write it to a file and send the path"
    )
    return BridgeError("VALUE_TOO_LARGE", message, {"bytes": size, "limitBytes": limit})


def value_too_large(size: int, limit: int) -> BridgeError:
    message = (
        f"the reply has {size:,} bytes of binaries, maxValueBytes allows {limit:,}; "
        "raise it, stream it in pieces or write it to a file and send the path"
    )
    return BridgeError("VALUE_TOO_LARGE", message, {"bytes": size, "limitBytes": limit})


def type_name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def step(key: object) -> str:
    """From a container to one of its values: `.name`, `["odd key"]`, `[3]`."""
    if isinstance(key, str):
        return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"
    return f"[{key}]"


def is_utf8(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
