"""Several processes on one model, as torchrun starts them, are not supported: that is said before they begin."""

import os

from teachkit.errors import UserError


def refuse_ranks() -> None:
    """UserError in each of several ranks. Trained apart, they would write over each other's states and never meet."""
    ranks = os.environ.get("WORLD_SIZE") or "1"
    if ranks != "1":
        rank = os.environ.get("RANK", "?")
        raise UserError(
            f"this is rank {rank} of {ranks}, but a Trainer trains in one process: start it with python, not torchrun"
        )
