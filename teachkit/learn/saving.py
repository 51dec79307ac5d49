"""Saves a run in a folder. A full disk or a missing folder does not stop the training."""

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
    """Saves states and the best weights. settings: plain values that are saved with them.

    The folder is made at once: UserError if nothing can be written there. An earlier run in it is put aside before the
    first state of this one is saved. continues: whether this run is the one saved there already.
    """

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder, self.settings = folder, settings or {}
        self.continues = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clean_stale(folder)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{folder}: cannot be used to save in ({reason}): choose another folder") from None

    def put_aside(self) -> None:
        """Moves an earlier run out of the way, once. OSError if that fails."""
        if not self.continues:
            put_aside(self.folder)
            self.continues = True

    def save(self, state: Content, detector: Content, best: dict[str, float] | None) -> list[Event]:
        """Saves the state and, with the scores `best`, the averaged weights → an event if writing fails.

        detector: model, classes and image_size, from which it can be rebuilt.
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
    """UserError if another process is inside. The operating system releases the lock when its process ends.

    Two runs in one folder would overwrite each other's states.
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
