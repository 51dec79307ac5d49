"""A saved run survives a kill, a flipped bit and an evil file."""

import os
import pickle
import random
from pathlib import Path

import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments.recorded import RUNS
from teachkit.files import temporary_beside
from teachkit.learn.checkpoint import (
    BEFORE_LAST,
    BEST,
    LAST,
    DamagedError,
    load_model,
    load_run,
    pack,
    put_aside,
    save_last,
    unpack,
)
from tests.forked import python
from tests.learn.tiny import make_batches, same

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def saved(make_trainer, tmp_path):
    """A run of two epochs, and the folder that it was saved in."""
    trainer = make_trainer(make_batches(2), save_dir=tmp_path, settings={"data": "shapes", "seed": 0})
    trainer.cursor.data = Named(trainer.cursor.data)
    trainer.fit(2)
    return trainer, tmp_path


class Named(list):
    classes, image_size = ("ring", "disc", "square"), (32, 32)


def test_a_folder_holds_the_last_two_states_and_the_best_weights(saved):
    trainer, folder = saved
    assert sorted(file.name for file in folder.glob("[!.]*")) == sorted([LAST, BEFORE_LAST, BEST])
    run = load_run(folder)
    assert same(run.state["train_step"]["model"], dict(trainer.model.state_dict()))
    assert run.state["progress"]["step"] == 4
    assert (run.classes, run.image_size) == (["ring", "disc", "square"], (32, 32))
    assert run.settings == {"data": "shapes", "seed": 0}


@pytest.mark.parametrize("which", ["best", "last"])
def test_the_averaged_detector_is_rebuilt_from_the_folder_alone(saved, which):
    trainer, folder = saved
    if which == "best":  # without a score the first epoch stays the best
        (folder / BEST).unlink()
    model = load_model(folder, which, device="cpu")
    images = make_batches(1)[0].images
    assert torch.equal(model(images).cls_logits, trainer.ema(images).cls_logits)
    assert not model.training
    assert (model.classes, model.image_size) == (["ring", "disc", "square"], (32, 32))


def test_torch_reads_the_file_too(saved):
    _, folder = saved
    content = torch.load(folder / BEST, weights_only=True)
    assert "weights" in content


def test_a_folder_without_a_run_is_a_clear_error(tmp_path):
    for load in (load_run, load_model):
        with pytest.raises(UserError, match="no saved training here"):
            load(tmp_path)
        with pytest.raises(UserError, match="no saved training here"):
            load(tmp_path / "missing")
    (tmp_path / "file").write_text("a poem")
    with pytest.raises(UserError, match="file: there is no saved training here"):
        load_run(tmp_path / "file")
    with pytest.raises(UserError, match="not 'newest'"):
        load_model(tmp_path, "newest")


# flipped bits


def flip(file, position, bit):
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)


def test_any_flipped_bit_is_noticed(saved):
    """torch.load does not look at the checksums of its archive: most flips go by unseen."""
    _, folder = saved
    sound = (folder / LAST).read_bytes()
    numbers = random.Random(0)
    positions = [0, 3, len(sound) - 1, len(sound) - 70, len(sound) - 80]
    for position in positions + [numbers.randrange(len(sound)) for _ in range(300)]:
        flipped = bytearray(sound)
        flipped[position] ^= 1 << numbers.randrange(8)
        with pytest.raises(DamagedError, match=r"last\.pt is damaged"):
            unpack(bytes(flipped), folder / LAST)


@pytest.mark.parametrize("position", [0, 5000, 50_000, -1])
def test_instead_of_a_damaged_state_the_one_before_is_taken_and_that_is_said(saved, position):
    _, folder = saved
    flip(folder / LAST, position, 4)
    with pytest.warns(UserWarning, match=r"last.pt is damaged.*before_last.pt is taken instead"):
        run = load_run(folder)
    assert run.file == folder / BEFORE_LAST
    assert run.state["progress"]["step"] == 2


