"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""

import math
import operator
from contextlib import suppress
from typing import SupportsFloat


class UserError(ValueError):
    """Printed as one line on stderr by the command line, which then exits with 2."""


def one_line(text: object) -> str:
    """What would break the line, or move the cursor of a terminal, is spelt out: a file or a class may be called so."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(text))


def whole(name: str, value: object, least: int) -> int:
    """The value, if it is a whole number from `least` on, NumPy's too; else UserError."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if number < least:
        raise UserError(f"{name} must be a whole number ≥ {least}, not {value!r}")
    return number


def check_number(name: str, value: object, largest: float) -> float:
    """The value as a float in 0 … largest; UserError for text, NaN, infinite, negative or huge values."""
    number = math.nan
    if isinstance(value, SupportsFloat) and not isinstance(value, bool):
        with suppress(ValueError, TypeError, OverflowError, RuntimeError):  # a row of numbers, or one too large
            number = float(value)
    if not 0 <= number <= largest:
        raise UserError(f"{name} must be a number from 0 to {largest:g}, not {value!r:.60}")
    return number
