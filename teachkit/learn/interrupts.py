"""Protects a step from Ctrl-C, the notebook's stop button and a second thread."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from teachkit.errors import UserError


class HeldInterrupt:
    """`with HeldInterrupt(call) as held:` — a first SIGINT sets `held.received` and calls `call`, a second one raises.

    Only the main thread gets signals: in another thread this does nothing. The earlier handler is restored at the end.
    """

    def __init__(self, call: Callable[[], None] = lambda: None) -> None:
        self.received = False
        self._call = call
        self._before: Any = None
        self._active = False

    def __enter__(self) -> "HeldInterrupt":
        self._active = threading.current_thread() is threading.main_thread()
        if self._active:
            self._before = signal.signal(signal.SIGINT, self._receive)
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
        self._call()

    def __exit__(self, *error: object) -> None:
        if self._active:
            # None: a handler that was not set from Python, and cannot be set again from here
            signal.signal(signal.SIGINT, signal.SIG_DFL if self._before is None else self._before)


class OneAtATime:
    """`with one_at_a_time:` — UserError if another thread stays inside for `patience` more seconds. It may be nested.

    Without it a cell and a cockpit could train one model at the same time.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._lock, self._patience = threading.RLock(), patience

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._patience):
            raise UserError("this trainer is at work in another thread: stop it there, or wait until it has ended")

    def __exit__(self, *error: object) -> None:
        self._lock.release()
