"""Snapshots: exact states of a training to go back to, as many as fit a budget of memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from teachkit.errors import UserError


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested dicts, lists and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors(one)


@dataclass(frozen=True)
class Snapshot:
    """A trainer before its step number `step`. state: from `state_dict`, which no later step changes."""

    step: int
    state: dict[str, Any]
    optimizer: str
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", sum(one.nbytes for one in tensors(self.state)))


class Snapshots:
    """Snapshots in the order of their steps. budget: bytes; the first and the newest are always kept."""

    def __init__(self, budget: int = 256 * 2**20) -> None:
        self.budget = budget
        self.kept: list[Snapshot] = []

    def keep(self, snapshot: Snapshot) -> None:
        """Adds a snapshot. It replaces those of its step and later ones."""
        self.cut(snapshot.step)
        self.kept.append(snapshot)
        while self.size > self.budget and len(self.kept) > 2:
            del self.kept[self._least_missed()]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.kept)

    @property
    def steps(self) -> list[int]:
        return [one.step for one in self.kept]

    def _least_missed(self) -> int:
        """The one whose gap would be smallest for its age: the recent past stays fine, the distant one gets coarse."""
        steps = self.steps
        newest = steps[-1]

        def gap_for_age(place: int) -> float:
            return (steps[place + 1] - steps[place - 1]) / (newest - steps[place] + 1)

        return min(range(1, len(steps) - 1), key=gap_for_age)

    def at(self, step: int) -> Snapshot:
        """The last snapshot at or before the step. UserError if there is none."""
        earlier = [one for one in self.kept if one.step <= step]
        if not earlier:
            raise UserError(f"there is no snapshot of step {step} or before: snapshots are kept from the first step on")
        return earlier[-1]

    def cut(self, step: int) -> None:
        """Forgets the snapshots from the step on."""
        self.kept = [one for one in self.kept if one.step < step]
