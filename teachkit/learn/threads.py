"""How many threads torch uses on the CPU."""

import os

import psutil
import torch

MOST = 8  # a small detector on small pictures gains nothing from more


def choose_threads(cores: int | None = None) -> int:
    """One less than the cores, at most 8: threads wait for each other at every layer, and so for the busiest core.

    cores: physical cores that this process may use. OMP_NUM_THREADS takes precedence.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return max(1, min(MOST, (usable_cores() if cores is None else cores) - 1))


def usable_cores() -> int:
    """Physical cores, or fewer where this process is confined to some of them."""
    process = psutil.Process()
    allowed = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else (os.cpu_count() or 1)
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def use_threads(count: int) -> None:
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
