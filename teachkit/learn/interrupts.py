"""Ctrl-C and the notebook's stop button, held back until the step is done."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class HeldInterrupt:
    """`with HeldInterrupt(tell) as held:` — the first SIGINT sets `held.received` and calls tell, a second one raises.

    Only the main thread gets signals: in any other this does nothing. What was set before is set again at the end.
    """

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        self.received = False
        self._tell = tell
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
        self._tell()

    def __exit__(self, *error: object) -> None:
        if self._active:
            # None: a handler that was not set from Python, and cannot be set again from here
            signal.signal(signal.SIGINT, signal.SIG_DFL if self._before is None else self._before)
