"""Mistakes of the person at the keyboard, told in one line: what, where, and how to mend it."""


class UserError(ValueError):
    """Printed as one line on stderr by the command line, which then exits with 2."""
