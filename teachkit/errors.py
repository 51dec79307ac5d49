"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""


class UserError(ValueError):
    """Printed as one line on stderr by the command line, which then exits with 2."""


def whole(name: str, value: object, least: int) -> int:
    """The value, if it is a whole number from `least` on; else UserError."""
    if type(value) is not int or value < least:
        raise UserError(f"{name} must be a whole number ≥ {least}, not {value!r}")
    return value
