"""Where a study is kept that several workers share: a journal in a file that all of them see, or a database.

Both have a heartbeat, by which the trials of a worker that was killed are found, failed and queued to be made again.
Imported only where there is Optuna.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import psutil
from filelock import SoftFileLock, Timeout
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages._heartbeat import BaseHeartbeat  # what Optuna asks of a storage that is to have a heartbeat
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from teachkit.errors import UserError
from teachkit.files import piece, refuse_foreign
from teachkit.untrusted import read_bounded

PATIENCE = 10  # s for a storage to open, and for the lock of a journal
BEAT, GRACE = 10, 60  # s between a worker's signs of life, and without one until its trial is given up
RETRIES = 3  # of a trial whose workers are killed
LARGEST = 10**9  # bytes of a journal
ENDINGS = (".log", ".journal", ".jsonl", ".json", "")
NO_JOURNAL = "{}:{}: this is no journal of a study, or a damaged one: name another file"
DRIFT = 5  # s by which one and the same process may seem to have begun at another time
CONNECT = {"sqlite": "timeout", "postgresql": "connect_timeout", "mysql": "connect_timeout"}  # drivers' own words


class JournalLock:
    """The file beside a journal that all of Optuna's workers lock it by. That of a process killed here is taken over.

    UserError if another one holds it for too long.
    """

    def __init__(self, file: Path) -> None:
        self.file, self._lock = file, SoftFileLock(f"{file}.lock", timeout=PATIENCE, poll_interval=0.01)
        refuse_foreign(Path(f"{file}.lock"), _is_lock, "a lock")  # it would be taken for a dead worker's, and removed

    def acquire(self) -> bool:
        try:
            self._lock.acquire()
        except Timeout:
            what = f"{self.file}: another worker has held its lock for {PATIENCE} s"
            raise UserError(f"{what}: if none is at work any more, remove {self.file}.lock") from None
        self._cut_torn_line()
        return True

    def _cut_torn_line(self) -> None:
        """What a worker wrote that was killed in the midst of a line."""
        with open(self.file, "rb+") as journal:
            if not journal.seek(0, os.SEEK_END):
                return
            journal.seek(-1, os.SEEK_END)
            if journal.read(1) != b"\n":
                journal.seek(0)
                journal.truncate(journal.read().rfind(b"\n") + 1)

    def release(self) -> None:
        self._lock.release()


def _is_lock(file: Path) -> bool:
    """By its holder, by the words that stand there while one is taken over, or as Optuna's: a link to the journal."""
    if file.is_symlink():
        return file.resolve() == file.with_suffix("").resolve()
    return SoftFileLock(file).pid is not None or piece(file, 0, 9) == b"filelock/"


class Journal(JournalStorage, BaseHeartbeat):
    """Optuna's journal in a file, with the heartbeat that Optuna's own has only in a database.

    Beats are counted, so that no two machines' clocks are compared; a process of this machine is looked for itself.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        super().__init__(JournalFileBackend(str(file), lock_obj=JournalLock(file)))  # type: ignore[arg-type]
        self._beats = 0
        self._seen: dict[int, tuple[Any, float]] = {}  # of each trial: its last sign of life, and since when it is that

    def _sync_with_backend(self) -> None:
        """UserError, too, for a line that is an operation by its form alone; Optuna stumbles over it."""
        try:
            super()._sync_with_backend()
        except UserError:
            raise
        except (LookupError, TypeError, ValueError, AssertionError, AttributeError, OverflowError):
            raise UserError(NO_JOURNAL.format(self._file, self._replay_result.log_number_read)) from None

    def record_heartbeat(self, trial_id: int) -> None:
        self._beats += 1
        with suppress(UserError, OSError, UpdateFinishedTrialError):  # a beat may be missed
            self.set_trial_system_attr(trial_id, "alive", [*this_worker(), self._beats])

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial._trial_id for trial in running if self._is_stale(trial)]

    def _is_stale(self, trial: FrozenTrial) -> bool:
        alive = trial.system_attrs.get("alive")
        before, since = self._seen.get(trial._trial_id, (None, 0.0))
        if since == 0.0 or alive != before:
            since = time.monotonic()
            self._seen[trial._trial_id] = alive, since
        return is_dead(alive) or time.monotonic() - since > GRACE

    def get_heartbeat_interval(self) -> int:
        return BEAT

    def get_heartbeat_stale_trial_callback(self) -> Callable[["optuna.Study", FrozenTrial], None]:
        """Without the dead worker's last sign of life, by which the trial would at once be taken for lost again."""
        again = RetryHeartbeatStaleTrialCallback(RETRIES)

        def retry(study: "optuna.Study", trial: FrozenTrial) -> None:
            trial.system_attrs = {name: value for name, value in trial.system_attrs.items() if name != "alive"}
            again(study, trial)

        return retry


