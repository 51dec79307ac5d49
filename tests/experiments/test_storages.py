"""A study that several workers share: no trial is lost or made twice, and a storage that fails is one line."""

import os
import platform
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teachkit.errors import UserError
from teachkit.experiments import storages
from teachkit.experiments import study as study_module
from teachkit.experiments.study import agree, counted, join, record_of, work
from tests import forked
from tests.experiments import worker

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage")  # where a test takes a trial by hand


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Whoever waits for another worker looks often."""
    monkeypatch.setattr(study_module, "LOOK", 0.05)


def climbing(rate, weights):
    yield from (0.1, 0.2)


def test_three_workers_of_which_one_is_killed_make_each_trial_once(tmp_path):
    journal, trained, trials = tmp_path / "journal.log", tmp_path / "trained.txt", 9
    study = join("shared", str(journal))
    workers = [forked.CONTEXT.Process(target=worker.main, args=(journal, trials, trained)) for _ in range(3)]
    for one in workers:
        one.start()
    end = time.monotonic() + 90
    victim = None
    while victim is None:
        at_work = [one for one in study.get_trials() if one.state.name == "RUNNING" and one.intermediate_values]
        victim = next((one for one in at_work if "alive" in one.system_attrs), None)
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(victim.system_attrs["alive"][1], signal.SIGKILL)
    for one in workers:
        one.join(90)
    assert sorted(one.exitcode for one in workers) == [-signal.SIGKILL, 0, 0]

    made = study.get_trials()
    failed = [one for one in made if one.state.name == "FAIL"]
    assert victim.number in [one.number for one in failed]
    again = [one for one in made if one.system_attrs.get("failed_trial") == victim.number]
    assert [one.params for one in again] == [victim.params]
    of_study = counted(study, 100)
    assert len(of_study) == trials
    assert all(one.state.name in ("COMPLETE", "PRUNED") for one in of_study)
    complete = sorted(repr(one.params["lr"]) for one in of_study if one.state.name == "COMPLETE")
    assert sorted(trained.read_text().split()) == complete
    assert len(set(complete)) == len(complete)  # no two workers have proposed the same


@pytest.mark.skipif(os.name == "nt", reason="there a parent leaves nothing of a process")
def test_a_killed_worker_is_known_to_be_gone_before_its_parent_asks():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    alive = [storages.this_worker()[0], child.pid, storages.began(child.pid)]
    assert not storages.is_dead(alive)
    child.kill()
    end = time.monotonic() + 5
    while not storages.is_dead(alive) and time.monotonic() < end:
        time.sleep(0.01)
    assert storages.is_dead(alive)
    child.wait()


def test_one_worker_alone_proposes_the_same_however_often_it_was_stopped(tmp_path):
    whole = work(join("a", str(tmp_path / "1.log")), 6, climbing, 2, seed=3, shared=True, progress=False)
    file = str(tmp_path / "2.log")
    for trials in (2, 3, 6):
        parts = work(join("a", file), trials, climbing, 2, seed=3, shared=True, progress=False)
    assert parts == whole


def test_what_is_asked_for_counts_all_that_the_study_has(tmp_path):
    study = join("a", str(tmp_path / "journal.log"))
    work(study, 2, climbing, 2, shared=True, progress=False)
    told = []
    records = work(study, 2, climbing, 2, shared=True, progress=False, told=told.append)
    assert (len(records), told) == (2, [])
    work(study, 3, climbing, 2, shared=True, progress=False, told=told.append)
    assert [one["number"] for one in told] == [2]


def test_the_later_of_two_that_took_the_last_trial_at_once_leaves_it(tmp_path, monkeypatch):
    study = join("a", str(tmp_path / "journal.log"))
    first = study.ask()

    def train(rate, weights):
        raise AssertionError("this trial is not to be trained")

    states = iter(["open", "done"])
    monkeypatch.setattr("teachkit.experiments.study.state_of", lambda *_: next(states))
    work(study, 1, train, 2, shared=True, progress=False)
    study.tell(first, 0.5)
    records = [record_of(one) for one in study.trials]
    assert [one["state"] for one in records] == ["complete", "failed"]


def test_a_trial_that_another_worker_has_given_up_is_left(tmp_path):
    """As after a long sleep of the machine."""
    study = join("a", str(tmp_path / "journal.log"))
    other = join("a", str(tmp_path / "journal.log"))

    def train(rate, weights):
        if len(other.get_trials()) == 1:
            other.tell(0, state=storages.TrialState.FAIL)
        yield 0.5

    records = work(study, 1, train, 1, shared=True, progress=False)
    assert [one["state"] for one in records] == ["failed", "complete"]


def test_a_silent_worker_of_another_machine_is_given_up_after_a_while_and_its_trial_made_again(tmp_path, monkeypatch):
    study, other = join("a", str(tmp_path / "journal.log")), join("a", str(tmp_path / "journal.log"))
    lost = other.ask()
    lost.suggest_float("lr", 1e-5, 1e-1, log=True)
    other._storage.set_trial_system_attr(lost._trial_id, "alive", ["another machine", os.getpid(), 0.0, 1])
    monkeypatch.setattr(storages, "GRACE", 0.3)
    began = time.monotonic()
    records = work(study, 1, climbing, 2, shared=True, progress=False)
    assert time.monotonic() - began > 0.3
    assert [one["state"] for one in records] == ["failed", "complete"]
    assert records[0]["lr"] == records[1]["lr"]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_trial_that_is_made_again_is_not_taken_for_lost_before_its_new_worker_gives_a_sign_of_life(tmp_path):
    study, other = join("a", str(tmp_path / "journal.log")), join("a", str(tmp_path / "journal.log"))
    lost = other.ask()
    here, number, began = storages.this_worker()
    other._storage.set_trial_system_attr(lost._trial_id, "alive", [here, number, began - 60, 1])  # one that has ended
    assert study_module.state_of(study, 1) == "open"
    assert study.ask().number == 1
    assert study_module.state_of(other, 1) == "taken"
    assert [one.state.name for one in study.get_trials()] == ["FAIL", "RUNNING"]


def test_a_worker_at_work_is_waited_for(tmp_path, monkeypatch):
    study, other = join("a", str(tmp_path / "journal.log")), join("a", str(tmp_path / "journal.log"))
    trial = other.ask()
    other._storage.record_heartbeat(trial._trial_id)
    looks = []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 5:
            other.tell(trial, 0.5)

    monkeypatch.setattr(study_module.time, "sleep", look)
    assert [one["map50"] for one in work(study, 1, climbing, 2, shared=True, progress=False)] == [0.5]


def test_a_process_is_told_from_another_that_has_its_number():
    here, number, began = storages.this_worker()
    assert not storages.is_dead([here, number, began, 7])
    assert storages.is_dead([here, number, began - 60, 7])
    assert storages.is_dead([here, 2**22 + 1, began, 7])
    assert not storages.is_dead(["another machine", 2**22 + 1, began, 7])
    assert platform.node() in here


def test_a_database_keeps_a_study_and_makes_a_lost_trial_again(tmp_path):
    where = f"sqlite:///{tmp_path / 'study.db'}"
    study = join("a", where)
    lost = study.ask()
    lost.suggest_float("lr", 1e-5, 1e-1, log=True)
    study._storage.record_heartbeat(lost._trial_id)
    ago = f"-{storages.GRACE + 2} seconds"
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, ?)", [ago])
    database.close()
    records = work(study, 1, climbing, 2, shared=True, progress=False)
    assert [one["state"] for one in records] == ["failed", "complete"]
    assert records[0]["lr"] == records[1]["lr"]


def test_a_study_that_was_begun_with_other_settings_is_not_joined(tmp_path):
    study = join("a", str(tmp_path / "journal.log"))
    agree(study, {"epochs": 3, "pictures": "abc"})
    agree(join("a", str(tmp_path / "journal.log")), {"epochs": 3})
    with pytest.raises(UserError, match=r"begun with another epochs \(3, not 4\)"):
        agree(study, {"epochs": 4})


def test_only_a_study_that_is_there_is_gone_on_with(tmp_path):
    with pytest.raises(UserError, match="there is no study 'b'"):
        join("b", str(tmp_path / "journal.log"), new=False)


def test_a_training_that_fails_leaves_its_trial_to_be_made_anew(tmp_path):
    study = join("a", str(tmp_path / "journal.log"))

    def train(rate, weights):
        yield float("nan")

    with pytest.raises(UserError, match="no object in the validation"):
        work(study, 1, train, 2, shared=True, progress=False)
    assert [record_of(one)["state"] for one in study.trials] == ["failed"]


# storages that fail


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(storages, "PATIENCE", 0.5)


@pytest.mark.parametrize("lock", ["file", "link", "of another machine"])
def test_a_journal_whose_lock_is_held_is_one_line_that_names_it(tmp_path, impatient, lock):
    file = tmp_path / "journal.log"
    join("a", str(file))
    held = Path(f"{file}.lock")
    if lock == "link":  # as Optuna's own lock is
        held.symlink_to(file)
    else:
        held.write_text("" if lock == "file" else "1\nanother machine\n")
    with pytest.raises(UserError, match=r"held its lock.*remove .*journal\.log\.lock"):
        join("b", str(file))


def test_the_patience_with_a_lock_or_a_server_is_less_than_half_a_minute():
    assert 2 * storages.PATIENCE + 5 < 30  # in the midst of a trial twice: its report, and then its end


def test_a_lock_of_a_process_that_was_killed_here_is_taken_over(tmp_path):
    file = tmp_path / "journal.log"
    lock = storages.JournalLock(file)
    program = "import os; from filelock import SoftFileLock as Lock; "
    program += f"lock = Lock({f'{file}.lock'!r}); lock.acquire(); os._exit(0)"
    subprocess.run([sys.executable, "-c", program], check=True)
    file.touch()
    assert Path(f"{file}.lock").exists()
    assert lock.acquire()
    lock.release()


def test_a_line_that_a_killed_worker_has_left_half_is_cut(tmp_path):
    file = tmp_path / "journal.log"
    study = join("a", str(file))
    with file.open("a") as journal:
        journal.write('{"op_code": 4, "wor')
    other = join("a", str(file))
    other.tell(other.ask(), 0.5)
    assert [one.value for one in study.trials] == [one.value for one in join("a", str(file)).trials] == [0.5]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a poem\n", 1),
        ('{"op_code": 0}\n[]\n', 2),
        ("no end of line", 1),
        ('["op_code"]\n', 1),
        ("\n\n", 1),
        ("", 1),
        ("[" * 10**5, 1),
        ('{"op_code": 0, "worker_id": "x"}\n', 1),  # an operation by its form alone
        ('{"op_code": 0, "worker_id": "x", "study_name": "a", "directions": [2]}\n{"op_code": 99}\n', 2),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path, content, line):
    file = tmp_path / "poem.txt"
    file.write_text(content)
    with pytest.raises(UserError, match=f"poem.txt:{line}: this is no journal"):
        join("a", str(file))
    assert file.read_text() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_the_place_of_a_journal_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "journal.log")
    with pytest.raises(UserError, match=r"journal\.log is no file"):
        join("a", str(tmp_path / "journal.log"))


@pytest.mark.parametrize("content", [b"a", b"not a lock\n", b"12\n"])
def test_a_file_of_others_that_has_the_name_of_the_lock_is_refused_and_left(tmp_path, content):
    lock = tmp_path / "journal.log.lock"
    lock.write_bytes(content)
    with pytest.raises(UserError, match=r"journal\.log\.lock: is there already and is not a lock of teachkit's"):
        join("a", str(tmp_path / "journal.log"))
    assert [file.name for file in tmp_path.iterdir()] == [lock.name]
    assert lock.read_bytes() == content


@pytest.mark.parametrize("content", [b"a", b"a poem\n", "a database"], ids=str)
def test_a_database_of_others_gets_no_tables_of_a_study(tmp_path, content):
    file = tmp_path / "films.db"
    if content == "a database":
        films = sqlite3.connect(file)
        films.execute("CREATE TABLE films (name TEXT)")
        films.close()
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"films\.db: is there already and is not a database of studies of teachkit's"):
        join("a", f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_journal_that_finds_no_room_is_one_line(tmp_path, monkeypatch):
    study = join("a", str(tmp_path / "journal.log"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(study._storage._backend, "append_logs", full)
    with pytest.raises(UserError, match=r"has no room left .No space left on device.: make room"):
        work(study, 1, climbing, 2, progress=False)


def test_a_place_where_no_file_can_be_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no journal of a study can be kept here"):
        join("a", str(tmp_path / "nowhere" / "journal.log"))
    with pytest.raises(UserError, match="no journal of a study can be kept here"):
        join("a", str(tmp_path))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_keeps_nothing_is_refused(url):
    with pytest.raises(UserError, match="would be gone with this process: name a file"):
        join("a", url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////nowhere/study.db", "unable to open database file"),
        ("oracle://me:secret@127.0.0.1/x", "its driver, the Python module .*oracle.*, is not installed"),
        ("nonsense://x", "nonsense"),
        ("redis://127.0.0.1", "redis"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_line_without_its_password(url, reason):
    with pytest.raises(UserError, match=f"this storage cannot be reached .*{reason}") as told:
        join("a", url)
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_database_that_others_have_locked_is_one_line(tmp_path, impatient):
    file = tmp_path / "study.db"
    with sqlite3.connect(file) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"this storage cannot be reached .*locked"):
            join("a", f"sqlite:///{file}")
    other.close()


def test_a_server_that_never_answers_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def open_it():
            with socket.create_connection(server.getsockname()) as connection:
                connection.recv(1)

        with pytest.raises(UserError, match=r"of no one: this storage.*no answer within 0\.2 s"):
            storages.within(0.2, open_it, "of no one")


def test_a_storage_that_breaks_off_in_the_midst_of_a_study_is_one_line(tmp_path):
    file = tmp_path / "study.db"
    study = join("a", f"sqlite:///{file}")

    def train(rate, weights):
        with sqlite3.connect(file) as other:
            other.execute("DROP TABLE trial_intermediate_values")
        other.close()
        yield 0.5

    with pytest.raises(UserError, match=r"cannot be reached any more .*no such table"):
        work(study, 1, train, 1, shared=True, progress=False)
