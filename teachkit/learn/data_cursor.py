"""The position in the training data: gives one batch after the other, from any epoch and batch index on."""

import hashlib
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from teachkit.errors import UserError
from teachkit.learn.ranks import ALONE, Ranks
from teachkit.structures import Batch, share_of


class DataCursor:
    """Endless batches from an iterable with `len`. epoch, batch_index: of the batch to come, batch_index < len(data).

    Data with `load_state_dict` goes to a position by itself. Any other data, such as torch's DataLoader, is run through
    from the start of the epoch, with the random numbers of that time.

    ranks: each gets its share of every batch. A Loader reads no more than that; of other data the share is taken, and
    all ranks begin with rank 0's random numbers. UserError if there are more ranks than pictures in a batch.
    """

    def __init__(self, data: Any, ranks: Ranks = ALONE) -> None:
        if check_data("the training data", data) is None:
            raise UserError("the training data must have a len, its number of batches: hand over a list or a loader")
        self.data, self._ranks = data, ranks
        self._reads_share = hasattr(data, "share")
        if ranks.count > 1:
            self._divide()
        self.epoch = self.batch_index = 0
        self._batches: Iterator[Batch] | None = None
        self._random: dict[str, Any] | None = None  # as it was when the epoch began

    def _divide(self) -> None:
        if not self._reads_share:
            self._set_random_state(self._ranks.told(self._random_state()))
            return
        most = min(len(self.data.names), self.data.batch_size)
        if self._ranks.count > most:
            raise UserError(
                f"{self._ranks.count} ranks share {len(self.data.names)} pictures in batches of "
                f"{self.data.batch_size}: start at most {most}, or take larger batches"
            )
        self.data.share = self._ranks.share

    @property
    def place(self) -> tuple[int, int, dict[str, Any] | None]:
        """Of the batch to come, for `go_back`."""
        return self.epoch, self.batch_index, self._random

    def go_back(self, place: tuple[int, int, dict[str, Any] | None]) -> None:
        """The batch at this place is to come once more."""
        (self.epoch, self.batch_index, self._random), self._batches = place, None

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = self._open()
        try:
            batch = next(self._batches)
        except StopIteration:
            self._batches = None
            raise UserError(
                f"the training data ended after {self.batch_index} of its {len(self.data)} batches"
            ) from None
        except BaseException:
            self._batches = None  # a generator that has raised would only say that it is at its end
            raise
        self.batch_index += 1
        if self.batch_index == len(self.data):
            self.epoch, self.batch_index, self._batches, self._random = self.epoch + 1, 0, None, None
        if self._reads_share or self._ranks.count == 1:
            return batch
        return batch.take(share_of(len(batch), self._ranks.share))

    def description(self) -> dict[str, Any]:
        """classes of the data, and its image_size (height, width) in px where it has one."""
        classes = {"classes": list(getattr(self.data, "classes", []))}
        size = getattr(self.data, "image_size", None)
        return classes if size is None else classes | {"image_size": [int(side) for side in size]}

    def _open(self) -> Iterator[Batch]:
        if hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict({"epoch": self.epoch, "place": self.batch_index})
            return iter(self.data)
        now = self._random_state()
        if self._random is None:
            self._random = now
        else:
            self._set_random_state(self._random)
        batches = iter(self.data)
        if self.batch_index:
            next(islice(batches, self.batch_index - 1, None))
            torch.set_rng_state(now["global"])
        return batches

    def _random_state(self) -> dict[str, Any]:
        own = getattr(self.data, "generator", None)
        return {"global": torch.get_rng_state(), "own": own.get_state() if own is not None else None}

    def _set_random_state(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["global"])
        if state["own"] is not None:
            self.data.generator.set_state(state["own"])

    def state_dict(self) -> dict[str, Any]:
        random = None if hasattr(self.data, "load_state_dict") else self._random or self._random_state()
        seed = getattr(self.data, "seed", None)
        return {
            "epoch": self.epoch,
            "batch_index": self.batch_index,
            "batches": len(self.data),
            "seed": seed,
            "pictures": sum_of(self.data, with_batches=True),
            "random": random,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """UserError if the state is of data with another number of batches."""
        if state["batches"] != len(self.data):
            raise UserError(
                f"this state is of {state['batches']} batches a pass, the training data has {len(self.data)}: "
                "take the same data, split and batch size"
            )
        if state["epoch"] < 0 or not 0 <= state["batch_index"] < len(self.data):
            raise ValueError(f"batch {state['batch_index']} of epoch {state['epoch']}")
        random = state["random"]
        if random is not None and not {"global", "own"} <= set(random):
            raise ValueError("random numbers of another kind")
        own = random and random["own"]
        if own is not None and getattr(self.data, "generator", None) is None:
            raise UserError("this state has random numbers of a DataLoader's generator, and the training data has none")
        pictures = sum_of(self.data, with_batches=True)
        differs = {
            "another seed of the training data": state["seed"] != getattr(self.data, "seed", None),
            "other training pictures or labels, or batches of another size": state.get("pictures", pictures)
            != pictures,
        }
        for what in (what for what, so in differs.items() if so):
            warnings.warn(f"the state was made with {what}: results will differ", stacklevel=5)
        self.epoch, self.batch_index, self._random = state["epoch"], state["batch_index"], random
        self._batches = None


class ValidationData:
    """Whether it is still the data whose scores a state holds."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def state_dict(self) -> dict[str, Any]:
        return {"pictures": sum_of(self._data)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A warning tells of other pictures. Earlier states, and data without names, have no sum to compare."""
        before, now = state.get("pictures"), sum_of(self._data)
        if None not in (before, now) and before != now:
            what = "other validation pictures or labels: scores from before it are not to be compared with later ones"
            warnings.warn(f"the state was made with {what}", stacklevel=5)


def sum_of(data: Any, with_batches: bool = False) -> str | None:
    """SHA-256 of the images' names, content and labels, and of the batch size if asked; None for data without names."""
    names = getattr(data, "names", None)
    if names is None:
        return None
    content = getattr(data, "content_sum", None)
    size = [getattr(data, "batch_size", None)] if with_batches else []
    described = repr([*size, *names] + ([] if content is None else [content]))
    return hashlib.sha256(described.encode(errors="surrogateescape")).hexdigest()


def check_data(what: str, data: Any) -> int | None:
    """The number of its batches, None if it does not know. UserError if it has none, or can be walked only once."""
    if isinstance(data, Iterator) or not hasattr(data, "__iter__"):
        kind = type(data).__name__
        raise UserError(f"{what} is walked anew in each epoch, which a {kind} cannot be: hand over a list or a loader")
    try:
        length = len(data)
    except TypeError:  # also of torch's DataLoader, over a stream
        return None
    if not length:
        raise UserError(f"{what} has no batches: look at its split and at its annotations")
    return length
