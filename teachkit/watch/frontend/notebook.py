"""A widget's link to its notebook: which cell made the widget, and when the stop button is pressed."""

import signal
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol


class Closable(Protocol):
    def close(self) -> None: ...


_made_by: "weakref.WeakValueDictionary[tuple[str, str], Any]" = weakref.WeakValueDictionary()
_interrupted: "weakref.WeakSet[Any]" = weakref.WeakSet()
_before: Any = None


def kernel() -> Any:
    """The running ipykernel, or None outside a notebook."""
    try:
        from IPython import get_ipython  # not there in a plain install without Jupyter
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)


def cell_id() -> str | None:
    """The cell that is executed now; None where the front end does not send it (JupyterLab, Notebook 7, VS Code do)."""
    running = kernel()
    if running is None:
        return None
    parent = running.get_parent() or {}
    return parent.get("metadata", {}).get("cellId")


def replace_widget_of_this_cell(widget: Closable) -> None:
    """Closes the widget of the same class that this cell made before, with its threads: the cell is run again."""
    cell = cell_id()
    if cell is None:
        return
    key = (cell, type(widget).__name__)
    old = _made_by.pop(key, None)
    if old is not None:
        old.close()
    _made_by[key] = widget


def stop_on_interrupt(widget: Any) -> None:
    """Makes the notebook's stop button call `widget.pause()`, also while no cell runs.

    The kernel puts its own handler back after every message, so ours is set by its loop afterwards.
    """
    _interrupted.add(widget)
    running = kernel()
    if running is not None and getattr(running, "io_loop", None) is not None:
        running.io_loop.add_callback(_listen)


def _listen() -> None:
    global _before
    if threading.current_thread() is not threading.main_thread():
        return
    current = signal.getsignal(signal.SIGINT)
    if current is not _interrupt:
        _before = current
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for widget in list(_interrupted):
        widget.pause()
    before: Callable[..., Any] | Any = _before
    if callable(before) and before is not signal.default_int_handler:
        before(number, frame)
