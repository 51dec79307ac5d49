"""One thread that trains: started by a button only, asked to stop and then waited for, never killed."""

import atexit
import threading
from collections.abc import Callable

_guard = threading.RLock()  # starting and stopping is done by one thread at a time
_running: "Worker | None" = None


class Worker:
    """Calls `work` again and again on a thread of its own until it returns False, raises, or `stop` is called.

    `ended` is called on that thread as its last act. Only one worker runs at a time: `start` stops and joins any
    other, so that two runs never fight over one model or for the same cores.
    """

    def __init__(self, work: Callable[[], bool], ended: Callable[[], None] = lambda: None) -> None:
        self._work, self._ended = work, ended
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._more = False  # asked to start while the work was coming to its end
        self._busy = False
        self.error: BaseException | None = None

    @property
    def alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        """There is new work: wakes no second thread where one runs already."""
        global _running
        with _guard:
            with self._lock:
                self._more = True
                if self._busy and not self._stop.is_set():
                    return
            stop_running()
            self.join()
            self._stop.clear()
            self.error, self._more, self._busy = None, False, True
            self._thread = threading.Thread(target=self._run, name="teachkit-worker", daemon=True)
            _running = self
            self._thread.start()

    def stop(self, timeout: float = 60.0) -> None:
        """Waits until the thread has ended after the work at hand. TimeoutError if it does not."""
        self._stop.set()
        self.join(timeout)

    def join(self, timeout: float = 60.0) -> None:
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        if thread.is_alive():
            raise TimeoutError(f"the training thread has not ended within {timeout:g} s")
        self._thread = None

    def _run(self) -> None:
        global _running
        try:
            while not self._stop.is_set() and (self._work() or self._goes_on()):
                pass
        except BaseException as error:  # shown by the painter: a thread's traceback, or its exit(), reaches nobody
            self.error = error
        finally:
            with self._lock:
                self._busy = False
            if _running is self:  # or a session that has been closed would be kept alive
                _running = None
            self._ended()

    def _goes_on(self) -> bool:
        """Whether more was asked for since the last look; if not, the next `start` makes a new thread."""
        with self._lock:
            self._busy, self._more = self._more, False
            return self._busy


def stop_running() -> None:
    """Stops and joins what runs, if anything: before a new session takes its place, and before Python shuts down."""
    global _running
    with _guard:
        if _running is not None:
            _running.stop()
            _running = None


atexit.register(stop_running)
