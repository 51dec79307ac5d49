"""The command line as it is typed: exit codes, one line for a mistake, what stands in the log and in the folder."""

import hashlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.__main__ import main
from teachkit.commands import records
from teachkit.commands.defaults import RECIPE, Settings, augmentation_for, detector_for, weight_decay_for
from teachkit.commands.train import _left_to_do as left_to_do
from teachkit.commands.training import trainer_of
from teachkit.feed import scenes
from teachkit.feed.formats import progress, write_folder
from teachkit.feed.loader import load_data
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.files import write_whole
from teachkit.learn import checkpoint, run_folder, saving
from teachkit.learn.checkpoint import load_run, pack, unpack
from teachkit.learn.log import LogWriter, read_log
from teachkit.learn.run_folder import BEST, FolderLock
from teachkit.structures import Detections, LossWeights
from tests import forked
from tests.feed.folders import FORMS, json_lines, write, xml

ROOT = Path(__file__).resolve().parent.parent
FULL = "/dev/full"
SMALL = ["--batch-size", "8", "--image-size", "64", "--threads", "1"]


@pytest.fixture
def drawn():
    """For a test that looks at the pictures of a training as they are."""


@pytest.fixture(autouse=True)
def sketched(request):
    if "drawn" not in request.fixturenames:
        request.getfixturevalue("sketches")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A YOLO folder of 24, 8 and 8 pictures of 64 px."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    settings = SceneSettings(image_size=64, objects=(1, 3), size=(1 / 4, 1 / 2))
    counts = {"train": 24, "val": 8, "test": 8}
    write_folder(
        {split: make_scenes(count, 0, settings, split=split) for split, count in counts.items()}, folder, "yolo"
    )
    return folder


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    """The folder of a run of two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "saved"
    assert main(["train", "--data", str(tiny), "--epochs", "2", "--save", str(folder), *SMALL]) == 0
    return folder


def typed(capsys, *words):
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:  # argparse ends the process itself
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def assert_a_mistake(result, *words):
    code, out, err = result
    assert code == 2
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert str(word) in err
    assert out == ""


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(int)


# mistakes


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("train", "--data"),
        ("train --data shapes --epochs 0", "--epochs"),
        ("train --data shapes --epochs 1.5", "--epochs"),
        ("train --data shapes --epo 3", "--epo"),
        ("train --data shapes --until map60=0.9", "map60=0.9"),
        ("train --data shapes --until map50=1.1", "map50=1.1"),
        ("train --data shapes --until map50", "map50"),
        ("train --data shapes --until map50=nan", "map50=nan"),
        ("train --data shapes --batch-size -1", "--batch-size"),
        ("train --data shapes --optimizer lion", "lion"),
        ("train --data shapes --precision float16", "float16"),
        ("train --data shapes --lr nan", "--lr"),
        ("train --data shapes --lr -0.1", "--lr"),
        ("train --data shapes --box inf", "--box"),
        ("train --data shapes --cls many", "--cls"),
        ("train --data shapes --threads 0", "--threads"),
        ("train --data shapes --threads 100000", "--threads"),
        ("train --data shapes --seed -1", "--seed"),
        (f"train --data shapes --seed {2**63}", "--seed"),
        (f"train --data shapes --epochs {10**400}", "--epochs"),
        ("evaluate --data shapes", "--weights"),
        ("detect --weights x --out y", "IMAGE"),
        ("data export shapes out", "--format"),
        ("data export shapes out --format txt", "txt"),
        ("data", "ACTION"),
        ("trian", "trian"),
        ("", "COMMAND"),
    ],
)
def test_a_typing_mistake_is_one_line_that_names_it(words, named, capsys):
    assert_a_mistake(typed(capsys, *words.split()), named, "--help")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("train --data {missing}", "{missing}"),
        ("train --data {tiny} --train-split trian", "trian"),
        ("train --data {tiny} --val-split exam", "exam"),
        ("train --data {tiny} --device gpu7", "gpu7"),
        ("train --data {tiny} --image-size 72", "72"),
        ("train --data {tiny} --save {file}", "{file}"),
        ("train --data {tiny} --log {missing_in_file}", "{missing_in_file}"),
        ("train --resume {missing}", "{missing}"),
        ("evaluate --data {tiny} --weights {missing}", "{missing}"),
        ("detect {file} --weights {missing} --out {missing}", "{missing}"),
        ("data check {missing}", "{missing}"),
        ("data export shapes {tiny} --format voc", "{tiny}"),
        ("data get nothing", "nothing"),
        ("detect {file} --weights {saved} --out {file}", "{file}"),
        ("data export shapes {missing_in_file} --format coco", "{file}"),
    ],
)
def test_what_is_not_there_is_one_line_that_names_it(words, named, tiny, saved, tmp_path, monkeypatch, capsys):
    for split in scenes.COUNTS:
        monkeypatch.setitem(scenes.COUNTS, split, 2)
    file = tmp_path / "file.txt"
    file.write_text("a file")
    places = {
        "tiny": tiny,
        "saved": saved,
        "missing": tmp_path / "none",
        "file": file,
        "missing_in_file": file / "log.jsonl",
    }
    assert_a_mistake(typed(capsys, *words.format(**places).split()), named.format(**places))
    assert file.read_text() == "a file"


def test_a_bug_of_ours_still_shows_where_it_is(monkeypatch):
    monkeypatch.setattr("teachkit.commands.doctor.run", lambda arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_ctrl_c_before_the_training_has_begun_is_one_word(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("teachkit.commands.doctor.run", interrupted)
    assert typed(capsys, "doctor") == (130, "", "interrupted\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = forked.command("progress", "show", out=tmp_path / "pipe", err=tmp_path / "err")
    with open(tmp_path / "pipe", "rb"):  # as soon as it is open for both
        pass
    process.join(60)
    assert (process.exitcode, (tmp_path / "err").read_text()) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_words_that_find_no_room_are_a_mistake_that_says_which(monkeypatch, capsys):
    full = open("/dev/full", "w")  # noqa: SIM115 — closing it fails, too
    monkeypatch.setattr("sys.stdout", full)
    assert main(["progress", "show"]) == 2
    assert capsys.readouterr().err == "python -m teachkit progress: stdout: No space left on device\n"
    with pytest.raises(OSError, match="No space"):
        full.close()


def test_what_a_code_page_lacks_is_a_question_mark_and_no_error(monkeypatch):
    """On Windows a pipe, and so a notebook's `!python …`, is in cp1252, which has no →."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("teachkit.commands.doctor.run", lambda _: print("→ for real pictures") or 0)
    assert main(["doctor"]) == 0
    assert stream.buffer.getvalue().startswith(b"? for real pictures")


def test_a_typing_mistake_is_found_before_torch_is_loaded():
    program = "import sys; from teachkit.__main__ import build_parser; build_parser(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "numpy", "tqdm"} & set(run.stdout.split())


