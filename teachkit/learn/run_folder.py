"""A folder that one training saves in: locked, marked as ours, and no file of others in it touched."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from filelock import FileLock, Timeout

from teachkit.errors import UserError
from teachkit.files import Recogniser, is_foreign, is_picture, piece, refuse_foreign, write_whole
from teachkit.learn.log import is_log

LAST, NEW, BEFORE_LAST, BEST = "last.pt", "new_last.pt", "before_last.pt", "best.pt"
LOG, LOOKS, CURVES, DETECTIONS, EARLIER = "log.jsonl", "looks.jsonl", "curves.png", "detections.png", "earlier"
CHECKSUM = b"sha256:"
TRAILER = len(CHECKSUM) + 64  # bytes at the end of a state
MARKER, LOCK = ".teachkit-run", ".teachkit-run.lock"
MARK = b"teachkit keeps a training in this folder. While this file is here, it replaces what it wrote here before.\n"


def is_state(path: Path) -> bool:
    """Whether it ends as our states do; it may be damaged all the same."""
    return piece(path, -TRAILER, len(CHECKSUM)) == CHECKSUM


# The names that a training needs, in the order in which they are put aside, and how its own files are known.
OF_A_RUN: dict[str, Recogniser] = {
    **dict.fromkeys((LAST, NEW, BEFORE_LAST, BEST), is_state),
    **dict.fromkeys((LOG, LOOKS), is_log),
    **dict.fromkeys((CURVES, DETECTIONS), is_picture),
}


def files_of_others(folder: Path) -> list[Path]:
    """Those whose names a training needs: damaged ones of ours, or put there later, for the folder is marked as ours.

    UserError where it is not.
    """
    marker, earlier = folder / MARKER, folder / EARLIER
    refuse_foreign(marker, lambda path: piece(path, 0, len(MARK)) == MARK, "the mark")
    refuse_foreign(earlier, lambda path: path.is_dir() and not path.is_symlink(), "a folder")
    foreign = [folder / name for name, is_ours in OF_A_RUN.items() if is_foreign(folder / name, is_ours)]
    if foreign and not _is_marked(folder):
        raise UserError(f"{foreign[0]}: is not of a training of teachkit's: choose another folder, or move it away")
    return foreign


def _is_marked(folder: Path) -> bool:
    return piece(folder / MARKER, 0, len(MARK)) == MARK


def claim(folder: Path) -> None:
    """Makes the folder and marks it as ours. Files of others that are in the way get another name, see above."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files_of_others(folder):
        warnings.warn(f"{path}: is damaged, or not of teachkit: kept as {_set_aside(path).name}", stacklevel=3)
    if not _is_marked(folder):
        write_whole(folder / MARKER, MARK)


def _set_aside(path: Path) -> Path:
    """Renames it to a name that nothing has → the new path."""
    number = 1
    while os.path.lexists(fresh := path.with_name(f"{path.stem}.set-aside-{number}{path.suffix}")):
        number += 1
    os.rename(path, fresh)
    return fresh


class FolderLock:
    """One training saves in a folder. UserError if another process does, or a training of this one that is at work.

    From one of this process that is not at work the newest takes over: a cell that makes a Trainer may be run again.
    It is the system's own lock, and ends with the process however that ends, with `release`, or with this object.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._works = folder.resolve(), 0
        self._lock: FileLock | None
        before = _holders.get(self.folder)
        if before is not None and before._works:
            raise self._taken()
        self._lock = self._locked() if before is None or before._lock is None else before._lock
        if before is not None:
            before._lock = None
        _holders[self.folder] = self

    def _locked(self) -> FileLock:
        file = self.folder / LOCK
        refuse_foreign(file, lambda _: False, "a lock")  # to take a lock may empty its file
        lock = FileLock(file, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise self._taken() from None
        except (OSError, NotImplementedError):
            pass  # a disk without locks, or where nothing can be written, which the Checkpointer says
        return lock

    def _taken(self) -> UserError:
        return UserError(f"{self.folder}: another training saves here: choose another folder, or end that one first")

    @property
    def held(self) -> bool:
        return self._lock is not None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Nothing takes over meanwhile. UserError if something has before."""
        if not self.held:
            raise UserError(f"{self.folder}: a newer Trainer saves here now: train that one, or make a new one")
        self._works += 1
        try:
            yield
        finally:
            self._works -= 1

    def renew(self) -> None:
        """Takes the lock again where its file is gone, as it is when somebody has emptied the folder."""
        if self._lock is not None and not os.path.lexists(self.folder / LOCK):
            self._lock.release()
            self._lock = self._locked()

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if _holders.get(self.folder) is self:
            del _holders[self.folder]


_holders: "WeakValueDictionary[Path, FolderLock]" = WeakValueDictionary()
