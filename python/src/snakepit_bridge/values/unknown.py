"""What becomes of an object that has no form on the wire: never its `repr`, which is anybody's code
and may say anything. The host's option `python.unknownObjects` chooses."""

from collections.abc import Callable

from snakepit_bridge.values import kinds
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError, type_name
from snakepit_bridge.values.remedies import not_carried

# Gets the object and why it has no form, None when its class has none. Raises `UnsupportedError`,
# or returns what stands for it.
Unknown = Callable[[object, str | None], Extension]

# Containers of the standard library whose length is known without running anybody's code, as long
# as it is their own method that is asked.
COUNTED = (list, tuple, dict, set, frozenset, str, bytes, bytearray)


def refuse(value: object, why: str | None) -> Extension:
    raise UnsupportedError(why or not_carried(type(value)))


def placeholder(value: object, _: str | None) -> Extension:
    return Extension(kinds.PLACEHOLDER, [name_of(value), summary_of(value)])


def name_of(value: object) -> str:
    return type_name(type(value)).encode("utf-8", "replace").decode()


def summary_of(value: object) -> str:
    """Its class, and the length of a container: `collections.OrderedDict (3 items)`."""
    name = name_of(value)
    for kind in COUNTED:
        if kind in type(value).__mro__:
            count = kind.__len__(value)  # type: ignore[arg-type]
            return f"{name} ({count} item{'' if count == 1 else 's'})"
    return name
