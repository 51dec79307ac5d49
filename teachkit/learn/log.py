"""Events of a run, and the log: one record a line, as JSON, readable while it is being written."""

import errno
import json
import math
import os
import stat
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.files import flush_folder, is_foreign, piece, why_not_written, write_whole
from teachkit.structures import LOSS_NAMES
from teachkit.untrusted import read_bounded

Record = dict[str, Any]
NEEDED = {
    "step": ("step",),
    "epoch": ("epoch",),
    "event": ("what", "step"),
    "look": ("step", "found"),
    "end": ("reason",),
}
NEEDED_BY = {"lr": ("lr", "schedule"), "weights": ("weights", "before"), "optimizer": ("optimizer",)}  # of an event
LARGEST_LOG, LARGEST_PLACE = 500 * 10**6, 2**53  # bytes; beyond the place a whole number is no float
FIRST = {  # the records that a log of ours may begin with, and what they hold that is not in logs of others
    "start": ("seconds", "settings"),
    "step": ("seconds", "total", "weights", "grad_norm"),
    "epoch": ("seconds", "map50", "map75"),
    "event": ("seconds", "message"),
    "look": ("step", "found"),
    "end": ("seconds",),
}
FIRST_SETTINGS = {"schedule", "weights", "batches"}
LOG_ENDINGS = (".jsonl", ".log", ".json")
PATIENCE = 2.0  # s for who reads a pipe
LONGEST_FIRST = 2**20  # bytes of the first line
MOST_WAITING = 2**24  # bytes of the lines that nobody takes


@dataclass(frozen=True)
class Event:
    """What happened in a run. what: a word for programs; message: a sentence for people; details: plain values."""

    what: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


