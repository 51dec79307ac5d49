"""Processes beside this one that run small trainings, and stay for a while: to start one takes longer than a run."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from threading import Thread, Timer
from typing import Any

from teachkit.learn.resources import usable_cores

REST = 60.0  # seconds that a process waits for more work
_stop: Any = None  # in such a process: the event that cancels its work


class Process:
    """A process of its own, so that one that is killed takes only its own work with it.

    stop: an event that makes `cancelled()` true there, after which it ends; begun: set once it is alive.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process would inherit broken threads of torch
        self.stop, self.begun, self._owner = context.Event(), context.Event(), os.getpid()
        self._executor = ProcessPoolExecutor(1, context, _begin, (self.stop, self.begun))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(_out_of_reach, function, *arguments)

    def end(self) -> None:
        """After the work at hand."""
        self._executor.shutdown(wait=False)

    @classmethod
    def rested_or_new(cls) -> "Process":
        """One that rests and is alive, else a new one."""
        with suppress(IndexError):
            while True:
                one = _resting.pop()
                one._alarm.cancel()
                with suppress(BrokenProcessPool):
                    # not one cancelled since it rests, nor that of a process that this one was forked from
                    if not one.stop.is_set() and one._owner == os.getpid():
                        one.submit(os.getpid).result()
                        return one
        return cls()

    def rest(self) -> None:
        """Waits for more work, at most for `REST` seconds. One that was cancelled, or is one too many, ends at once."""
        if self.stop.is_set() or len(_resting) >= max(1, usable_cores() - 1):
            self.end()
            return
        self._alarm = Timer(REST, self._leave)
        self._alarm.daemon = True
        _resting.append(self)
        self._alarm.start()

    def _leave(self) -> None:
        with suppress(ValueError):
            _resting.remove(self)  # unless it has just been taken
            self.end()


_resting: deque[Process] = deque()


def cancelled() -> bool:
    """Whether the work of this process is to end."""
    return _stop is not None and _stop.is_set()


def _out_of_reach(function: Callable[..., Any], *arguments: Any) -> Any:
    """In a thread: in the main one each step of a Trainer looks out for Ctrl-C, meant for the first process alone."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def _begin(stop: Any, begun: Any) -> None:
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal: the first one cancels
    Thread(target=_end_with_parent, daemon=True).start()
    begun.set()


def _end_with_parent() -> None:
    """Nothing else would tell this process that its parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
