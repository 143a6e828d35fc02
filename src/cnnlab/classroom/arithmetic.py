"""What a reader types for a number, as the lesson's pages read it (`report/lesson/web/arithmetic.js`)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

#: The longest answer, in characters, and the most brackets, powers and `ln` in each other, that are worked out: a
#: page's form is filled in by hand.
LONGEST = 500
DEEPEST = 40

_BLANKS = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
#: What JavaScript's `trim` takes away.
BLANKS = f"{_BLANKS}\u205f\u3000\ufeff"

_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}(?:([, '\u2019\u00a0\u202f\u2009])[0-9]{3}(?:\1[0-9]{3})*(?![0-9]))(?:\.[0-9]+)?"
)
_POINTS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+")  # 1.234,5
_PLAIN = re.compile(r"(?:[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?")
_LN = re.compile(r"ln(?![A-Za-z0-9_])")
_POWERS = {"\u00b2": 2.0, "\u00b3": 3.0}


def to_number(text: str, unit: str = "") -> float | None:
    """`2,416`, `2 416`, `0,5`, `−3`, `784·10 + 10`, `28x28`, `1/9`, `5²`, `98.7 %` and `ln(10)` as numbers.

    A comma, blank or apostrophe between groups of three digits groups them, any other comma is a point. `%` divides by
    a hundred, unless percent is what is asked for. unit: that the answer is given in; it may stand after the number.
    None for what is no arithmetic, or comes to no number, or is longer or deeper than anybody writes.
    """
    if len(text) > LONGEST:
        return None
    plain = text.strip(BLANKS)
    bare = plain.removesuffix(unit) if unit else plain
    rest = re.sub(r"[\u2212\u2013]", "-", bare)
    rest = re.sub(r"[×·∙⋅*]", "*", rest)
    rest = re.sub(r"[÷:]", "/", rest).replace("**", "^")
    reading = _Reading(rest)
    try:
        value = reading.sum()
    except _NoNumberError:
        return None
    return value if reading.is_at_end() and math.isfinite(value) else None


class _NoNumberError(Exception):
    """What was read is no arithmetic."""


class _Reading:
    """A text, read from left to right; each method takes what it reads, or raises."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self.depth = 0

    def is_at_end(self) -> bool:
        self.rest = self.rest.lstrip(BLANKS)
        return not self.rest

    def taken(self, signs: str) -> str:
        """The sign that comes next, taken; "" where it is none of them."""
        if self.is_at_end() or self.rest[0] not in signs:
            return ""
        sign, self.rest = self.rest[0], self.rest[1:]
        return sign

    def sum(self) -> float:
        value = self.product()
        while sign := self.taken("+-"):
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> float:
        value = self.signed()
        while sign := self.taken("*xX/"):
            value = _quotient(value, self.signed()) if sign == "/" else value * self.signed()
        return value

    def signed(self) -> float:
        is_negative = False
        while sign := self.taken("+-"):
            is_negative ^= sign == "-"
        value = self.power()
        return -value if is_negative else value

    def power(self) -> float:
        value = self.single()
        if raised := self.taken("^\u00b2\u00b3"):
            value = _power(value, _POWERS[raised] if raised in _POWERS else self.deeper(self.signed))
        while self.taken("%"):
            value /= 100
        return value

    def single(self) -> float:
        if not self.is_at_end() and _LN.match(self.rest):
            self.rest = self.rest[2:]
            if self.is_at_end() or self.rest[0] != "(":
                raise _NoNumberError
            value = self.deeper(self.single)
            return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan
        if self.taken("("):
            value = self.deeper(self.sum)
            if not self.taken(")"):
                raise _NoNumberError
            return value
        grouped, points = _GROUPED.match(self.rest), _POINTS.match(self.rest)
        found = grouped or points or _PLAIN.match(self.rest)
        if found is None:
            raise _NoNumberError
        self.rest = self.rest[found.end() :]
        if grouped:
            return float(re.sub(r"[^0-9.]", "", found[0]))
        if points:
            return float(found[0].replace(".", "").replace(",", "."))
        return float(found[0].replace(",", "."))

    def deeper(self, read: Callable[[], float]) -> float:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _NoNumberError
        value = read()
        self.depth -= 1
        return value


def _quotient(value: float, by: float) -> float:
    """As IEEE 754 has it, where Python raises."""
    if by:
        return value / by
    if value == 0 or math.isnan(value) or math.isnan(by):
        return math.nan
    return math.copysign(math.inf, value) * math.copysign(1.0, by)


def _power(base: float, exponent: float) -> float:
    """As JavaScript has it, where Python raises, answers with a complex number or, of 1 and infinity, with 1."""
    if exponent == 0:
        return 1.0
    if math.isnan(exponent) or (abs(base) == 1 and math.isinf(exponent)):
        return math.nan
    is_odd = math.isfinite(exponent) and exponent % 2 == 1
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and is_odd else math.inf
    except ValueError:  # 0 to a negative power, or a root of a negative number
        if base != 0:
            return math.nan
        return math.copysign(math.inf, base) if is_odd else math.inf
