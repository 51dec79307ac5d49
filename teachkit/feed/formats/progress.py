"""A bar for what may take longer than two seconds: where somebody looks, that is on a terminal and in a notebook."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm  # not tqdm.auto: in a notebook it would not heed TQDM_DISABLE

Item = TypeVar("Item")
DELAY = 2.0  # s


def watched(items: Iterable[Item], what: str, unit: str = " pictures") -> Iterable[Item]:
    """The same items. Where a program or a file takes what is printed, it gets nothing more than that."""
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return items
    return tqdm(items, desc=what, unit=unit, delay=DELAY, leave=False)
