"""For batches too large for the memory: the gradients of their microbatches add up to one step."""

import gc
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from teachkit.learn.log import Event
from teachkit.structures import Batch, Losses

# how torch words it where it has no exception of its own: CPU, MPS
WORDINGS = ("out of memory", "can't allocate memory", "not enough memory")
TOO_SMALL = "out of memory with one picture at a time: choose a smaller image size or a narrower detector"
TOO_SMALL_RANK = "rank {} is out of memory: start more ranks, or choose smaller batches"


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(wording in str(error) for wording in WORDINGS)


def give_memory_back(error: BaseException) -> None:
    """Frees what the frames of the traceback still hold, and empties torch's cache of GPU memory."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def halved(batch: Batch, accumulation_steps: int) -> Event:
    """The event of a batch being split into `accumulation_steps` microbatches from now on."""
    size = -(-len(batch) // accumulation_steps)
    return Event(
        "out_of_memory",
        f"out of memory with {len(batch)} pictures at once: each batch is now learned from in {accumulation_steps} "
        f"parts of up to {size}, which make one step together.",
        {"parts": accumulation_steps},
    )


def split(batch: Batch, count: int) -> Iterator[tuple[float, Batch]]:
    """At most `count` microbatches, each with its share of the images, 0–1."""
    size = -(-len(batch) // count)
    for start in range(0, len(batch), size):
        microbatch = batch.take(slice(start, start + size))
        yield len(microbatch) / len(batch), microbatch


@dataclass
class Gathered:
    """The losses of a batch's microbatches, weighted by their share of the images."""

    losses: Losses | None = None

    def add(self, share: float, losses: Losses) -> None:
        box, cls, dfl = (share * part.detach() for part in (losses.box, losses.cls, losses.dfl))
        clipped = losses.clipped
        if self.losses is not None:
            so_far = self.losses
            box, cls, dfl = so_far.box + box, so_far.cls + cls, so_far.dfl + dfl
            clipped = None if clipped is None or so_far.clipped is None else so_far.clipped + clipped
        self.losses = Losses(box, cls, dfl, losses.weights, clipped)
