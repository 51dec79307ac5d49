"""Updates that go wrong and leave the model as it was: no finite gradient, or a batch too large for the memory."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from teachkit.errors import UserError
from teachkit.learn.guard import NotFiniteError
from teachkit.learn.microbatch import TOO_SMALL, give_memory_back, is_out_of_memory
from teachkit.structures import Batch

if TYPE_CHECKING:
    from teachkit.learn.trainer import Trainer

NAMES_SHOWN = 16


def learn_from(trainer: "Trainer", batch: Batch) -> bool:
    """One update of the weights, in smaller parts if the memory is too small; False if it was refused."""
    while True:
        # the forward pass moves the running statistics of the norms, long before anything can be refused
        statistics = [buffer.clone() for buffer in trainer.buffers]
        try:
            trainer.update(batch)
            trainer.skips = 0
            return True
        except NotFiniteError as error:
            put_back(trainer.buffers, statistics)
            _skip(trainer, batch, error)
            return False
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            trainer.losses = None
            trainer.optimizer.zero_grad()
            give_memory_back(error)
        put_back(trainer.buffers, statistics)
        _halve(trainer, batch)


@torch.no_grad()
def put_back(buffers: list[Tensor], statistics: list[Tensor]) -> None:
    for buffer, before in zip(buffers, statistics, strict=True):
        buffer.copy_(before)


def _skip(trainer: "Trainer", batch: Batch, error: NotFiniteError) -> None:
    trainer.values = error.values
    trainer.optimizer.zero_grad()
    trainer.skips += 1
    names = ", ".join(batch.names[:NAMES_SHOWN]) + (", …" if len(batch.names) > NAMES_SHOWN else "")
    trainer.tell(
        "skipped",
        f"step skipped, the weights stay as they are: {error} ({names}). "
        "If these files are sound, lower the learning rate.",
        names=list(batch.names),
        not_finite=error.bad,
    )
    if trainer.skips == trainer.max_skips:
        trainer.call_diverged(
            f"diverged: {trainer.skips} steps in a row gave no finite gradient. "
            "Go back to before it and lower the learning rate."
        )


def _halve(trainer: "Trainer", batch: Batch) -> None:
    if trainer.parts >= len(batch):
        raise UserError(TOO_SMALL)
    trainer.parts *= 2
    size = -(-len(batch) // trainer.parts)
    trainer.tell(
        "out_of_memory",
        f"out of memory with {len(batch)} pictures at once: each batch is now learned from in {trainer.parts} parts of "
        f"up to {size}, which make one step together.",
        parts=trainer.parts,
    )
