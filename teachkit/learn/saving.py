"""Keeps a run in a folder. A disk that is full, or a folder that is gone, stops no training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from teachkit.errors import UserError
from teachkit.learn.checkpoint import Content, pack, put_aside, save_best, save_last
from teachkit.learn.files import clean_stale, why_not_written


class Saver:
    """folder: made at once, so that a place where nothing can be written is known before the training. UserError then.

    What an earlier run left there is put aside before the first state of a new one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.continues = False  # the run that is saved here already
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clean_stale(folder)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{folder}: cannot be used to save in ({reason}): choose another folder") from None

    def save(self, last: Content, best: Content | None) -> str | None:
        """Writes the best weights, if they are new, and the last state. One line if that fails, else None."""
        steps: list[tuple[Callable[[Path, bytes], None], Content]] = [(save_last, last)]
        if best is not None:
            steps.insert(0, (save_best, best))
        for write, content in steps:
            packed = pack(content)
            try:
                if not self.continues:
                    put_aside(self.folder)
                    self.continues = True
                write(self.folder, packed)
            except OSError as error:
                return why_not_written(error, self.folder, len(packed))
        return None


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
        pass  # a disk without locks, or where nothing can be written, which the Saver tells
    try:
        yield
    finally:
        lock.release()
