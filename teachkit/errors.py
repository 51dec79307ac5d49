"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""

import operator


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