@pytest.mark.parametrize("damage", ["empty", "half", "longer", "zeros", "text"])
def test_a_file_that_was_cut_or_overwritten_is_noticed(saved, damage):
    _, folder = saved
    data = (folder / LAST).read_bytes()
    broken = {
        "empty": b"",
        "half": data[: len(data) // 2],
        "longer": data + b"x",
        "zeros": bytes(len(data)),
        "text": b"weights",
    }
    (folder / LAST).write_bytes(broken[damage])
    with pytest.warns(UserWarning, match="damaged"):
        assert load_run(folder).file.name == BEFORE_LAST


def test_a_damaged_best_falls_back_to_the_last_state_for_detecting(saved):
    trainer, folder = saved
    flip(folder / BEST, 1000, 3)
    with pytest.warns(UserWarning, match=r"best.pt is damaged.*last.pt is taken instead"):
        model = load_model(folder, device="cpu")
    assert same(dict(model.state_dict()), dict(trainer.ema.state_dict()))


def test_if_everything_is_damaged_that_is_said_in_one_line(saved):
    _, folder = saved
    for name in (LAST, BEFORE_LAST, BEST):
        flip(folder / name, 500, 0)
    for load in (load_run, load_model):
        with pytest.raises(UserError, match="nothing to fall back to") as caught:
            load(folder)
        assert "\n" not in str(caught.value)


UNFIT = {
    "no parts": {},
    "best weights only": {"weights": {}, "rebuilds": {"model": None, "classes": [], "image_size": [32, 32]}},
    "no size": {"state": {}, "settings": {}, "rebuilds": {"model": {}, "classes": [], "image_size": []}},
    "rebuilds nothing": {"state": {}, "settings": {}, "rebuilds": None},
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT)
def test_a_whole_file_that_holds_something_else_counts_as_damaged(saved, content):
    _, folder = saved
    (folder / LAST).write_bytes(pack(content))
    with pytest.warns(UserWarning, match=r"last.pt does not hold what is needed.*before_last.pt is taken instead"):
        assert load_run(folder).file == folder / BEFORE_LAST
    (folder / BEFORE_LAST).write_bytes(pack(content))
    with pytest.raises(UserError, match="nothing to fall back to") as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"evil": 1}, {"widths": [8, 8, 32]}, {"num_classes": "many"}, {"widths": 3}])
def test_a_model_that_its_weights_do_not_fit_falls_back_to_the_last_state(saved, change):
    _, folder = saved
    content = unpack((folder / BEST).read_bytes(), folder / BEST)
    content["rebuilds"]["model"] |= change
    (folder / BEST).write_bytes(pack({key: content[key] for key in ("weights", "scores", "rebuilds", "settings")}))
    with pytest.warns(UserWarning, match=r"best.pt does not hold what is needed.*last.pt is taken instead"):
        assert len(load_model(folder, device="cpu").classes) == 3


def test_a_state_of_an_earlier_version_is_refused_in_one_line_and_its_best_weights_load(saved):
    _, folder = saved
    for name in (LAST, BEFORE_LAST, BEST):
        content = unpack((folder / name).read_bytes(), folder / name) | {"format": 1}
        if "state" in content:
            content["state"] = {"model": {}, "ema": {}, "counters": {"step_number": 4}, "machine": {"threads": 1}}
        (folder / name).write_bytes(pack(content))
    with pytest.raises(UserError, match=r"last\.pt was saved by an earlier version.*best\.pt") as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)
    assert len(load_model(folder, device="cpu").classes) == 3
    with pytest.raises(UserError, match="earlier version"):
        load_model(folder, "last", device="cpu")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_keeps_nobody_waiting(saved):
    _, folder = saved
    (folder / LAST).unlink()
    os.mkfifo(folder / LAST)
    with pytest.warns(UserWarning, match=r"last.pt is no file; before_last.pt is taken instead"):
        load_run(folder)


# kills


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from teachkit.learn.checkpoint import load_run, pack, save_last

def save_and_save(run):
    rebuilds = {"model": run.model, "classes": run.classes, "image_size": list(run.image_size)}
    while True:
        run.state["progress"]["step"] += 1
        save_last(folder, pack({"state": run.state, "settings": run.settings, "rebuilds": rebuilds}))

