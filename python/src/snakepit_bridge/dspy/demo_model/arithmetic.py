"""Finds a calculation in a text and does it: exactly, without `eval`."""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

_SPOKEN: tuple[tuple[str, str], ...] = (
    (r"\bmultiplied by\b|\btimes\b|(?<=\d)\s*[x\u00d7]\s*(?=\d)", " * "),
    (r"\bdivided by\b|\u00f7|(?<=\d)\s+over\s+(?=\d)", " / "),
    (r"\bplus\b|(?<=\d)\s+and\s+(?=\d+\s*(?:together|added))", " + "),
    (r"\bminus\b|\u2212", " - "),
    (r"\bto the power of\b|\*\*", " ^ "),
    (r"(?<=\d)\s+squared\b", " ^ 2"),
    (r"(?<=\d)\s+cubed\b", " ^ 3"),
    (r"(?<=\d)\s*(?:%|percent)\s+of\b", " / 100 * "),
    (r"\bhalf of\b", " 0.5 * "),
    (r"(?<=\d),(?=\d{3}\b)", ""),
)
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[-+*/^()]")
_CALCULATION = re.compile(
    r"[-(\s]*\d+(?:\.\d+)?(?:[\s()]*[-+*/^][\s(]*-?[\s(]*\d+(?:\.\d+)?[\s)]*)+"
)
# `2024-05-17` and `555-1234` are no subtractions.
_NOT_ARITHMETIC = re.compile(r"\d{4}-\d\d-\d\d|\b\d{3}-\d{3,4}\b|\d{1,2}/\d{1,2}/\d{2,4}")

_OPERATORS: Mapping[str, tuple[int, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "^": (3, operator.pow),
}


def calculate(text: str) -> tuple[str, str] | None:
    """The calculation and its result, both as text; None when there is none."""
    spoken = text.lower()
    if _NOT_ARITHMETIC.search(spoken):
        return None
    for pattern, replacement in _SPOKEN:
        spoken = re.sub(pattern, replacement, spoken)
    match = _CALCULATION.search(spoken)
    if match is None:
        return None
    tokens = _TOKEN.findall(match[0])
    try:
        with localcontext() as context:
            context.prec = 40
            value = _Parser(tokens).parse()
    except (DivisionByZero, InvalidOperation, Overflow, ValueError, IndexError):
        return None
    return " ".join(tokens), _written(value)


def _written(value: Decimal) -> str:
    if value == value.to_integral_value():
        return str(int(value))
    return format(round(value, 6).normalize(), "f")


class _Parser:
    """Precedence climbing."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def parse(self) -> Decimal:
        value = self._expression(1)
        if any(token != ")" for token in self._tokens[self._at :]):
            raise ValueError("more than one calculation")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _expression(self, level: int) -> Decimal:
        left = self._operand()
        while (entry := _OPERATORS.get(self._peek())) is not None and entry[0] >= level:
            self._at += 1
            # A power binds to the right.
            right = self._expression(entry[0] + (entry[0] != 3))
            if entry[0] == 3 and abs(right) > 1000:
                raise ValueError("too large a power")
            left = entry[1](left, right)
        return left

    def _operand(self) -> Decimal:
        token = self._tokens[self._at]
        self._at += 1
        if token == "-":
            return -self._expression(3)
        if token == "(":
            value = self._expression(1)
            if self._peek() == ")":
                self._at += 1
            return value
        return Decimal(token)
