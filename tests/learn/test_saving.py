"""A disk that is full, or a folder that cannot be written, costs a message and nothing else."""

import errno
import gc
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn import checkpoint
from teachkit.learn.checkpoint import load_model, load_run
from teachkit.learn.run_folder import BEST, EARLIER, LAST, LOCK, MARKER, OF_A_RUN
from teachkit.learn.saving import Checkpointer
from tests.forked import python
from tests.learn.tiny import make_batches, same, tiny_detector


def fails_with(number):
    def fail(*arguments, **settings):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_is_told_in_megabytes_and_training_goes_on(make_trainer, tmp_path, monkeypatch, number, where):
    trainer = make_trainer(make_batches(2), save_dir=tmp_path)
    trainer.fit(1)
    sound = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr(f"teachkit.files.os.{where}", fails_with(number))
    assert trainer.fit(2)["reason"] == "epochs"
    assert trainer.step_number == 6
    messages = [event["message"] for event in trainer.events("unsaved")]
    assert len(messages) == 2
    assert all("disk full" in one and " MB" in one and "\n" not in one for one in messages)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == sound

    monkeypatch.undo()
    trainer.fit(1)
    assert load_run(tmp_path).state["progress"]["step"] == 8


def test_a_limit_of_the_operating_system_itself_is_survived(make_trainer, tmp_path):
    """A real write that fails half way: for a while no file of this process may grow larger than 20 kB."""
    resource = pytest.importorskip("resource")
    trainer = make_trainer(make_batches(2), save_dir=tmp_path)
    trainer.fit(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        assert trainer.fit(1)["reason"] == "epochs"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (event,) = trainer.events("unsaved")
    assert event["message"].startswith("disk full")
    assert load_run(tmp_path).state["progress"]["step"] == 2
    assert not list(tmp_path.glob(".*.part"))


def test_other_failures_of_a_folder_are_told_as_they_are(make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(make_batches(2), save_dir=tmp_path)
    monkeypatch.setattr("teachkit.files.os.fsync", fails_with(errno.EIO))
    assert trainer.fit(1)["reason"] == "epochs"
    (event,) = trainer.events("unsaved")
    assert "Input/output error" in event["message"]


def test_a_folder_removed_in_mid_run_is_made_again(make_trainer, tmp_path):
    folder = tmp_path / "runs" / "one"
    trainer = make_trainer(make_batches(2), save_dir=folder)
    trainer.fit(1)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    trainer.fit(1)
    assert load_run(folder).state["progress"]["step"] == 4


def test_a_place_that_cannot_be_a_folder_is_refused_before_the_training(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="choose another folder"):
        Checkpointer(tmp_path / "file")
    with pytest.raises(UserError, match="choose another folder"):
        Checkpointer(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_without_a_listener_an_unsaved_state_is_a_warning(make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(make_batches(1), save_dir=tmp_path, on_record=None)
    monkeypatch.setattr("teachkit.files.os.fsync", fails_with(errno.ENOSPC))
    with pytest.warns(UserWarning, match="disk full"):
        trainer.fit(1)


@pytest.mark.skipif(os.name == "nt", reason="rights as on Unix")
def test_what_is_saved_has_the_rights_of_any_other_file(make_trainer, tmp_path):
    (tmp_path / "any").touch()
    make_trainer(make_batches(1), save_dir=tmp_path / "run").fit(1)
    assert {file.stat().st_mode for file in (tmp_path / "run").glob("[!.]*")} == {(tmp_path / "any").stat().st_mode}


def test_the_best_weights_are_those_of_the_best_epoch(make_trainer, tmp_path):
    scores = iter([0.2, 0.6, 0.4])
    trainer = make_trainer(make_batches(2), make_batches(1), save_dir=tmp_path)
    trainer.validate = lambda stopped: {"map50": next(scores)}
    kept = []
    trainer.on_record = lambda record: kept.append(trainer.state_dict()) if record["kind"] == "epoch" else None
    trainer.cursor.data = Sized(trainer.cursor.data)
    trainer.fit(3)
    best = load_model(tmp_path, device="cpu")
    last = load_model(tmp_path, "last", device="cpu")
    averaged = [state["train_step"]["ema"]["model"] for state in kept]
    assert same(dict(best.state_dict()), averaged[1])
    assert same(dict(last.state_dict()), averaged[2])


class Sized(list):
    image_size = (32, 32)


# whose a folder is

OTHER = """
import sys, time
from pathlib import Path
from teachkit.learn.saving import Checkpointer
saver = Checkpointer(Path(sys.argv[1]))
print("within", flush=True)
time.sleep(60)
"""


def test_a_folder_is_one_process_s_until_it_ends_even_by_force(make_trainer, tmp_path):
    with subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path / "run")], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline().strip() == b"within"
            with pytest.raises(UserError, match="run: another training saves here"):
                make_trainer(save_dir=tmp_path / "run")
            make_trainer(save_dir=tmp_path / "another")
        finally:
            other.kill()
    make_trainer(make_batches(1), save_dir=tmp_path / "run").fit(1)


def test_a_cell_that_makes_a_trainer_may_be_run_again_and_the_older_trainer_saves_no_more(make_trainer, tmp_path):
    first = make_trainer(make_batches(1), save_dir=tmp_path)
    first.fit(1)
    second = make_trainer(make_batches(1), save_dir=tmp_path)
    second.fit(2)
    with pytest.raises(UserError, match="a newer Trainer saves here now"):
        first.fit(1)
    assert load_run(tmp_path).state["progress"]["step"] == 2
    second.fit(1)


def test_from_a_trainer_at_work_nothing_takes_its_folder_over(make_trainer, tmp_path):
    trainer, refused = make_trainer(make_batches(1), save_dir=tmp_path), []

    def make_another(record):
        if record["kind"] == "step":
            with pytest.raises(UserError, match="another training saves here") as caught:
                make_trainer(save_dir=tmp_path)
            refused.append(caught.value)

    trainer.on_record = make_another
    trainer.fit(1)
    assert len(refused) == 1
    make_trainer(save_dir=tmp_path)


def test_a_trainer_that_is_gone_or_let_go_locks_no_other_process_out(make_trainer, tmp_path):
    program = "import sys; from pathlib import Path; from teachkit.learn.run_folder import FolderLock\n"
    program += "FolderLock(Path(sys.argv[1]))"

    def another_process_may():
        return python(program, tmp_path)

    trainer = make_trainer(save_dir=tmp_path)
    assert "another training saves here" in another_process_may().stderr
    trainer.checkpointer.lock.release()
    assert another_process_may().returncode == 0
    trainer = make_trainer(save_dir=tmp_path)
    del trainer
    gc.collect()
    assert another_process_may().returncode == 0


def test_a_folder_that_was_emptied_is_marked_and_locked_again(make_trainer, tmp_path):
    trainer = make_trainer(make_batches(1), save_dir=tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()
    trainer.fit(1)
    assert {MARKER, LOCK} <= {file.name for file in tmp_path.iterdir()}


def test_a_disk_that_knows_no_locks_is_saved_to_without(make_trainer, tmp_path, monkeypatch):
    for error in (NotImplementedError, OSError):
        monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, error=error, **__: (_ for _ in ()).throw(error()))
        make_trainer(make_batches(1), save_dir=tmp_path / error.__name__).fit(1)


# files of others


@pytest.mark.parametrize("name", [*OF_A_RUN, MARKER, LOCK, EARLIER])
@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder"])
def test_a_folder_where_others_have_a_name_that_is_needed_is_refused_by_it(make_trainer, tmp_path, name, kind):
    (tmp_path / "elsewhere").write_text("mine")
    place = tmp_path / "run" / name
    place.parent.mkdir()
    match kind:
        case "file":
            place.write_text("mine")
        case "link":
            place.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(place)
        case _ if name == EARLIER:
            (place / LAST).mkdir(parents=True)
        case _:
            place.mkdir()
    if kind == "folder" and name == EARLIER:  # there it is met when a run is put aside
        fresh = make_trainer(make_batches(1), save_dir=tmp_path / "run")
        fresh.fit(1)
        again = make_trainer(make_batches(1), save_dir=tmp_path / "run")
        again.fit(1)
        assert f"{place / LAST}: is not of a training" in again.events("unsaved")[0]["message"]
    else:
        with pytest.raises(UserError, match=re.escape(f"{place}: is ")):
            make_trainer(save_dir=tmp_path / "run")
        assert [file.name for file in place.parent.iterdir()] == [name]
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_file_of_others_that_came_into_our_folder_is_kept_under_another_name(make_trainer, tmp_path):
    trainer = make_trainer(make_batches(1), save_dir=tmp_path)
    for number in (1, 2):
        for name in (LAST, BEST):
            (tmp_path / name).write_text(f"mine {number}")
        with pytest.warns(UserWarning, match=r"(last|best)\.pt: is damaged, or not of teachkit: kept as") as told:
            trainer.fit(1)
        assert len(told) == 2
        assert (tmp_path / f"last.set-aside-{number}.pt").read_text() == f"mine {number}"
        assert (tmp_path / f"best.set-aside-{number}.pt").read_text() == f"mine {number}"
    assert load_run(tmp_path).state["progress"]["step"] == 2


def test_a_saved_run_whose_mark_was_lost_in_copying_is_known_by_its_files(make_trainer, tmp_path):
    make_trainer(make_batches(1), save_dir=tmp_path).fit(1)
    (tmp_path / MARKER).unlink()
    make_trainer(make_batches(1), save_dir=tmp_path).fit(1)
    assert load_run(tmp_path / EARLIER).state["progress"]["step"] == 1


# an end that is not saved


def test_what_a_state_counts_on_is_on_the_disk_before_it(make_trainer, tmp_path, monkeypatch):
    order = []
    trainer = make_trainer(make_batches(1), save_dir=tmp_path)
    trainer.checkpointer.before_save = lambda: order.append("log")
    save = checkpoint.save_last
    monkeypatch.setattr("teachkit.learn.saving.save_last", lambda *given: (order.append("state"), save(*given)))
    trainer.fit(1)
    trainer.control.stop()
    trainer.fit(1)
    assert order == ["log", "state"] * 2


def test_a_saver_knows_whether_the_latest_state_is_there(make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(make_batches(1), save_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("teachkit.files.os.fsync", fails_with(errno.ENOSPC))
        trainer.fit(1)
        assert "disk full" in trainer.checkpointer.unsaved
        assert trainer.checkpointer.saved_step is None
    trainer.fit(1)
    assert (trainer.checkpointer.unsaved, trainer.checkpointer.saved_step) == (None, 2)


def test_numbers_of_numpy_are_saved_so_that_they_are_read_again(make_trainer, tmp_path):
    model = tiny_detector()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=np.float64(0.9))
    numbers = {"epochs": np.int64(3), "threads": np.int64(1), "warmup": np.int64(0), "early_stop": np.int64(2)}
    settings = {"trial": np.int64(7), "rates": [np.float32(0.5)], "name": np.str_("a")}
    trainer = make_trainer(
        make_batches(2), model=model, optimizer=optimizer, save_dir=tmp_path, settings=settings, **numbers
    )
    trainer.fit(np.int64(1))
    assert not trainer.events("unsaved")
    assert load_run(tmp_path).settings == {"trial": 7, "rates": [0.5], "name": "a"}
    json.dumps(trainer.of("start"))


def test_what_could_not_be_read_again_is_told_and_not_saved(make_trainer, tmp_path):
    model = tiny_detector()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    optimizer.param_groups[0]["name"] = object()
    trainer = make_trainer(make_batches(2), model=model, optimizer=optimizer, save_dir=tmp_path)
    trainer.fit(1)
    (event,) = trainer.events("unsaved")
    assert "state.train_step.optimizer.state.param_groups[0].name is a object" in event["message"]
    assert not (tmp_path / LAST).exists()
