"""The exercises that a student has tried and solved, kept in one small file in the home folder."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from teachkit.errors import UserError
from teachkit.files import clean_stale, refuse_foreign, write_whole
from teachkit.untrusted import read_bounded

# number → title, and the module in this folder that holds the lesson's checkers
LESSONS = {
    "00": ("Start here", "start_here"),
    "01": ("Feed", "feed"),
    "02": ("Predict", "predict"),
    "03": ("Punish: boxes", "punish_box"),
    "04": ("Punish: classes", "punish_class"),
    "05": ("Punish: DFL", "punish_dfl"),
    "06": ("The total loss", "total_loss"),
    "07": ("Learn", "learn"),
    "08": ("The learning rate", "learning_rate"),
    "09": ("The training cycle", "training_cycle"),
    "10": ("Best practices", "best_practices"),
    "11": ("Blood cells", "blood_cells"),
}
FORMAT = 1
LARGEST, MOST_TRIES = 10**6, 10**6  # bytes of the file
PATIENCE = 1.5  # s: an exercise waits no longer for another notebook

Record = dict[str, Any]


def place() -> Path:
    """The file: TEACHKIT_PROGRESS, else .teachkit/progress.json in the home folder."""
    return Path(os.environ.get("TEACHKIT_PROGRESS") or Path.home() / ".teachkit" / "progress.json")


def exercises_of(lesson: str) -> list[str]:
    """Names of a lesson's exercises, in the order of its module; none if the lesson has no module."""
    try:
        module = import_module(f"teachkit.exercises.{LESSONS[lesson][1]}")
    except ModuleNotFoundError:
        return []
    return [one.exercise for one in vars(module).values() if getattr(one, "lesson", None) == lesson]


def read(path: Path | None = None) -> Record:
    """lesson → name → {"tries", "solved"}; empty without a file. UserError if the file has another content."""
    path = place() if path is None else path
    try:
        content = json.loads(read_bounded(path, LARGEST))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, RecursionError) as error:  # a UserError of what is no file among them
        raise UserError(
            f"{path}: your progress cannot be read ({error}): move the file away to begin a new one"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not _is_done(content.get("done")):
        raise UserError(f"{path}: this is no progress of this course: move the file away to begin a new one")
    return content["done"]


def _is_done(done: object) -> bool:
    lessons = list(done.values()) if isinstance(done, dict) else [None]
    entries = [entry for lesson in lessons for entry in (lesson.values() if isinstance(lesson, dict) else [None])]
    return all(
        isinstance(entry, dict)
        and type(entry.get("tries")) is int
        and 0 <= entry["tries"] <= MOST_TRIES
        and isinstance(entry.get("solved"), str | None)
        for entry in entries
    )


def record(lesson: str, name: str, right: bool) -> None:
    """Records one more try. A solved exercise stays solved. Safe for several notebooks at once."""
    path = Path(os.path.realpath(place()))  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    refuse_foreign(lock, lambda _: False, "a lock")  # to take a lock may empty its file
    with _held(FileLock(lock, timeout=PATIENCE)):
        clean_stale(path.parent)
        done = read(path)
        entry = done.setdefault(lesson, {}).setdefault(name, {"tries": 0, "solved": None})
        entry["tries"] += 1
        if right and entry.get("solved") is None:
            entry["solved"] = datetime.now().isoformat(timespec="minutes")
        text = json.dumps({"format": FORMAT, "done": done}, indent=1, ensure_ascii=False)
        write_whole(path, text.encode())


@contextmanager
def _held(lock: FileLock) -> Iterator[None]:
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{lock.lock_file}: held by another notebook for {PATIENCE:g} s: see whether one of them has stopped"
        ) from None
    try:
        yield
    finally:
        lock.release()


def counts(done: Record | None = None) -> dict[str, tuple[int, int]]:
    """lesson → number of solved exercises, and of all."""
    done = read() if done is None else done
    result = {}
    for lesson in LESSONS:
        names = exercises_of(lesson)
        result[lesson] = (sum(bool(done.get(lesson, {}).get(name, {}).get("solved")) for name in names), len(names))
    return result