folder, numbers, kills = Path(sys.argv[1]), random.Random(1), 0
while True:
    run = load_run(folder)
    print(run.state["progress"]["step"], flush=True)
    if kills >= 20 and run.state["progress"]["step"] > 10:  # a busy machine may not come to save in so short a time
        break
    kills += 1
    child = os.fork()
    if child == 0:
        save_and_save(run)
    time.sleep(numbers.uniform(0.01, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_of_saving_leaves_a_run_to_go_on_with(make_trainer, tmp_path):
    """Again and again a process saves one state after the other as fast as it can, and is killed at a random moment."""
    make_trainer(make_batches(2), save_dir=tmp_path).fit(1)
    done = python("import warnings; warnings.simplefilter('ignore', DeprecationWarning)" + KILLER, tmp_path)
    assert done.stderr == ""
    reached = [int(line) for line in done.stdout.split()]
    assert len(reached) > 20
    assert reached == sorted(reached)
    make_trainer(make_batches(2), save_dir=tmp_path)
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("failing", ["write", "fsync", "first rename", "second rename", "third rename"])
def test_a_crash_at_any_step_of_saving_leaves_a_whole_state(saved, monkeypatch, failing):
    _, folder = saved
    state = load_run(folder).state
    calls = []

    def crash(*arguments, **settings):
        calls.append(1)
        if len(calls) < wanted:
            return real(*arguments, **settings)
        raise KeyboardInterrupt

    wanted = {"second rename": 2, "third rename": 3}.get(failing, 1)
    name = {"write": "fdopen", "fsync": "fsync"}.get(failing, "replace")
    real = getattr(os, name) if name != "fdopen" else None
    if name == "fdopen":
        monkeypatch.setattr("teachkit.files.open", crash, raising=False)
    else:
        monkeypatch.setattr(f"teachkit.files.os.{name}", crash)
    state["progress"]["step"] = 77
    content = {"state": state, "settings": {}, "rebuilds": {"model": None, "classes": [], "image_size": [32, 32]}}
    with pytest.raises(KeyboardInterrupt):
        save_last(folder, pack(content))
    monkeypatch.undo()
    assert load_run(folder).state["progress"]["step"] in (4, 77)


def test_what_a_killed_process_left_is_cleaned_away(make_trainer, tmp_path):
    killed = "import os, sys; from pathlib import Path; from teachkit import files\n"
    killed += "files.os.fsync = lambda _: os._exit(9); files.write_whole(Path(sys.argv[1]), b'half a state')"
    assert python(killed, tmp_path / LAST).returncode == 9
    assert [file.suffix for file in tmp_path.iterdir()] == [".part"]
    at_work = temporary_beside(tmp_path / LAST)  # of this process, which is alive
    keep = [tmp_path / name for name in ("film.mkv.part", "last.pt.12-ab.part", ".teachkit-notes.part")]
    for file in (at_work, *keep):
        file.write_text("mine")
    make_trainer(save_dir=tmp_path)
    assert {file for file in tmp_path.iterdir() if "run" not in file.name} == {at_work, *keep}


def test_a_new_run_in_the_same_folder_puts_the_earlier_one_aside(make_trainer, saved):
    trainer, folder = saved
    weights = dict(trainer.ema.state_dict())
    fresh = make_trainer(make_batches(2), save_dir=folder)
    assert load_run(folder).state["progress"]["step"] == 4
    fresh.fit(1)
    assert load_run(folder).state["progress"]["step"] == 2
    assert not (folder / BEFORE_LAST).exists()
    assert same(dict(load_model(folder / "earlier", "last", device="cpu").state_dict()), weights)


@pytest.mark.parametrize("moved", [1, 2])
def test_a_kill_while_a_run_is_put_aside_loses_none_of_it(saved, monkeypatch, moved):
    _, folder = saved
    before = {file.name: file.read_bytes() for file in folder.glob("[!.]*")}
    calls = []

    def killed(source, target):
        calls.append(1)
        if len(calls) > moved:
            raise KeyboardInterrupt
        real(source, target)

    real = os.replace
    with monkeypatch.context() as patch:
        patch.setattr("teachkit.learn.checkpoint.os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put_aside(folder)
    put_aside(folder)
    assert {file.name: file.read_bytes() for file in (folder / "earlier").glob("[!.]*")} == before


def test_a_run_that_is_gone_on_with_keeps_its_files_in_place(make_trainer, saved):
    _, folder = saved
    again = make_trainer(make_batches(2), save_dir=folder)
    again.load_state_dict(load_run(folder).state)
    again.fit(1)
    assert not (folder / "earlier").exists()
    assert load_run(folder).state["progress"]["step"] == 6


def test_after_a_kill_before_the_first_save_the_earlier_run_is_pointed_to(saved):
    _, folder = saved
    put_aside(folder)
    for load in (load_run, load_model):
        with pytest.raises(UserError, match=r"only an earlier training here: give .*earlier"):
            load(folder)
    assert load_run(folder / "earlier").state["progress"]["step"] == 4


# evil files


class Evil:
    def __reduce__(self):
        return os.mkdir, (str(self.target),)

    def __init__(self, target):
        self.target = target


def packed_with_checksum(archive):
    import hashlib

    return archive + b"sha256:" + hashlib.sha256(archive).hexdigest().encode()


@pytest.mark.parametrize("form", ["torch zip", "torch zip inside", "legacy torch", "plain pickle"])
def test_an_evil_file_runs_nothing_even_with_a_fitting_checksum(tmp_path, form):
    target, folder = tmp_path / "harm", tmp_path / "run"
    folder.mkdir()
    file = folder / "made"
    if form == "torch zip":
        torch.save(Evil(target), file)
    elif form == "torch zip inside":
        torch.save({"format": 1, "state": {"model": Evil(target)}}, file)
    elif form == "legacy torch":
        torch.save(Evil(target), file, _use_new_zipfile_serialization=False)
    else:
        file.write_bytes(pickle.dumps(Evil(target)))
    for name in (LAST, BEST):
        (folder / name).write_bytes(packed_with_checksum(file.read_bytes()))
    for load in (load_run, load_model):
        with pytest.raises(UserError, match="not a saved training"):
            load(folder)
    assert not target.exists()


def test_nothing_in_the_package_loads_pickles_or_runs_text():
    import ast

    for path in (ROOT / "teachkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "pickle.load", "pickle.loads"), path
                if called == "torch.load":
                    assert any(
                        one.arg == "weights_only" and ast.unparse(one.value) == "True" for one in node.keywords
                    ), path


@pytest.mark.parametrize("name", ["shapes", "bccd"])
def test_a_recorded_detector_names_no_folder_of_the_machine_that_made_it(name):
    file = RUNS / name / "best.pt"
    assert unpack(file.read_bytes(), file)["settings"]["data"] == name