# train


def test_a_training_loads_nothing_slow_that_it_does_not_need(tiny):
    """Plots and widgets, and what torch would compile with, which takes as long to load as torch."""
    program = (
        "import sys; from teachkit.__main__ import main\n"
        f"code = main(['train', '--data', {str(tiny)!r}, '--epochs', '1', '--batch-size', '8'])\n"
        "print(code, *sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    code, *modules = run.stdout.split()
    assert code == "0"
    slow = {"matplotlib", "ipywidgets", "IPython", "pandas", "scipy", "torchvision", "torch._dynamo"}
    assert not slow & set(modules)


@pytest.mark.parametrize("option", ["--save", "--resume"])
def test_a_folder_in_which_another_training_saves_is_left_to_it(option, tiny, tmp_path, capsys):
    folder = tmp_path / "run"
    assert typed(capsys, "train", "--data", tiny, "--epochs", 1, "--save", folder, *SMALL)[0] == 0
    before = {file: file.read_bytes() for file in folder.iterdir()}
    words = ["--data", tiny, "--epochs", 1, "--save", folder, *SMALL] if option == "--save" else ["--resume", folder]
    lock = FolderLock(folder)
    with lock.at_work():
        assert_a_mistake(typed(capsys, "train", *words), f"{folder}: another training saves here")
    lock.release()
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_is_locked_before_its_state_is_read(saved, tmp_path, monkeypatch, capsys):
    folder, held = shutil.copytree(saved, tmp_path / "run"), []

    def load(place, real=checkpoint.load_run):
        held.append(run_folder._holders[Path(place).resolve()].held)
        return real(place)

    monkeypatch.setattr(checkpoint, "load_run", load)
    assert_a_mistake(typed(capsys, "train", "--resume", folder), "epochs are done")
    assert held == [True]


def test_the_log_holds_every_step_epoch_and_the_end(tiny, tmp_path, capsys):
    log = tmp_path / "deep" / "log.jsonl"
    options = ["--epochs", 2, "--box", 1, "--cls", 2, "--dfl", 3, "--lr", 0.001, "--log", log]
    assert typed(capsys, "train", "--data", tiny, *options, *SMALL)[0] == 0
    history = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record["kind"] for record in history] == ["start", *["step"] * 3, "epoch", *["step"] * 3, "epoch", "end"]
    start, end = history[0], history[-1]
    assert start["settings"]["data"] == str(tiny)
    assert start["settings"]["batch_size"] == 8
    assert start["settings"]["image_size"] == 64
    assert end["reason"] == "epochs"
    steps = [record for record in history if record["kind"] == "step"]
    assert [record["step"] for record in steps] == [0, 1, 2, 3, 4, 5]
    for record in steps:
        assert record["weights"] == {"box": 1, "cls": 2, "dfl": 3}
        assert record["total"] == pytest.approx(record["box"] + 2 * record["cls"] + 3 * record["dfl"], rel=1e-5)
        assert {"epoch", "lr", "grad_norm", "seconds"} <= set(record)
        assert 0 <= record["lr"] <= 0.001
    for record in history:
        if record["kind"] == "epoch":
            assert {"map", "map50", "map75", "val_box", "val_cls", "val_dfl", "train_seconds"} <= set(record)
    assert [record["seconds"] for record in history] == sorted(record["seconds"] for record in history)


@pytest.mark.parametrize(("goal", "code", "epochs"), [("map50=0", 0, 1), ("map75=1", 1, 2)])
def test_until_decides_when_to_stop_and_the_exit_code(goal, code, epochs, tiny, tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    assert typed(capsys, "train", "--data", tiny, "--epochs", 2, "--until", goal, "--log", log, *SMALL)[0] == code
    assert [record["kind"] for record in read_log(log)].count("epoch") == epochs


@pytest.mark.parametrize("options", ["sgd --lr 100", "sgd --lr 1e4", "adamw --lr 1e4", "adamw --lr 1e30"])
def test_a_diverged_training_says_so_and_exits_with_3(options, tiny, tmp_path, drawn, capsys):
    log, folder = tmp_path / "log.jsonl", tmp_path / "saved"
    words = ["--epochs", 30, "--log", log, "--save", folder, "--optimizer", *options.split()]
    code, _, err = typed(capsys, "train", "--data", tiny, *words, *SMALL)
    assert code == 3
    assert "diverged" in err
    assert "constrained_layout" not in err  # matplotlib's, where a curve does not fit its picture
    assert read_log(log)[-1]["reason"] == "diverged"
    assert (folder / "curves.png").exists()


def test_ctrl_c_while_torch_is_loaded_ends_the_command_and_aborts_nothing(tmp_path):
    # What torch itself does when it meets a KeyboardInterrupt while it is loaded.
    (tmp_path / "torch.py").write_text(
        "import os, signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    os.abort()\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-m", "teachkit", "evaluate", "--data", "shapes", "--weights", "none"]
    ended = subprocess.run(
        words,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what a shell starts with & ignores Ctrl-C
    )
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


def test_a_library_that_is_missing_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    def not_there(*_):
        raise ModuleNotFoundError("No module named 'yaml'", name="yaml")

    monkeypatch.setattr("teachkit.commands.data.run", not_there)
    assert_a_mistake(typed(capsys, "data", "check", tmp_path), "yaml is not installed", "doctor")


def test_pictures_too_few_to_normalise_are_told_in_one_line(monkeypatch, capsys):
    for split in scenes.COUNTS:
        monkeypatch.setitem(scenes.COUNTS, split, 20)
    words = ["train", "--data", "shapes", "--image-size", 16, "--batch-size", 1, "--epochs", 1]
    assert_a_mistake(typed(capsys, *words), "16 × 16 px", "larger pictures")


def test_a_validation_split_too_small_to_choose_by_is_warned_of(tiny, capsys):
    _, _, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, *SMALL)
    assert "val has 8 pictures to choose the best weights by" in err
    _, _, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, "--val-split", "train", *SMALL)
    assert "to choose" not in err


def test_splits_that_overlap_are_warned_of(tiny, capsys):
    _, _, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, "--val-split", "train", *SMALL)
    assert "24 of 24 pictures of train" in err
    _, _, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, "--val-split", "val", *SMALL)
    assert "overlap" not in err


def test_a_copy_in_another_split_is_an_overlap_and_a_namesake_is_not(tiny, tmp_path, capsys):
    for part in ("images", "labels"):
        (pictures := tmp_path / part).mkdir()
        for split in ("train", "val"):  # namesakes: each split counts from 0
            (pictures / split).mkdir()
            for number, file in enumerate(sorted((tiny / part / split).iterdir())[:6]):
                shutil.copy(file, pictures / split / f"{number}{file.suffix}")
    words = ["train", "--data", tmp_path, "--epochs", 1, *SMALL]
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b, c, d]\n")
    assert "overlap" not in typed(capsys, *words)[2]
    for part, suffix in (("images", ".png"), ("labels", ".txt")):
        shutil.copy(tmp_path / part / "train" / f"3{suffix}", tmp_path / part / "val" / f"copy{suffix}")
    assert "1 of 7 pictures of val are in train too" in typed(capsys, *words)[2]


