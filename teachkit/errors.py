"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""

import operator


class UserError(ValueError):
    """Printed as one line on stderr by the command line, which then exits with 2."""


def whole(name: str, value: object, least: int) -> int:
    """The value, if it is a whole number from `least` on, NumPy's too; else UserError."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if number < least:
        raise UserError(f"{name} must be a whole number ≥ {least}, not {value!r}")
    return number
