"""Draws the newest state about ten times a second while something runs, and at once when a control moves."""

import threading
from collections.abc import Callable


class Painter:
    """A thread beside a worker. draw: shows the newest state, whatever was missed; alive: is there still work to watch?

    Ends by itself once `alive` is False, after a last `draw`: what that one shows is the end. `stop` ends it earlier.
    """

    def __init__(self, draw: Callable[[], None], alive: Callable[[], bool], rate: float = 10.0) -> None:
        self._draw, self._alive, self._interval = draw, alive, 1 / rate
        self._woken, self._ending = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Call it after the worker has started."""
        with self._guard:
            self._finish()
            self._ending.clear()
            self._thread = threading.Thread(target=self._run, name="teachkit-painter", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """A control has moved, or the worker has ended: draw now."""
        self._woken.set()

    def refresh(self) -> None:
        """The newest state, now: by the thread where it runs, else here."""
        if self.alive:
            self.wake()
        else:
            self._draw()

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        with self._guard:
            self._finish()

    def _finish(self) -> None:
        self._ending.set()
        self._woken.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while self._alive() and not self._ending.is_set():
            self._draw()
            self._woken.wait(self._interval)
            self._woken.clear()
        self._draw()
