"""A progress bar for a loop whose own lines print nothing."""

import time
from collections.abc import Iterator
from typing import Any

import ipywidgets

from teachkit.structures import Batch

PAUSE = 0.1  # s between two drawings: counting must not slow the loop down


class Counted:
    """Gives the batches of `data`, a Loader. A bar counts them while a loop takes them, where a cell ends with this.

    The stored text is the same before and after a loop.
    """

    def __init__(self, data: Any) -> None:
        self.data: Any = data.data if isinstance(data, Counted) else data
        self.passes = 0
        self.bar = ipywidgets.IntProgress(max=len(self.data), layout={"width": "60%"})
        self.words = ipywidgets.Label(f"{len(self.data)} batches, none taken yet")
        self._box = ipywidgets.HBox([self.bar, self.words])

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Batch]:
        shown = time.monotonic()
        for taken, batch in enumerate(self.data):
            if time.monotonic() - shown > PAUSE:
                self._show(taken, f"pass {self.passes + 1}: {taken} of {len(self)} batches")
                shown = time.monotonic()
            yield batch
        self.passes += 1
        self._show(len(self), f"pass {self.passes}: all {len(self)} batches")

    def _show(self, taken: int, words: str) -> None:
        self.bar.value, self.words.value = taken, words

    def _repr_mimebundle_(self, **settings: Any) -> dict[str, Any]:
        shown = self._box._repr_mimebundle_(**settings) or {}
        return shown | {"text/plain": f"a bar that counts {len(self)} batches as a loop takes them"}
