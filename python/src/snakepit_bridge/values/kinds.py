"""The codes of the extension types: docs/protocol.md, "Codecs". In TypeScript: `kinds.ts`."""

from typing import NamedTuple

TUPLE = 1
SET = 2
FROZENSET = 3
MAP = 4
INTEGER = 5
DATETIME = 6
DATE = 7
TIME = 8
TIMEDELTA = 9
DECIMAL = 10
UUID = 11
COMPLEX = 12
PATH = 13
ENUM = 14
OBJECT = 15
TENSOR = 16
TABLE = 17
REF = 18
PLACEHOLDER = 19
# Binary data that has come ahead of its document; see "Big values" there.
PART = 20

# As their classes are called at the host, whose values they are when one cannot be read here.
HOST_NAMES = {
    TUPLE: "PyTuple",
    SET: "Set",
    FROZENSET: "PyFrozenSet",
    MAP: "Map",
    INTEGER: "bigint",
    DATETIME: "PyDateTime",
    DATE: "PyDate",
    TIME: "PyTime",
    TIMEDELTA: "PyTimeDelta",
    DECIMAL: "PyDecimal",
    UUID: "PyUuid",
    COMPLEX: "PyComplex",
    PATH: "PyPath",
    ENUM: "PyEnum",
    OBJECT: "object of a Python class",
    TENSOR: "Tensor",
    TABLE: "ArrowTable",
    REF: "PyRef",
    PLACEHOLDER: "PyPlaceholder",
}

# Their content is a list of values of any kind.
SEQUENCES = frozenset({TUPLE, SET, FROZENSET})


class Extension(NamedTuple):
    """What a value is on the wire. `content` is packed as one value behind `kind`."""

    kind: int
    content: object
