"""Events of a run, and the log: one record a line, as JSON, readable while it is being written."""

import json
import math
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.learn.files import why_not_written, write_whole

Record = dict[str, Any]
NEEDED = {"step": ("step",), "epoch": ("epoch",), "event": ("what",), "look": ("step", "found")}


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

    If the disk is full a warning says so, and the lines are written later.
    """

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = Path(path)
        self._waiting = b""
        self._told = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # always at the end, also after a truncation
            self._file = open(self.path, "ab+", buffering=0)  # noqa: SIM115 — stays open for the whole run
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}): choose another place for the log"
            ) from None
        self._size = self._end_of_last_line() if append else 0
        with suppress(OSError):  # a pipe or a device has no length
            self._file.truncate(self._size)

    def _end_of_last_line(self) -> int:
        """In bytes. What comes after it was cut off by a crash."""
        self._file.seek(0)
        return self._file.read().rfind(b"\n") + 1

    def write(self, record: Record) -> None:
        line = json.dumps(as_json(record), allow_nan=False, ensure_ascii=False) + "\n"
        self._waiting += line.encode()
        try:
            self._write_waiting()
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)  # of a line that found room in part, nothing stays
            if not self._told:
                self._told = True
                warnings.warn(why_not_written(error, self.path, len(self._waiting)), stacklevel=2)

    def _write_waiting(self) -> None:
        done = 0
        while done < len(self._waiting):
            done += self._file.write(self._waiting[done:])
        self._waiting, self._told = b"", False
        self._size += done

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_log(path: str | Path) -> list[Record]:
    """All records. A last line cut off by a crash is left out; UserError with file:line for any other fault."""
    lines = Path(path).read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not _is_record(record):
            raise UserError(f"{path}:{number}: not a record of a training log: remove this line")
        records.append(record)
    return records


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
        return False
    places = (record.get(name, 0) for name in ("step", "epoch"))
    return (
        all(name in record for name in NEEDED.get(record["kind"], ()))
        and all(isinstance(place, int) for place in places)
        and isinstance(record.get("settings", {}), dict)
    )


def cut_log(path: str | Path, step: int, epoch: int) -> None:
    """Removes the records that came after a state. step, epoch: the first ones that the state does not include."""
    kept: list[Record] = []
    for record in read_log(path):
        number, first_unseen = (record["epoch"], epoch) if record["kind"] == "epoch" else (record.get("step", -1), step)
        if number >= first_unseen:
            break
        kept.append(record)
    while kept and kept[-1]["kind"] == "end":
        kept.pop()
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
    write_whole(Path(path), text.encode())