def test_a_saved_run_holds_weights_log_curves_and_pictures(saved):
    assert {file.name for file in saved.iterdir()} >= {
        "best.pt",
        "last.pt",
        "log.jsonl",
        "curves.png",
        "detections.png",
    }
    for name in ("curves.png", "detections.png"):
        assert pixels(saved / name).std() > 10, f"{name} is blank"


def test_the_defaults_of_a_folder_follow_the_number_of_its_pictures():
    few, many = (Settings("folder").for_pictures(count).epochs for count in (300, 30_000))
    assert few == 17
    assert many == 8
    assert Settings("folder", epochs=3).for_pictures(300).epochs == 3
    assert [Settings("folder").for_pictures(count).batch_size for count in (300, 30_000)] == [7, 7]
    assert Settings("folder", batch_size=16).for_pictures(300).batch_size == 16


def test_adamw_gets_a_recipe_and_what_is_given_overrules_it():
    chosen = Settings("folder", cls=0.5, lr=0.0).for_pictures(1000)
    assert {name: getattr(chosen, name) for name in RECIPE} == {**RECIPE, "cls": 0.5, "lr": 0.0}
    by_sgd = Settings("folder", optimizer="sgd").for_pictures(1000)
    assert {getattr(by_sgd, name) for name in RECIPE} == {None}


@pytest.fixture(scope="module")
def many():
    """Training pictures one by one, enough for a warm-up that does not depend on their number."""
    return load_data("shapes", batch_size=1, image_size=64, count=700, device="cpu")


@pytest.mark.parametrize("by_recipe", [True, False])
def test_a_training_follows_its_recipe_and_one_saved_before_there_was_any_goes_on_without(many, by_recipe):
    settings = replace(Settings("shapes", threads=1, epochs=1).for_pictures(1000), image_size=64)
    if not by_recipe:
        old = {name: value for name, value in settings.as_dict().items() if name not in RECIPE}
        settings = Settings.of_run(old | {"lr": None, "box": 7.5, "cls": 0.5, "dfl": 1.5}, "run")
    trainer = trainer_of(settings, many, many, "cpu", None)
    short = trainer_of(settings, load_data("shapes", image_size=64, count=160, device="cpu"), many, "cpu", None)
    assert short.warmup == (1 if by_recipe else None)  # a tenth of its ten steps
    momenta = {part.momentum for part in trainer.model.modules() if isinstance(part, torch.nn.BatchNorm2d)}
    assigner, weights, lr = trainer.criterion.assigner, trainer.criterion.weights, trainer.train_step.base_rates[0]
    found = (assigner.topk, assigner.beta, momenta, weights.as_dict(), trainer.warmup, lr)
    if by_recipe:
        assert found == (5, 2.5, {0.15}, {"box": 5.0, "cls": 2.0, "dfl": 2.0}, 60, 6e-3)
    else:
        assert found == (10, 6.0, {0.03}, LossWeights().as_dict(), None, 7e-3)


def test_large_pictures_get_a_wider_detector_and_few_pictures_more_weight_decay():
    assert detector_for((128, 128)) == {}
    assert detector_for((192, 256))["widths"] == (24, 64, 128)
    assert weight_decay_for("adamw", 292) == 0.3
    assert weight_decay_for("adamw", 1000) is None
    assert augmentation_for(292, 23) == {"vertical_flip": 0.5, "paste": 1.0, "calm_from": 19}
    assert augmentation_for(1000, 8) == {}


# resume


def without_seconds(history):
    volatile = ("seconds", "train_seconds", "rss_mb", "gpu_mb", "gpu_percent")
    return [{name: value for name, value in record.items() if name not in volatile} for record in history]


def interrupted_at(step, monkeypatch):
    """Presses Ctrl-C while that step's record is written."""
    take = records.Records.take

    def take_and_interrupt(self, record):
        take(self, record)
        if record["kind"] == "step" and record["step"] == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(records.Records, "take", take_and_interrupt)


@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_run_that_was_interrupted_goes_on_bit_for_bit(step, tiny, tmp_path, monkeypatch, capsys):
    train = ["train", "--data", tiny, "--epochs", 2, *SMALL]
    assert typed(capsys, *train, "--save", tmp_path / "whole")[0] == 0
    with monkeypatch.context() as patch:
        interrupted_at(step, patch)
        assert typed(capsys, *train, "--save", tmp_path / "halves")[0] == 130
    assert typed(capsys, "train", "--resume", tmp_path / "halves", "--log", tmp_path / "copy.jsonl")[0] == 0

    whole, halves = (load_run(tmp_path / name).state for name in ("whole", "halves"))
    for part in ("model", "ema"):
        torch.testing.assert_close(halves["train_step"][part], whole["train_step"][part], rtol=0, atol=0)
    expected = without_seconds(read_log(tmp_path / "whole" / "log.jsonl"))
    for log in (tmp_path / "halves" / "log.jsonl", tmp_path / "copy.jsonl"):
        history = without_seconds(read_log(log))
        assert [record for record in history if record.get("what") != "resumed"] == expected
        assert [record["step"] for record in history if record.get("what") == "resumed"] == [step + 1]


def losses_of(folder):
    return [
        (record["box"], record["cls"], record["dfl"]) for record in read_log(folder / "log.jsonl") if "box" in record
    ]


def test_a_training_is_in_bfloat16_where_the_machine_computes_in_it_and_goes_on_as_it_began(
    tiny, tmp_path, monkeypatch, capsys
):
    train = ["train", "--data", tiny, "--epochs", 2, *SMALL]
    for precision in ("float32", "bfloat16"):
        native = "teachkit.feed.device.native_bfloat16"
        monkeypatch.setattr(native, lambda device, has=precision == "bfloat16": has)
        assert typed(capsys, *train, "--precision", precision, "--save", tmp_path / precision)[0] == 0
        with monkeypatch.context() as patch:
            interrupted_at(2, patch)
            assert typed(capsys, *train, "--save", tmp_path / f"auto {precision}")[0] == 130
        monkeypatch.setattr(native, lambda device, has=precision != "bfloat16": has)
        assert typed(capsys, "train", "--resume", tmp_path / f"auto {precision}")[0] == 0
        assert losses_of(tmp_path / f"auto {precision}") == losses_of(tmp_path / precision)
        best = max(record["map50"] for record in read_log(tmp_path / precision / "log.jsonl") if "map50" in record)
        found = typed(capsys, "evaluate", "--data", tiny, "--split", "val", "--weights", tmp_path / precision, "--json")
        assert json.loads(found[1])["map50"] == pytest.approx(best, abs=1e-9)  # scored in float32 both times
    full, half = (losses_of(tmp_path / precision)[0] for precision in ("float32", "bfloat16"))
    assert half != full
    assert half == pytest.approx(full, rel=0.05)


