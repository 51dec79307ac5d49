"""Runs on the same axes: the numbers are their logs', and only what differs is in the table."""

import gc
import io
import random
import weakref

import numpy as np
import pytest
from PIL import Image

import teachkit as tk
from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed import scenes
from teachkit.learn.log import LogWriter
from teachkit.watch.widgets.runs_side_by_side import RunsSideBySide, differences


@pytest.fixture
def runs(make_trainer):
    made = []
    for lr in (0.001, 0.01):
        kept = []
        trainer = make_trainer(on_record=kept.append, lr=lr)
        trainer.fit(2)
        made.append(kept)
    return made


@pytest.fixture
def side():
    widget = RunsSideBySide("few_pictures_0", "many_pictures_0", names=["few", "many"])
    yield widget
    widget.close()


def test_the_numbers_at_any_step_are_the_logs(side):
    logs = [recorded.records(name) for name in ("few_pictures_0", "many_pictures_0")]
    dice = random.Random(0)
    for _ in range(100):
        step, loss = dice.randrange(500), dice.choice(["total", "box", "cls", "dfl"])
        side.set(step=step, loss=loss)
        for row, log in zip(side.numbers()["rows"], logs, strict=True):
            here = next(one for one in log if one["kind"] == "step" and one["step"] == step)
            assert (row["training"], row["lr"]) == (here[loss], here["lr"])
            length = log[0]["settings"]["batches"]
            closed = (step + 1) // length
            epochs = [one for one in log if one["kind"] == "epoch"][:closed]
            assert row["validation"] == (epochs[-1][f"val_{loss}"] if epochs else None)
            assert row["score"] == (epochs[-1]["map50"] if epochs else None)


def test_only_what_differs_is_in_the_table(side):
    table = {name: row for name, *row in differences(side.runs)}
    assert table["pictures"] == ["32", "1000"]
    assert table["batches"] == ["4", "125"]
    assert not {"optimizer", "lr", "schedule", "box weight", "threads"} & set(table)


def test_boxes_are_those_found_by_the_step_at_hand(side):
    side.set(step=10)
    assert side.numbers()["found"] == [[[], []], [[], []]]
    side.set(step=499)
    looks = [one for one in recorded.records("many_pictures_0") if one["kind"] == "look"]
    assert side.numbers()["found"][1] == looks[-1]["found"][:2]


def test_lists_of_records_and_folders_do_as_well(tmp_path, runs):
    for place, records in enumerate(runs):
        with LogWriter(tmp_path / str(place) / "log.jsonl") as log:
            for record in records:
                log.write(record)
    for sources in (runs, [tmp_path / "0", tmp_path / "1"], [tmp_path / "0" / "log.jsonl", runs[1]]):
        widget = tk.RunsSideBySide(*sources)
        assert {name: row for name, *row in differences(widget.runs)} == {"lr": ["0.001", "0.01"]}
        assert widget.setup()[1] == []  # nothing tells which pictures these were
        widget.close()


@pytest.mark.usefixtures("sketches")
def test_a_folder_with_weights_is_looked_at_with_them(tmp_path, monkeypatch):
    from teachkit.__main__ import main

    for split in ("train", "val"):
        monkeypatch.setitem(scenes.COUNTS, split, 16)
    few = ["train", "--data", "shapes", "--epochs", "1", "--image-size", "64", "--batch-size", "8", "--threads", "1"]
    assert main([*few, "--save", str(tmp_path / "a")]) == 0
    widget = RunsSideBySide(tmp_path / "a", "few_pictures_0")
    content, pictures = widget.setup()
    assert len(pictures) == 2
    assert [run["boxes"] for run in content["runs"]] == [True, False]
    assert content["image_size"] == [64, 64]
    widget.close()


@pytest.mark.parametrize("sources", [[], ["few_pictures_0"], ["few_pictures_0"] * 7, ["few_pictures_0", "no_such_run"]])
def test_too_few_too_many_or_unknown_runs_are_refused(sources):
    with pytest.raises(UserError):
        RunsSideBySide(*sources)


@pytest.mark.parametrize(
    "values", [{"step": 500}, {"step": "x"}, {"step": float("nan")}, {"loss": "sum"}, {"score": 1}]
)
def test_a_refused_value_leaves_the_old_ones(side, values):
    before = dict(side.values)
    with pytest.raises(UserError):
        side.set(**values)
    assert side.values == before


def test_the_static_image_shows_every_run(side):
    picture = side.figure()
    pixels = np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB"))
    assert pixels.std() > 10
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["few", "many"]


def test_markup_and_dollars_in_a_name_stay_text(runs):
    widget = RunsSideBySide(*runs, names=["<b>$x$</b>", "$"])
    assert widget.static_image()[:4] == b"\x89PNG"
    widget.close()


def test_nothing_is_left_after_close():
    widget = RunsSideBySide("few_pictures_0", "few_pictures_1")
    gone = weakref.ref(widget)
    widget.close()
    del widget
    gc.collect()
    assert gone() is None
