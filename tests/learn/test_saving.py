"""A disk that is full, or a folder that cannot be written, costs a message and nothing else."""

import errno
import os
import subprocess
import sys

import pytest

from teachkit.errors import UserError
from teachkit.learn.checkpoint import load_model, load_run
from teachkit.learn.saving import Checkpointer, alone_in
from tests.learn.tiny import make_batches, same


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
    monkeypatch.setattr(f"teachkit.learn.files.os.{where}", fails_with(number))
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
    assert not list(tmp_path.glob("*.part"))


def test_other_failures_of_a_folder_are_told_as_they_are(make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(make_batches(2), save_dir=tmp_path)
    monkeypatch.setattr("teachkit.learn.files.os.fsync", fails_with(errno.EIO))
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
    monkeypatch.setattr("teachkit.learn.files.os.fsync", fails_with(errno.ENOSPC))
    with pytest.warns(UserWarning, match="disk full"):
        trainer.fit(1)


@pytest.mark.skipif(os.name == "nt", reason="rights as on Unix")
def test_what_is_saved_has_the_rights_of_any_other_file(make_trainer, tmp_path):
    (tmp_path / "any").touch()
    make_trainer(make_batches(1), save_dir=tmp_path / "run").fit(1)
    assert {file.stat().st_mode for file in (tmp_path / "run").iterdir()} == {(tmp_path / "any").stat().st_mode}


def test_the_best_weights_are_those_of_the_best_epoch(make_trainer, tmp_path):
    scores = iter([0.2, 0.6, 0.4])
    trainer = make_trainer(make_batches(2), make_batches(1), save_dir=tmp_path)
    trainer.validate = lambda stopped: {"map50": next(scores)}
    kept = []
    trainer.on_record = lambda record: kept.append(trainer.state_dict()) if record["kind"] == "epoch" else None
    trainer.cursor.data = Sized(trainer.cursor.data)
    trainer.fit(3)
    best, _, _ = load_model(tmp_path, device="cpu")
    last, _, _ = load_model(tmp_path, "last", device="cpu")
    averaged = [state["train_step"]["ema"]["model"] for state in kept]
    assert same(dict(best.state_dict()), averaged[1])
    assert same(dict(last.state_dict()), averaged[2])


class Sized(list):
    image_size = (32, 32)


def test_a_folder_is_one_process_s_until_it_ends_even_by_force(tmp_path):
    program = "import sys, pathlib, time\nfrom teachkit.learn.saving import alone_in\n"
    program += "with alone_in(pathlib.Path(sys.argv[1])):\n    print('within', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "run")], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline().strip() == b"within"
            with pytest.raises(UserError, match="run: another training saves here"), alone_in(tmp_path / "run"):
                pass
            with alone_in(tmp_path / "another"):
                pass
        finally:
            other.kill()
    with alone_in(tmp_path / "run"), pytest.raises(UserError, match="another"), alone_in(tmp_path / "run"):
        pass


def test_a_disk_that_knows_no_locks_is_saved_to_without(tmp_path, monkeypatch):
    for error in (NotImplementedError, OSError):
        monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, error=error, **__: (_ for _ in ()).throw(error()))
        with alone_in(tmp_path):
            pass