@pytest.mark.parametrize("option", ["--lr 0.1", "--save x", "--seed 3", "--batch-size 2", "--precision float32"])
def test_a_run_that_goes_on_takes_no_other_options(option, saved, capsys):
    assert_a_mistake(typed(capsys, "train", "--resume", saved, *option.split()), option.split()[0])


def test_a_finished_run_asks_for_more_epochs_and_goes_on_with_them(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    assert_a_mistake(typed(capsys, "train", "--resume", folder), folder, "--epochs")
    assert_a_mistake(typed(capsys, "train", "--resume", folder, "--epochs", 2), "2 epochs")
    assert typed(capsys, "train", "--resume", folder, "--epochs", 3)[0] == 0
    steps = [record["step"] for record in read_log(folder / "log.jsonl") if record["kind"] == "step"]
    assert steps == list(range(9))


def test_a_run_begun_where_another_was_saved_keeps_the_other_one_whole(saved, tiny, tmp_path, monkeypatch, capsys):
    """Weights, log and pictures go aside together, before the first record of the new one."""
    folder = shutil.copytree(saved, tmp_path / "run")
    before = {file.name: file.read_bytes() for file in folder.glob("[!.]*")}

    def killed(trainer, **_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("teachkit.learn.trainer.Trainer.fit", killed)
        assert typed(capsys, "train", "--data", tiny, "--epochs", 1, "--save", folder, *SMALL)[0] == 130
    assert {file.name: file.read_bytes() for file in (folder / "earlier").glob("[!.]*")} == before
    assert_a_mistake(typed(capsys, "train", "--resume", folder), "earlier")
    assert typed(capsys, "train", "--resume", folder / "earlier", "--epochs", 3)[0] == 0
    steps = [record["step"] for record in read_log(folder / "earlier" / "log.jsonl") if record["kind"] == "step"]
    assert steps == list(range(9))


def test_at_no_moment_of_taking_up_a_run_its_log_holds_less_than_before(saved, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    before = read_log(folder / "log.jsonl")[:-1]  # without its end
    lengths, write = [], LogWriter.write

    def look(log, record):
        lengths.append(len(read_log(folder / "log.jsonl")))
        write(log, record)

    monkeypatch.setattr(LogWriter, "write", look)
    options = ["--epochs", 3, "--log", tmp_path / "copy.jsonl"]
    assert typed(capsys, "train", "--resume", folder, *options)[0] == 0
    assert min(lengths) == len(before)
    assert read_log(tmp_path / "copy.jsonl") == read_log(folder / "log.jsonl")


def test_a_run_of_a_notebook_is_not_taken_up_here(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    content = unpack((folder / "last.pt").read_bytes(), folder / "last.pt")
    content.pop("format")
    (folder / "last.pt").write_bytes(pack(content | {"settings": {}}))
    assert_a_mistake(typed(capsys, "train", "--resume", folder, "--epochs", 3), folder, "not begun by `train`")


def test_pictures_that_find_no_room_do_not_undo_the_training(tiny, tmp_path, monkeypatch, capsys):
    def full(file, content):
        if file.suffix == ".png":
            raise OSError(28, "No space left on device", str(file))
        return write_whole(file, content)

    monkeypatch.setattr("teachkit.commands.train.write_whole", full)
    code, _, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, "--save", tmp_path / "run", *SMALL)
    assert code == 0
    assert "curves.png: No space left on device: not all pictures are drawn" in err
    assert load_run(tmp_path / "run").state["progress"]["step"] == 3


def test_a_run_goes_on_with_as_many_threads_as_it_had(tiny, tmp_path, capsys):
    """Else its results would differ, of which a warning would tell: here that is an error."""
    options = ["--batch-size", 8, "--image-size", 64, "--epochs", 1, "--threads", 2, "--save", tmp_path / "run"]
    assert typed(capsys, "train", "--data", tiny, *options)[0] == 0
    assert typed(capsys, "train", "--resume", tmp_path / "run", "--epochs", 2)[0] == 0
    torch.set_num_threads(1)  # for the tests to come


def test_a_run_refuses_to_go_on_with_other_classes(tiny, tmp_path, capsys):
    data = shutil.copytree(tiny, tmp_path / "data")
    assert typed(capsys, "train", "--data", data, "--epochs", 1, "--save", tmp_path / "run", *SMALL)[0] == 0
    names = data / "data.yaml"
    names.write_text(names.read_text().replace("ball", "moon"))
    assert_a_mistake(typed(capsys, "train", "--resume", tmp_path / "run", "--epochs", 2), "moon", tmp_path / "run")


def with_state(saved, folder, change):
    """A copy of the run whose only state is changed, with the right checksum."""
    shutil.copytree(saved, folder)
    (folder / "before_last.pt").unlink()
    content = unpack((folder / "last.pt").read_bytes(), folder)
    change(content)
    (folder / "last.pt").write_bytes(pack(content))
    return folder


@pytest.mark.parametrize(
    ("part", "name", "value", "told"),
    [
        ("settings", "epochs", "many", "setting epochs cannot be 'many'"),
        ("settings", "epochs", True, "setting epochs cannot be True"),
        ("settings", "seed", -1, "setting seed cannot be -1"),
        ("settings", "data", None, "setting data cannot be None"),
        ("settings", "cls", float("nan"), "setting cls cannot be nan"),
        ("settings", "box", torch.ones(2), "setting box cannot be tensor"),
        ("settings", "precision", "int8", "setting precision cannot be 'int8'"),
        ("settings", "until", ("map50", "high"), "setting until cannot be ('map50', 'high')"),
        ("settings", "until", ("map60", 0.5), "until must be one of"),
        ("settings", "optimizer", "lion", "lion"),
        ("rebuilds", "model", {"num_classes": 3, "newer": 1}, "unexpected keyword argument 'newer'"),
        ("rebuilds", "model", {"num_classes": 3, "seed": None}, "a model of seed None"),
    ],
)
def test_a_setting_of_another_type_in_a_state_is_one_line(part, name, value, told, saved, tmp_path, capsys):
    folder = with_state(saved, tmp_path / "run", lambda content: content[part].update({name: value}))
    result = typed(capsys, "train", "--resume", folder, "--epochs", 3)
    assert_a_mistake(result, told, folder if "must be" not in told and name != "optimizer" else "")


def test_a_setting_of_a_later_version_is_named_and_left_out(saved, tmp_path, capsys):
    folder = with_state(saved, tmp_path / "run", lambda content: content["settings"].update(mood="good", air=1))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = typed(capsys, "train", "--resume", folder, "--epochs", 3)
    assert code == 0
    assert "settings of another version are left out: air, mood" in err


@pytest.mark.parametrize("machine", [None, 3, {}, {"threads": "all"}, {"threads": 0}, {"threads": 2**40}])
def test_a_state_of_an_impossible_machine_is_one_line(machine, saved, tmp_path, capsys):
    folder = with_state(saved, tmp_path / "run", lambda content: content["state"].update(machine=machine))
    assert_a_mistake(typed(capsys, "train", "--resume", folder, "--epochs", 3), "this state is of another model")


@pytest.mark.parametrize("state", [[], "", None, 3, torch.zeros(2)])
def test_a_state_that_is_none_is_one_line(state, saved, tmp_path, capsys):
    folder = with_state(saved, tmp_path / "run", lambda content: content.update(state=state))
    result = typed(capsys, "train", "--resume", folder, "--epochs", 3)
    assert_a_mistake(result, "last.pt does not hold what is needed here")


def test_weights_that_answer_nan_are_one_line(saved, tiny, tmp_path, capsys):
    folder = with_state(saved, tmp_path / "run", lambda content: None)
    best = unpack((folder / "best.pt").read_bytes(), folder)
    best["weights"] = {name: value * math.nan for name, value in best["weights"].items()}
    (folder / "best.pt").write_bytes(pack(best))
    result = typed(capsys, "evaluate", "--data", tiny, "--split", "val", "--weights", folder)
    assert_a_mistake(result, "its weights answer NaN or infinity", folder)


def test_a_damaged_state_is_told_in_one_line_and_the_one_before_it_goes_on(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    content = bytearray((folder / "last.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "last.pt").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = typed(capsys, "train", "--resume", folder)
    assert code == 0
    told = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1
    assert "last.pt is damaged" in told[0]
    assert [record["epoch"] for record in read_log(folder / "log.jsonl") if record["kind"] == "epoch"] == [0, 1]


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_ctrl_c_ends_a_training_saved_and_with_130(tiny, tmp_path):
    log, folder = tmp_path / "log.jsonl", tmp_path / "run"
    train = ["train", "--data", tiny, "--epochs", 500, "--log", log, "--save", folder, *SMALL]
    process = forked.command(*train, err=tmp_path / "err")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and '"step"' in log.read_text()):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert read_log(log)[-1]["reason"] == "interrupted"
    assert load_run(folder).state["progress"]["step"] > 0


# what a training survives


@pytest.mark.skipif(os.name == "nt" or not Path(FULL).exists(), reason="streams as on Linux")
@pytest.mark.parametrize("streams", ["no stderr", "no stdout", "neither", "full", "gone"])
def test_a_training_outlives_whoever_reads_it_and_its_exit_code_is_its_own(streams, tiny, tmp_path):
    words = ["train", "--data", tiny, "--epochs", 2, "--until", "map75=1", "--save", tmp_path / "run", *SMALL]
    said, pipe = tmp_path / "said", tmp_path / "pipe"
    if streams == "neither":  # by a shell, for so Python itself begins
        shell = ["bash", "-c", " ".join([sys.executable, "-m", "teachkit", *map(str, words), ">&- 2>&-"])]
        code = subprocess.run(shell, cwd=ROOT, timeout=200, check=False).returncode
    else:
        os.mkfifo(pipe)
        out, err = {"no stderr": (said, None), "no stdout": (None, said), "gone": (pipe, pipe)}.get(streams, [FULL] * 2)
        process = forked.command(*words, out=out, err=err)
        if streams == "gone":
            with open(pipe, "rb") as reader:
                reader.read(1)
        process.join(200)
        code = process.exitcode
    assert code == 1  # the goal was not reached
    assert not said.exists() or "Traceback" not in said.read_text()
    log = read_log(tmp_path / "run" / "log.jsonl")
    assert [record["kind"] for record in log].count("epoch") == 2
    assert log[-1]["kind"] == "end"
    told = [record["message"] for record in log if record.get("what") == "unheard"]
    assert bool(told) == (streams in ("full", "gone"))
    assert all(message.startswith("stderr cannot be written to") for message in told)


@pytest.mark.skipif(os.name == "nt" or not Path(FULL).exists(), reason="streams as on Linux")
@pytest.mark.parametrize("place", ["full", "gone"])
def test_what_waits_in_a_stream_that_cannot_be_written_to_is_lost_and_fails_nothing_later(place):
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(FULL, "w") if place == "full" else open(writing, "w")  # noqa: SIM115 — closed below
    wrapped = records.Unbreakable(stream, "stdout")
    wrapped.write("words")
    wrapped.flush()
    assert wrapped.loss.startswith("stdout cannot be written to")
    stream.flush()  # as Python does at the end of a process, which then has an exit code of its own
    stream.close()


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_ending_from_outside_is_saved_and_recorded_as_ctrl_c_is(name, tiny, tmp_path, monkeypatch, capsys):
    take, number = records.Records.take, getattr(signal, name)

    def take_and_end(self, record):
        take(self, record)
        if record["kind"] == "step" and record["step"] == 2:
            signal.raise_signal(number), signal.raise_signal(number)

    monkeypatch.setattr(records.Records, "take", take_and_end)
    before = signal.signal(number, signal.SIG_DFL)  # tests that were started by nohup ignore SIGHUP
    try:
        assert typed(capsys, "train", "--data", tiny, "--epochs", 2, "--save", tmp_path, *SMALL)[0] == 130
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert read_log(tmp_path / "log.jsonl")[-1]["reason"] == "interrupted"
    assert load_run(tmp_path).state["progress"]["step"] == 3


ENDS = {"map50=0": ("until", 0, 1), "map75=1": ("epochs", 1, 2)}  # of each goal: reason, exit code, epochs


@pytest.fixture(scope="module", params=ENDS)
def whole(request, tiny, tmp_path_factory):
    """A training that comes to its end: the command, its log, the exit code and its epochs."""
    folder, (reason, code, epochs) = tmp_path_factory.mktemp("whole") / "run", ENDS[request.param]
    train = ["train", "--data", str(tiny), "--epochs", "2", "--until", request.param, *SMALL]
    assert main([*train, "--save", str(folder)]) == code
    log = without_seconds(read_log(folder / "log.jsonl"))
    assert log[-1]["reason"] == reason
    return train, log, code, epochs


KILLED = {  # what was about to be done, and to which file of the run
    "before the last state": ("teachkit.learn.saving.save_last", None),
    "before the end record": ("teachkit.learn.trainer.Trainer.end", None),
    "after the end record": ("teachkit.commands.train._draw", None),
    "in the first picture": ("teachkit.commands.train.write_whole", "curves.png"),
    "in the second picture": ("teachkit.commands.train.write_whole", "detections.png"),
}


@pytest.mark.parametrize("killed", KILLED)
def test_a_run_that_was_killed_at_its_end_is_ended_by_a_resume(killed, whole, tmp_path, monkeypatch, capsys):
    (target, file), (train, log, code, epochs) = KILLED[killed], whole
    real, calls = resolve_name(target), []

    def kill(*given):
        calls.append(given)
        wanted = len(calls) == epochs if killed == "before the last state" else file is None or given[0].name == file
        if wanted:
            raise KeyboardInterrupt
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(target, kill)
        assert typed(capsys, *train, "--save", tmp_path)[0] == 130
    assert not (tmp_path / "detections.png").exists()
    saved = (tmp_path / "last.pt").exists()
    assert saved or (killed, epochs) == ("before the last state", 1)
    assert typed(capsys, *(["train", "--resume", tmp_path] if saved else [*train, "--save", tmp_path]))[0] == code
    again = without_seconds(read_log(tmp_path / "log.jsonl"))
    assert [record for record in again if record.get("what") != "resumed"] == log
    assert pixels(tmp_path / "curves.png").std() > 10
    assert pixels(tmp_path / "detections.png").std() > 10
    if epochs == 2:  # as many as were asked for
        assert_a_mistake(typed(capsys, "train", "--resume", tmp_path), "epochs are done")


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "DejaVuSans.ttf"), ImportError("no Agg")])
def test_pictures_that_cannot_be_drawn_are_told_and_drawn_by_a_resume(
    error, tiny, tmp_path, drawn, monkeypatch, capsys
):
    def fail(_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("teachkit.watch.figures.plots.curves", fail)
        code, out, err = typed(capsys, "train", "--data", tiny, "--epochs", 1, "--save", tmp_path, *SMALL)
    assert (code, out.strip()) == (0, f"{tmp_path}: weights, log.jsonl")
    assert "not all pictures are drawn; the training is not harmed" in err
    assert typed(capsys, "train", "--resume", tmp_path)[0] == 0
    assert (tmp_path / "curves.png").exists()
    assert (tmp_path / "detections.png").exists()


@pytest.mark.parametrize("name", ["curves.png", "detections.png"])
def test_a_picture_that_is_not_whole_is_still_to_be_drawn(name, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "run")
    trainer = SimpleNamespace(step_number=load_run(folder).state["progress"]["step"])
    assert not left_to_do(trainer, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    assert left_to_do(trainer, folder)


def test_steps_that_a_log_lacks_are_told_when_the_run_goes_on(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    lines = (folder / "log.jsonl").read_text().splitlines(keepends=True)
    (folder / "log.jsonl").write_text("".join(lines[:3]))  # the start and two steps
    code, _, err = typed(capsys, "train", "--resume", folder, "--epochs", 3)
    assert code == 0
    assert "log.jsonl: lacks 4 of 6 steps, the first 2" in err
    gaps = [record for record in read_log(folder / "log.jsonl") if record.get("what") == "log_gap"]
    assert len(gaps) == 1


def test_the_log_is_on_the_disk_before_each_state_that_counts_on_it(tiny, tmp_path, monkeypatch, capsys):
    done = []

    def save(folder, packed, real=saving.save_last):
        done.append("state")
        real(folder, packed)

    monkeypatch.setattr(records.Records, "sync", lambda _: done.append("log"))
    monkeypatch.setattr(saving, "save_last", save)
    assert typed(capsys, "train", "--data", tiny, "--save", tmp_path / "run", "--epochs", 1, *SMALL)[0] == 0
    assert typed(capsys, "train", "--resume", tmp_path / "run", "--epochs", 2)[0] == 0
    assert done == ["log", "state", "log", "state"]


def test_of_two_logs_the_one_that_has_more_is_gone_on_with(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    shutil.copy(folder / "log.jsonl", tmp_path / "copy.jsonl")
    lines = (folder / "log.jsonl").read_text().splitlines(keepends=True)
    (folder / "log.jsonl").write_text("".join(lines[:3]))
    words = ["train", "--resume", folder, "--epochs", 3, "--log", tmp_path / "copy.jsonl"]
    assert "lacks" not in typed(capsys, *words)[2]
    assert read_log(folder / "log.jsonl") == read_log(tmp_path / "copy.jsonl")


def test_a_damaged_best_is_told_when_the_run_goes_on(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "run")
    content = bytearray((folder / BEST).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / BEST).write_bytes(content)
    _, _, err = typed(capsys, "train", "--resume", folder, "--epochs", 3)
    assert "best.pt is damaged" in err


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_training_whose_end_is_not_saved_says_so_and_exits_with_2(epochs, tiny, tmp_path, monkeypatch, capsys):
    save, calls = saving.save_last, []

    def full(folder, packed):
        calls.append(1)
        if len(calls) == epochs:
            raise OSError(28, os.strerror(28))
        save(folder, packed)

    monkeypatch.setattr("teachkit.learn.saving.save_last", full)
    code, out, err = typed(capsys, "train", "--data", tiny, "--epochs", epochs, "--save", tmp_path / "run", *SMALL)
    assert code == 2
    assert ("weights" in out) == (epochs == 2)
    words = "nothing of this training is saved" if epochs == 1 else "only its state before step 3 is"
    assert words in err.splitlines()[-1]
    assert "disk full" in err.splitlines()[-1]


def test_a_drawing_that_finds_no_room_is_named_and_leaves_no_file(saved, tmp_path, monkeypatch, capsys):
    def full(_):
        raise OSError(28, os.strerror(28))

    file = picture(tmp_path / "in")
    monkeypatch.setattr("teachkit.files.os.fsync", full)
    assert_a_mistake(typed(capsys, "detect", file, "--weights", saved, "--out", tmp_path / "out"), "photo.png", "room")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_export_that_was_killed_is_cleaned_away_by_the_next(tmp_path, monkeypatch, capsys):
    for split in scenes.COUNTS:
        monkeypatch.setitem(scenes.COUNTS, split, 2)
    command = ["data", "export", "shapes", tmp_path / "set", "--format", "yolo"]
    if (child := os.fork()) == 0:
        monkeypatch.setattr("teachkit.feed.formats.write._write_text", lambda *_: os._exit(9))
        main([str(word) for word in command])
    os.waitpid(child, 0)
    assert [path.suffix for path in (tmp_path / "set").iterdir()] == [".part"]
    assert typed(capsys, *command)[0] == 0
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["data.yaml", "images", "labels"]


# evaluate and detect


def test_evaluate_prints_nothing_but_json(saved, tiny, capsys, monkeypatch):
    # a set so large that reading it takes longer than a bar is held back
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # loaded by neighbouring tests
    code, out, err = typed(capsys, "evaluate", "--data", tiny, "--split", "val", "--weights", saved, "--json")

    def not_json(name):
        raise AssertionError(f"{name} is not JSON")

    scores = json.loads(out, parse_constant=not_json)
    assert (code, err) == (0, "")
    assert list(scores) == ["map", "map50", "map75", "per_class"]
    assert list(scores["per_class"]) == load_data(tiny, "val").classes
    assert all(list(row) == ["map", "map50", "map75"] for row in scores["per_class"].values())


def test_evaluate_finds_the_best_score_of_the_training_again(saved, tiny, capsys):
    _, out, _ = typed(capsys, "evaluate", "--data", tiny, "--split", "val", "--weights", saved, "--json")
    best = max(record["map50"] for record in read_log(saved / "log.jsonl") if record["kind"] == "epoch")
    assert json.loads(out)["map50"] == pytest.approx(best, abs=1e-6)


def test_evaluate_prints_a_row_for_each_class(saved, tiny, capsys):
    code, out, _ = typed(capsys, "evaluate", "--data", tiny, "--weights", saved)
    assert code == 0
    rows = [line.split()[0] for line in out.splitlines()[2:]]
    assert rows == ["all", *load_data(tiny, "test").classes]


NASTY = ["\x1b[31mred\x1b]0;mine\x07", "two\nlines", "left\u202eright", "$\\frac$ <b>"]


@pytest.mark.filterwarnings("ignore:Glyph")  # of no font
def test_a_name_that_would_move_the_cursor_is_spelt_out(tiny, tmp_path, drawn, monkeypatch, capsys):
    data = shutil.copytree(tiny, tmp_path / "data")
    (data / "data.yaml").write_text(
        f"train: images/train\nval: images/val\ntest: images/test\nnames: {json.dumps([*NASTY, *map(str, range(9))])}\n"
    )
    assert typed(capsys, "train", "--data", data, "--epochs", 1, "--save", tmp_path / "run", *SMALL)[0] == 0
    out = typed(capsys, "evaluate", "--data", data, "--split", "val", "--weights", tmp_path / "run")[1]
    assert "\\x1b[31mred" in out
    monkeypatch.setattr("teachkit.commands.detect._find", lambda *_: Detections(*found))
    found = torch.tensor([[1.0, 1, 9, 9]] * 4), torch.ones(4), torch.arange(4)
    picture = next((data / "images" / "val").iterdir())
    told = typed(capsys, "detect", picture, "--weights", tmp_path / "run", "--out", tmp_path / "out")[1]
    for line in [*out.splitlines(), *told.splitlines()]:
        assert line.isprintable()
    assert len(told.splitlines()) == 1
    result = typed(capsys, "data", "check", "no\x1b[31mfolder")
    assert_a_mistake(result, "no\\x1b[31mfolder")


@pytest.mark.parametrize("form", ["voc", "coco"])
def test_a_set_without_classes_is_a_mistake_that_names_it(form, tmp_path, capsys):
    data = FORMS[form](tmp_path / "data")
    for file in data.rglob("*.xml"):
        write(file, xml([]))
    for file in data.rglob("*.json"):
        write(file, json_lines(json.loads(file.read_text()) | {"categories": [], "annotations": []}))
    assert_a_mistake(typed(capsys, "train", "--data", data, *SMALL), data, "has no classes")


def test_an_export_that_finds_no_room_names_the_folder(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")  # as Pillow raises it: without the name of the file

    monkeypatch.setattr("teachkit.feed.formats.write._write_pictures", full)
    monkeypatch.setattr(scenes, "COUNTS", {"train": 2})
    assert_a_mistake(typed(capsys, "data", "export", "shapes", tmp_path / "out", "--format", "yolo"), tmp_path, "room")


def test_evaluate_refuses_a_set_of_other_classes(saved, tmp_path, capsys):
    examples = make_scenes(4, 0, SceneSettings(image_size=64))
    examples.classes = ["cat", *examples.classes[1:]]
    write_folder({"test": examples}, tmp_path / "cats", "coco")
    result = typed(capsys, "evaluate", "--data", tmp_path / "cats", "--weights", saved)
    assert_a_mistake(result, "cats: the classes cat are none of ball, square, triangle, star")


def test_evaluate_matches_classes_by_their_names(saved, tmp_path, capsys):
    examples = make_scenes(8, 0, SceneSettings(image_size=64), split="test")
    write_folder({"test": examples}, tmp_path / "as_learned", "yolo")
    examples.classes = examples.classes[::-1]
    examples.labels = [3 - labels for labels in examples.labels]
    write_folder({"test": examples}, tmp_path / "turned_round", "yolo")
    ask = ("evaluate", "--weights", saved, "--json", "--data")
    assert typed(capsys, *ask, tmp_path / "as_learned")[1] == typed(capsys, *ask, tmp_path / "turned_round")[1]


def picture(folder, name="photo.jpg", size=(150, 90)):
    folder.mkdir(exist_ok=True)
    file = folder / name
    Image.new("RGB", size, (40, 90, 200)).save(file)
    return file


def test_detect_draws_a_picture_in_its_own_size_and_leaves_the_original_alone(saved, tmp_path, capsys):
    file = picture(tmp_path / "in")
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    code, out, _ = typed(capsys, "detect", file, "--weights", saved, "--out", tmp_path / "out")
    assert code == 0
    drawn = pixels(tmp_path / "out" / "photo.png")
    assert drawn.shape == (90, 150, 3)
    assert drawn[45, 75] == pytest.approx((40, 90, 200), abs=6)
    assert str(tmp_path / "out" / "photo.png") in out
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_detect_names_a_broken_picture_and_draws_the_others(saved, tmp_path, capsys):
    good, bad = picture(tmp_path / "in"), tmp_path / "in" / "bad.png"
    bad.write_bytes(b"\x89PNG and then nothing")
    code, out, err = typed(capsys, "detect", bad, good, "--weights", saved, "--out", tmp_path / "out")
    assert code == 2
    assert str(bad) in err
    assert "photo.png" in out
    assert (tmp_path / "out" / "photo.png").exists()


def test_detect_never_writes_over_a_picture_it_was_given(saved, tmp_path, capsys):
    file = picture(tmp_path / "in", "photo.png")
    before = file.read_bytes()
    assert_a_mistake(typed(capsys, "detect", file, "--weights", saved, "--out", tmp_path / "in"), file)
    twice = [picture(tmp_path / "a", "same.jpg"), picture(tmp_path / "b", "same.jpg")]
    assert_a_mistake(typed(capsys, "detect", *twice, "--weights", saved, "--out", tmp_path / "out"), "same.png")
    assert file.read_bytes() == before


def test_detect_draws_none_of_many_if_the_place_of_one_is_taken(saved, tmp_path, capsys):
    files = [picture(tmp_path / "in", f"{name}.jpg") for name in ("a", "b")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_text("painted by hand")
    assert_a_mistake(typed(capsys, "detect", *files, "--weights", saved, "--out", tmp_path / "out"), "b.png")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.png"]


# data


def test_check_prints_each_problem_with_file_and_line_and_exits_with_1(tiny, tmp_path, capsys):
    folder = shutil.copytree(tiny, tmp_path / "data")
    label = sorted((folder / "labels" / "train").iterdir())[0]
    first_bad = len(label.read_text().splitlines()) + 1
    with label.open("a") as file:
        file.write("99 0.5 0.5 0.1 0.1\n0 nan 0.5 0.1 0.1\n")
    code, out, _ = typed(capsys, "data", "check", folder)
    assert code == 1
    assert {line.split(": ")[0] for line in out.splitlines()} == {f"{label}:{first_bad}", f"{label}:{first_bad + 1}"}


def test_check_of_a_sound_folder_prints_no_problem_and_exits_with_0(tiny, capsys):
    assert typed(capsys, "data", "check", tiny)[:2] == (0, "")


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_export_writes_a_folder_that_loads_as_the_built_in_set(form, tmp_path, monkeypatch, capsys):
    for split, count in (("train", 4), ("val", 3), ("test", 2)):
        monkeypatch.setitem(scenes.COUNTS, split, count)
    assert typed(capsys, "data", "export", "shapes", tmp_path / form, "--format", form)[0] == 0
    for split, count in (("train", 4), ("val", 3), ("test", 2)):
        made, read = (load_data(source, split, shuffle=False, augment=False) for source in ("shapes", tmp_path / form))
        assert len(read.names) == count
        assert torch.equal(made.batch(0, 0).images, read.batch(0, 0).images)
        torch.testing.assert_close(made.batch(0, 0).ground_truth.boxes, read.batch(0, 0).ground_truth.boxes)


@pytest.mark.gpu
def test_the_command_line_trains_on_a_gpu(tiny, tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    options = ["--epochs", 2, "--device", "cuda", "--log", log, "--save", tmp_path / "run"]
    assert typed(capsys, "train", "--data", tiny, *options, *SMALL)[0] == 0
    history = read_log(log)
    assert history[0]["settings"]["device"].startswith("cuda")
    assert history[-1]["reason"] == "epochs"
    arguments = ["--data", tiny, "--weights", tmp_path / "run", "--json", "--device", "cuda"]
    assert 0 <= json.loads(typed(capsys, "evaluate", *arguments)[1])["map"] <= 1


def test_detect_takes_folders_and_patterns(saved, tmp_path, capsys):
    picture(tmp_path / "in", "a.jpg")
    picture(tmp_path / "in" / "sub", "a.jpg")
    assert typed(capsys, "detect", tmp_path / "in", "--weights", saved, "--out", tmp_path / "out")[0] == 0
    assert sorted(tmp_path.glob("out/**/*.png")) == [tmp_path / "out" / "a.png", tmp_path / "out" / "sub" / "a.png"]
    told = typed(capsys, "detect", f"{tmp_path}/in/*.jpg", "--weights", saved, "--out", tmp_path / "again")[1]
    assert told.startswith(str(tmp_path / "again" / "a.png"))
    for nothing in (tmp_path / "again" / "*.bmp", tmp_path / "none"):
        (tmp_path / "none").mkdir(exist_ok=True)
        assert_a_mistake(typed(capsys, "detect", nothing, "--weights", saved, "--out", tmp_path / "x"), "no pictures")


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ("https://example.org/a.jpg", "is an address: download the picture first, then give the file"),
        ("rtsp://camera", "is an address"),
        ("film.MP4", "is a video: take pictures out of it first, for example with ffmpeg -i film.MP4"),
    ],
)
def test_detect_says_what_to_do_with_an_address_and_a_video(given, mend, saved, tmp_path, capsys):
    assert_a_mistake(typed(capsys, "detect", given, "--weights", saved, "--out", tmp_path / "out"), given, mend)


def test_the_weights_may_be_the_file_itself(saved, tiny, tmp_path, capsys):
    for weights in (saved / "best.pt", saved / "last.pt"):
        ask = ("--weights", weights, "--out", tmp_path / weights.name)
        assert typed(capsys, "detect", picture(tmp_path / "in"), *ask)[0] == 0
        assert typed(capsys, "evaluate", "--data", tiny, "--split", "val", "--weights", weights)[0] == 0
    (tmp_path / "other.pt").write_bytes(b"weights of another tool")
    result = typed(capsys, "evaluate", "--data", tiny, "--weights", tmp_path / "other.pt")
    assert_a_mistake(result, "other.pt is damaged")


def test_the_data_may_be_its_yaml_and_a_train_split_alone_is_divided(tmp_path, capsys):
    examples = make_scenes(10, 0, SceneSettings(image_size=64))
    write_folder({"train": examples}, tmp_path / "data", "yolo")
    code, _, err = typed(capsys, "train", "--data", tmp_path / "data" / "data.yaml", "--epochs", 1, *SMALL)
    assert code == 0
    assert "has no val: a fifth of train, by a hash of the file names, is taken for it" in err


def test_a_run_goes_on_where_its_pictures_lie_now_if_they_are_the_same(tiny, tmp_path, capsys):
    here, there = shutil.copytree(tiny, tmp_path / "here"), shutil.copytree(tiny, tmp_path / "there")
    train = ("train", "--save", tmp_path / "run", "--data", here, "--epochs", 1, *SMALL)
    assert typed(capsys, *train)[0] == 0
    shutil.rmtree(here)
    resume = ("train", "--resume", tmp_path / "run", "--epochs")
    assert_a_mistake(typed(capsys, *resume, 2), "here: there is no such folder")
    assert typed(capsys, *resume, 2, "--data", there)[0] == 0
    label = next(file for file in (there / "labels" / "train").iterdir() if file.read_text())
    label.write_text(label.read_text().replace(" 0.", " 0.1", 1))
    result = typed(capsys, *resume, 3, "--data", there)
    assert result[0] == 2
    assert "these are not the pictures and labels that" in result[2]


@pytest.mark.parametrize("split", ["train", "val"])
def test_labels_that_were_edited_since_the_run_was_saved_are_told(split, saved, tiny, tmp_path, capsys):
    data, folder = shutil.copytree(tiny, tmp_path / "data"), shutil.copytree(saved, tmp_path / "run")
    resume = ("train", "--resume", folder, "--epochs", 3, "--data", data)
    label = next(file for file in sorted((data / "labels" / split).iterdir()) if file.read_text())
    whole = label.read_text()
    label.write_text(whole.replace(" 0.", " 0.1", 1))
    result = typed(capsys, *resume)
    assert result[0] == 2
    assert "these are not the pictures and labels that" in result[2]
    label.write_text(whole)
    assert typed(capsys, *resume)[0] == 0


def test_neither_data_nor_resume_is_a_mistake(capsys):
    assert_a_mistake(typed(capsys, "train", "--epochs", 1), "one of the arguments --data --resume is required")


def test_an_empty_text_does_not_stand_for_the_folder_one_is_in(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_a_mistake(typed(capsys, "train", "--data", "shapes", "--save", "", "--epochs", 1), "save is an empty text")
    assert_a_mistake(typed(capsys, "detect", "", "--weights", "run", "--out", "."), "images is an empty text")
    assert list(tmp_path.iterdir()) == []
