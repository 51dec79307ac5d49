"""`train --tensorboard DIR`: the records as curves, read back by TensorBoard itself."""

import sys

import pytest

from teachkit.__main__ import main
from teachkit.commands.records import TensorBoard
from teachkit.feed.formats.write import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn.log import read_log

STEP = {"kind": "step", "step": 3, "epoch": 0, "lr": 0.1, "box": 1.5, "weights": {"box": 7.5}}


def curves(folder):
    """name → [(step, value)], and the texts of events."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    scalars = {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}
    texts = [one.tensor_proto.string_val[0].decode() for one in found.Tensors("events/text_summary")]
    return scalars, texts


@pytest.fixture
def data(tmp_path):
    scenes = {split: make_scenes(4, 0, SceneSettings(image_size=64), split=split) for split in ("train", "val")}
    write_folder(scenes, tmp_path / "few", "yolo")
    return tmp_path / "few"


@pytest.mark.usefixtures("sketches")
def test_a_training_and_its_resume_are_one_set_of_curves(data, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    save, folder = tmp_path / "run", tmp_path / "curves"
    begin = ["--data", str(data), "--epochs", "1", "--batch-size", "2", "--threads", "1", "--save", str(save)]
    assert main(["train", *begin, "--tensorboard", str(folder)]) == 0
    assert main(["train", "--resume", str(save), "--epochs", "2"]) == 0
    scalars, texts = curves(folder)
    records = read_log(save / "log.jsonl")
    for kind, names in {
        "step": ("box", "cls", "dfl", "total", "lr", "grad_norm"),
        "epoch": ("map50", "val_box"),
    }.items():
        of_kind = [one for one in records if one["kind"] == kind]
        steps = [0, 1, 2, 3] if kind == "step" else [1, 3]
        for name in names:
            assert [step for step, _ in scalars[f"{kind}/{name}"]] == steps
            values = [value for _, value in scalars[f"{kind}/{name}"]]
            assert values == pytest.approx([one[name] for one in of_kind], rel=1e-6)
    assert [value for _, value in scalars["step/weight_box"]] == [5.0] * 4
    assert len(texts) == 1
    assert "resumed from" in texts[0]


def test_steps_that_are_made_again_take_the_place_of_those_before(tmp_path):
    pytest.importorskip("tensorboard")
    for first, value in ((0, 1.5), (3, 0.5)):
        board = TensorBoard(str(tmp_path), first)
        for step in range(first, 5):
            board.take({**STEP, "step": step, "box": value})
        board.take({"kind": "event", "step": 4, "what": "note", "message": "a note"})
        board.close()
    assert curves(tmp_path)[0]["step/box"] == [(0, 1.5), (1, 1.5), (2, 1.5), (3, 0.5), (4, 0.5)]


def test_a_folder_that_cannot_be_written_to_ends_no_training(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    board = TensorBoard(str(tmp_path))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    board._writer.close()
    monkeypatch.setattr(board._writer, "add_scalar", full)
    with pytest.warns(UserWarning, match="no more curves for TensorBoard .No space left"):
        board.take(STEP)
    board.take(STEP)
    board.close()


def test_without_tensorboard_a_training_does_not_begin_and_says_what_mends_it(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    save = tmp_path / "run"
    save.mkdir()
    begin = ["--data", str(data), "--epochs", "1", "--save", str(save), "--tensorboard", str(tmp_path / "curves")]
    assert main(["train", *begin]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "pip install teachkit[tensorboard]" in err
    assert list(save.iterdir()) == []
