"""Keeps a run in a folder. A disk that is full, or a folder that is gone, stops no training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from teachkit.errors import UserError
from teachkit.learn.checkpoint import Content, pack, put_aside, save_best, save_last
from teachkit.learn.files import clean_stale, why_not_written
from teachkit.learn.log import Event


class Checkpointer:
    """folder: made at once, so that a place where nothing can be written is known before the training. UserError then.

    settings: plain values that are kept with each state. What an earlier run left in the folder is put aside before the
    first state of a new one.
    """

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder, self.settings = folder, settings or {}
        self.continues = False  # the run that is saved here already
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clean_stale(folder)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{folder}: cannot be used to save in ({reason}): choose another folder") from None

    def put_aside(self) -> None:
        """What an earlier run left here; what comes next is of this one. OSError if it fails."""
        if not self.continues:
            put_aside(self.folder)
            self.continues = True

    def save(self, state: Content, detector: Content, best: dict[str, float] | None) -> list[Event]:
        """Writes the state and, if `best` holds their scores, the averaged weights. An event if that fails.

        detector: what rebuilds it, as model, classes and image_size.
        """
        kept = {"rebuilds": detector, "settings": self.settings}
        steps: list[tuple[Callable[[Path, bytes], None], Content]] = [(save_last, {"state": state, **kept})]
        if best is not None:
            weights = state["train_step"]["ema"]["model"]
            steps.insert(0, (save_best, {"weights": weights, "scores": best, **kept}))
        for write, content in steps:
            packed = pack(content)
            try:
                self.put_aside()
                write(self.folder, packed)
            except OSError as error:
                return [Event("unsaved", why_not_written(error, self.folder, len(packed)))]
        return []


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """UserError if another process is within. The system's own lock: it ends with its process, however that ends.

    Two runs in one folder would put each other aside, and each would call the other's weights its own.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UserError(f"{folder}: another training saves here: choose another folder or let it end first") from None
    except (OSError, NotImplementedError):
        pass  # a disk without locks, or where nothing can be written, which the Checkpointer says
    try:
        yield
    finally:
        lock.release()
