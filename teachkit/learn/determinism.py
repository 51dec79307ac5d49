"""Strict mode: an operation whose result may differ from run to run is an error, not a secret."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from teachkit.errors import UserError

TELLTALE = "deterministic"
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # teachkit sets it, unless torch was used on a GPU before


@contextmanager
def only_deterministic(strict: bool) -> Iterator[None]:
    """UserError that names the operation, if there is one; torch's own setting is restored. Nothing if not strict."""
    if not strict:
        yield
        return
    before, warned_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if TELLTALE not in str(error):
            raise
        if WORKSPACE in str(error):
            raise UserError(
                f"strict determinism: start Python with {WORKSPACE}=:4096:8, torch looks no later"
            ) from error
        raise UserError(
            f"strict determinism: {str(error).splitlines()[0].split('. ')[0]}: replace it, or turn strict mode off"
        ) from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned_only)
