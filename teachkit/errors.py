"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""

import math
import operator
import os
from contextlib import suppress
from pathlib import Path
from typing import SupportsFloat

LARGEST_WHOLE = 2**63 - 1  # of what is saved and read again; no seed is larger
LARGEST_SHOWN = 10**12  # of limits that a message names before they are passed


class UserError(ValueError):
    """Printed as one line on stderr by the command line, which then exits with 2."""


def one_line(text: object) -> str:
    """What would break the line, or move the cursor of a terminal, is spelt out: a file or a class may be called so."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(text))


def is_truth_value(value: object) -> bool:
    """Python's, NumPy's and torch's: all of them count as 1 in a sum, and none is meant as a number."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")


def whole(name: str, value: object, least: int, most: int = LARGEST_WHOLE) -> int:
    """The value, if it is a whole number from `least` to `most`, NumPy's too; else UserError."""
    try:
        number = least - 1 if is_truth_value(value) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        which = f"≥ {least}" if number < least and most > LARGEST_SHOWN else f"from {least} to {most:,}"
        raise UserError(f"{name} must be a whole number {which}, not {value!r:.60}")
    return number


def check_number(name: str, value: object, largest: float) -> float:
    """The value as a float in 0 … largest; UserError for text, NaN, infinite, negative or huge values."""
    number = math.nan
    if isinstance(value, SupportsFloat) and not is_truth_value(value):
        with suppress(ValueError, TypeError, OverflowError, RuntimeError):  # a row of numbers, or one too large
            number = float(value)
    if not 0 <= number <= largest:
        raise UserError(f"{name} must be a number from 0 to {largest:g}, not {value!r:.60}")
    return number


def as_path(what: str, value: object) -> Path:
    """UserError, saying what it is of, for what names no file and no folder."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
    if not path or isinstance(path, bytes) or "\0" in path:
        raise UserError(f"{what} must be a path, not {value!r:.60}")
    return Path(path)
