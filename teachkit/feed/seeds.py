"""TEACHKIT_SEED_SHIFT moves the seeds of all trainings: what a lesson says must hold for other seeds too."""

import os

from teachkit.errors import whole

VARIABLE = "TEACHKIT_SEED_SHIFT"


def shifted(seed: int) -> int:
    """The seed plus TEACHKIT_SEED_SHIFT, which is 0 where it is not set. UserError if it is no whole number ≥ 0."""
    text = os.environ.get(VARIABLE, "0")
    return seed + whole(VARIABLE, int(text) if text.isdecimal() else text, 0)