def as_json(value: Any) -> Any:
    """The same with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    return value


class LogWriter:
    """Appends records to a file, each at once and as a whole line. append: False empties the file first.

    If the disk is full, or nobody reads a pipe, a warning says so, and the lines are written later; of more than
    `MOST_WAITING` bytes the oldest are lost. UserError if the file is not a log of a training, cannot be written, or is
    being written by another training.
    """

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = Path(path)
        self._waiting = b""
        self._told = False
        refuse_other_log(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # always at the end, also after a truncation
            self._file = open(self.path, "ab+", buffering=0, opener=_without_waiting)  # noqa: SIM115 — for the whole run
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}): choose another place for the log"
            ) from None
        self._is_file = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        if self._is_file and not _lock(self._file):
            self._file.close()
            raise _written_by_another(self.path)
        self._size = self._end_of_last_line() if append else 0
        with suppress(OSError):  # a pipe or a device has no length
            self._file.truncate(self._size)

    def _end_of_last_line(self) -> int:
        """In bytes. What comes after it was cut off by a crash."""
        self._file.seek(0)
        return self._file.read().rfind(b"\n") + 1

    def write(self, record: Record) -> None:
        self._waiting += _line(record)
        if len(self._waiting) > MOST_WAITING:
            self._lose()
        try:
            self._write_waiting()
        except OSError as error:
            self._tell(error)

    def _write_waiting(self) -> None:
        """Of a line that found room in part, nothing stays in a file; a pipe gets the rest of it later."""
        done = 0
        try:
            while done < len(self._waiting):
                written = self._file.write(self._waiting[done:])
                if written is None:
                    raise BlockingIOError(errno.EAGAIN, "nobody reads it")
                done += written
        except OSError:
            if self._is_file:
                with suppress(OSError):
                    self._file.truncate(self._size)
            else:
                self._waiting = self._waiting[done:]
            raise
        self._waiting, self._told = b"", False
        self._size += done

    def _lose(self) -> None:
        """Keeps the newer half of what waits, and the first line, of which a pipe may have taken a part."""
        first, rest = self._waiting.index(b"\n") + 1, self._waiting.index(b"\n", len(self._waiting) // 2) + 1
        lost = self._waiting.count(b"\n", first, rest)
        self._waiting = self._waiting[:first] + self._waiting[rest:]
        warnings.warn(f"{self.path}: {lost} lines that nobody took are lost; the training goes on", stacklevel=3)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            unread = isinstance(error, BlockingIOError)
            why = f"{self.path}: {error.strerror}" if unread else why_not_written(error, self.path, len(self._waiting))
            warnings.warn(f"{why}; the training goes on", stacklevel=3)

    def sync(self) -> None:
        """Makes what is written last through a power cut: a state that counts on it may be saved after that."""
        try:
            os.fsync(self._file.fileno())
            flush_folder(self.path.parent)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or a device keeps nothing
                self._tell(error)

    def close(self) -> None:
        """What waits is written now, or lost, which a warning says; a slow reader of a pipe is waited for a little."""
        if self._file.closed:
            return
        deadline = time.monotonic() + (0 if self._is_file else PATIENCE)
        while self._waiting:
            with suppress(OSError):
                self._write_waiting()
            if time.monotonic() >= deadline:
                break
            time.sleep(PATIENCE / 100)
        self._file.close()
        if lost := self._waiting.count(b"\n"):
            warnings.warn(f"{self.path}: its last {lost} lines found no room, or no reader, and are lost", stacklevel=3)

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _without_waiting(name: str, flags: int) -> int:
    """Opens a file; a pipe that is full, for nobody reads it, is an error then and no wait without end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _line(record: Record) -> bytes:
    """As JSON. What is no UTF-8, as in the name of a folder, is spelt out as JSON spells it."""
    return (json.dumps(as_json(record), allow_nan=False, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def is_log(path: Path) -> bool:
    """Whether its first line is a record of a training."""
    line, end, _ = piece(path, 0, LONGEST_FIRST).partition(b"\n")
    try:
        record = json.loads(line) if end else None
    except (ValueError, RecursionError):
        return False
    if record is None or not _is_record(record) or not all(name in record for name in FIRST.get(record["kind"], "?")):
        return False
    return record["kind"] != "start" or set(record["settings"]) >= FIRST_SETTINGS


def refuse_other_log(path: Path) -> None:
    """UserError if a file is there that is no log of a training, or is the log of one that is at work.

    An empty file may be somebody's, such as the labels of a picture without objects, unless it is called as logs are.
    A pipe or a device holds nothing to lose.
    """
    real = Path(os.path.realpath(path))
    empty = real.is_file() and not real.stat().st_size and path.suffix not in LOG_ENDINGS
    if empty or real.is_dir() or (real.is_file() and is_foreign(real, is_log)):
        raise UserError(f"{path}: is there already and is no log of a training: name another file, or move it away")
    if real.is_file():
        with suppress(OSError), open(real, "rb") as file:
            if not _lock(file):
                raise _written_by_another(path)


def _lock(file: Any) -> bool:
    """Takes the system's lock of an open file, until it is closed → False if another has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        pass
    return True


def _written_by_another(path: Path) -> UserError:
    return UserError(f"{path}: another training writes this log: name another file, or end that one first")


def read_log(path: str | Path) -> list[Record]:
    """All records. A last line cut off by a crash is left out; UserError with file:line for any other fault.

    Also if it is no file, or too large.
    """
    lines = read_bounded(Path(path), LARGEST_LOG).split(b"\n")
    records = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line, parse_constant=float)
        except (ValueError, RecursionError):
            record = None
        if not _is_record(record):
            raise UserError(f"{path}:{number}: not a record of a training log: remove this line")
        records.append(record)
    return records


def _is_record(record: Any) -> bool:
    """Whether it is of a kind, holds what this kind must hold, and each of it is of its type."""
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
        return False
    kind, what = record["kind"], record.get("what")
    needed = (*NEEDED.get(kind, ()), *(NEEDED_BY.get(what, ()) if kind == "event" and isinstance(what, str) else ()))
    return all(name in record for name in needed) and all(
        is_right(record[name]) for name, is_right in TYPES.items() if name in record
    )


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_PLACE


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < LARGEST_PLACE)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(one is not None and _is_number(one) for one in value.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_found(value: Any) -> bool:
    """A list for each picture, of rows x1, y1, x2, y2, label, score."""
    pictures = value if isinstance(value, list) else [None]
    rows = [row for picture in pictures for row in (picture if isinstance(picture, list) else [None])]
    return all(
        isinstance(row, list) and len(row) == 6 and all(_is_number(one) and one is not None for one in row)
        for row in rows
    )


def _are_settings(value: Any) -> bool:
    words = ("schedule", "optimizer", "data", "val_split")
    return isinstance(value, dict) and all(isinstance(value.get(name, ""), str) for name in words)


TYPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("step", "epoch"), _is_place),
    **dict.fromkeys((*LOSS_NAMES, "total", "lr", "grad_norm", "map", "map50", "map75", "seconds"), _is_number),
    **dict.fromkeys((*(f"val_{name}" for name in (*LOSS_NAMES, "total")), "train_seconds", "dfl_clipped"), _is_number),
    **dict.fromkeys(("what", "message", "reason", "schedule", "optimizer"), _is_text),
    **dict.fromkeys(("weights", "before"), _are_numbers),
    "settings": _are_settings,
    "found": _are_found,
}


def kept_of(records: Sequence[Record], step: int, epoch: int) -> list[Record]:
    """Those that were written before a state. step, epoch: the first that the state has not seen."""
    kept: list[Record] = []
    for record in records:
        number, first_unseen = (record["epoch"], epoch) if record["kind"] == "epoch" else (record.get("step", -1), step)
        if number >= first_unseen:
            break
        kept.append(record)
    while kept and kept[-1]["kind"] == "end":
        kept.pop()
    return kept


def cut_log(path: str | Path, step: int, epoch: int) -> None:
    """Keeps what was written before a state, see `kept_of`."""
    kept = kept_of(read_log(path), step, epoch)
    write_whole(Path(path), b"".join(map(_line, kept)))
