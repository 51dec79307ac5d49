"""What may not break into a step: Ctrl-C, the notebook's stop button, an ending from outside, and a second thread."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from teachkit.errors import UserError

# From outside: `kill`, a machine that is shut down, and, where there is one, a terminal that is closed.
ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class HeldInterrupt:
    """`with HeldInterrupt(call) as held:` — a first SIGINT sets `held.received` and calls `call`, a second one raises.

    SIGTERM and SIGHUP, where they would end the process, do that at the end; until then they are as a first SIGINT.
    Only the main thread gets signals: in any other this does nothing. What was set before is set again at the end.
    """

    def __init__(self, call: Callable[[], None] = lambda: None) -> None:
        self.received = False
        self._call = call
        self._before: dict[int, Any] = {}
        self._ending: int | None = None

    def __enter__(self) -> "HeldInterrupt":
        if threading.current_thread() is threading.main_thread():
            held = [signal.SIGINT, *(one for one in ENDINGS if signal.getsignal(one) is signal.SIG_DFL)]
            self._before = {one: signal.signal(one, self._receive) for one in held}
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """A closed terminal sends SIGHUP more than once: only a second Ctrl-C is meant to break off."""
        if number in self._before and number != signal.SIGINT:
            self._ending = number
        if not self.received:
            self.received = True
            self._call()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            # None: a handler that was not set from Python, and cannot be set again from here
            signal.signal(number, signal.SIG_DFL if before is None else before)
        if self._ending is not None:
            signal.raise_signal(self._ending)


@contextmanager
def endings_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP do what SIGINT does at that moment. One that is ignored, as `nohup` has it, stays ignored."""

    def as_interrupt(number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # ignored, as a shell has it for what it starts with &
            raise KeyboardInterrupt
        handler(number, frame)

    in_main = threading.current_thread() is threading.main_thread()
    endings = [one for one in ENDINGS if in_main and signal.getsignal(one) is signal.SIG_DFL]
    for one in endings:
        signal.signal(one, as_interrupt)
    try:
        yield
    finally:
        for one in endings:
            signal.signal(one, signal.SIG_DFL)


class OneAtATime:
    """`with one_at_a_time:` — UserError if another thread stays inside for `patience` more seconds. It may be nested.

    Without it a cell and a cockpit could train one model at the same time.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._lock, self._patience = threading.RLock(), patience

    @classmethod
    def of(cls, owner: object) -> "OneAtATime":
        """The one of this object: two trainers of one model take turns."""
        return _of_objects.setdefault(owner, cls())

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._patience):
            raise UserError("this model is trained in another thread: stop it there, or wait until it has ended")

    def __exit__(self, *error: object) -> None:
        self._lock.release()


_of_objects: "WeakKeyDictionary[object, OneAtATime]" = WeakKeyDictionary()
