"""How many threads the processor's arithmetic uses, chosen on purpose; and that one thread at a time trains."""

import os
import threading

import psutil
import torch

from teachkit.errors import UserError

MOST = 8  # a small detector on small pictures gains nothing from more


def choose_threads(cores: int | None = None) -> int:
    """One core is left to the neighbours: threads that wait for each other at every layer wait for the busiest core.

    cores: physical cores that this process may use. OMP_NUM_THREADS, where set, goes first.
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


class OneAtATime:
    """`with one_at_a_time:` — UserError where another thread is within for a second more. May be nested in one thread.

    A cell that trains what a cockpit trains already would make two loops fight over one model.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._lock, self._patience = threading.RLock(), patience

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._patience):
            raise UserError("this trainer is at work in another thread: stop it there, or wait until it has ended")

    def __exit__(self, *error: object) -> None:
        self._lock.release()