class Database(RDBStorage):
    """On a server, or SQLite."""

    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(StorageInternalError):  # a beat may be missed
            super().record_heartbeat(trial_id)


def this_worker() -> list[Any]:
    """Machine, process, and when it began. A container has processes of its own, though it may share a name."""
    space = Path("/proc/self/ns/pid")
    machine = f"{platform.node()} {space.stat().st_ino}" if space.exists() else platform.node()
    return [machine, os.getpid(), began(os.getpid())]


def began(process: int) -> float:
    """When, in seconds; 0 if there is no such process, or only what is left of it until its parent asks."""
    try:
        found = psutil.Process(process)
        return 0.0 if found.status() == psutil.STATUS_ZOMBIE else found.create_time()
    except psutil.Error:
        return 0.0


def is_dead(alive: list[Any] | None) -> bool:
    """Whether a worker is known to be gone. alive: its last sign of life; of another machine's nothing is known."""
    return alive is not None and alive[0] == this_worker()[0] and abs(began(alive[1]) - alive[2]) > DRIFT


def open_storage(where: str) -> JournalStorage | RDBStorage:
    """where: a file, made where there is none, or the URL of a database. UserError if it cannot be opened."""
    return open_database(where) if "://" in where else open_journal(Path(where))


def open_journal(file: Path) -> Journal:
    try:
        if file.exists() and (line := broken_line(file)):
            raise UserError(NO_JOURNAL.format(file, line))
        journal = Journal(file)
    except OSError as error:
        raise UserError(f"{file}: no journal of a study can be kept here ({error.strerror or error})") from None
    if not os.access(file, os.W_OK):
        raise UserError(f"{file}: this journal of a study cannot be written to: see to its rights")
    return journal


def broken_line(file: Path) -> int | None:
    """Number of the first line, from 1, that is no operation of a journal. The last one may still be being written.

    An empty file may be somebody's, such as the labels of a picture without objects, unless it is called as journals.
    """
    lines = read_bounded(file, LARGEST).split(b"\n")
    if lines == [b""] and file.suffix in ENDINGS:
        return None
    for number, line in enumerate(lines[:-1] or lines, start=1):
        try:
            operation = json.loads(line)
        except (ValueError, RecursionError):
            operation = None
        if not (isinstance(operation, dict) and isinstance(operation.get("op_code"), int)):
            return number
    return None


def open_database(url: str) -> RDBStorage:
    scheme, _, name = url.partition("://")
    if scheme.partition("+")[0] == "sqlite":
        file = Path(name.removeprefix("/").partition("?")[0])
        if file.name in ("", ":memory:"):
            raise UserError(f"{url} would be gone with this process: name a file, as in sqlite:///studies.db")
        refuse_foreign(file, _holds_studies, "a database of studies")
    option = CONNECT.get(url.partition(":")[0].partition("+")[0])

    def opened() -> RDBStorage:
        return Database(
            url,
            {"connect_args": {option: PATIENCE} if option else {}},
            heartbeat_interval=BEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(RETRIES),
        )

    return within(PATIENCE + 5, opened, without_password(url))


def _holds_studies(file: Path) -> bool:
    """Looked up in its bytes: SQLite itself may write, even where it only reads."""
    return b"CREATE TABLE studies (" in piece(file.resolve(), 0, 2**20)


def within(seconds: float, open_it: Callable[[], RDBStorage], name: str) -> RDBStorage:
    """What is opened. UserError if that fails or takes longer: not every driver gives up by itself."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(open_it())
        except Exception as error:  # each driver has its own
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)  # which the end of the process does not wait for
    thread.start()
    thread.join(seconds)
    reason = f"no answer within {seconds:g} s" if not found else found[0]
    if isinstance(reason, Exception):
        reason = reason_of(reason)
    if isinstance(reason, str):
        raise UserError(f"{name}: this storage cannot be reached ({reason})")
    return reason


def reason_of(error: BaseException) -> str:
    """What the driver says, on one line; SQLAlchemy's own words go on about its documentation."""
    behind = error.__cause__ or error
    if isinstance(behind, ModuleNotFoundError):
        return f"its driver, the Python module {behind.name}, is not installed"
    said = str(getattr(behind, "orig", None) or behind).strip()
    return said.splitlines()[0][:160] if said else type(behind).__name__


def without_password(url: str) -> str:
    before, at, host = url.rpartition("@")
    scheme, _, user = before.partition("://")
    return f"{scheme}://{user.partition(':')[0]}@{host}" if at else url
