"""What is found on the way of a saved training: seldom, cheaply, and with the page that replays it."""

import json
from types import SimpleNamespace

import pytest

from teachkit.__main__ import main
from teachkit.commands import records
from teachkit.feed import scenes
from teachkit.feed.formats import write_folder
from teachkit.learn.log import read_log
from teachkit.learn.run_folder import LOG, LOOKS
from teachkit.watch.replay.recording import find_pictures, open_run

STEP, LOOK = 0.05, 0.04  # s


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only in steps and in looks."""
    now = SimpleNamespace(time=0.0)
    monkeypatch.setattr(records, "time", SimpleNamespace(perf_counter=lambda: now.time))

    def detect(*_):
        now.time += LOOK
        return [[]]

    monkeypatch.setattr(records, "detect_on", detect)
    return now


class Training:
    """What the looks see of a trainer."""

    def __init__(self, planned, first=0):
        self.step_number, self.ema = first, None
        self.progress = SimpleNamespace(step=first, train_seconds=first * STEP, last_step=planned)
        self.validation_data = SimpleNamespace(batch=lambda *_: SimpleNamespace(take=lambda _: [None]))

    def train(self, looks, steps):
        for step in range(self.progress.step, self.progress.step + steps):
            self.progress.step, self.progress.train_seconds = step + 1, self.progress.train_seconds + STEP
            looks.take({"kind": "step", "step": step})


def looked_at(file):
    return [record["step"] for record in read_log(file)]


def test_looks_cost_a_hundredth_of_a_training_at_most_and_are_few_in_a_long_one(clock, tmp_path):
    for planned in (100, 1000, 100_000):
        training, file, before = Training(planned), tmp_path / f"{planned}.jsonl", clock.time
        looks = records.Looks(file, training)
        training.train(looks, planned)
        looks.close()
        steps = looked_at(file)
        assert clock.time - before <= 0.01 * planned * STEP + LOOK
        assert steps[0] == 0
        assert len(steps) <= 60
        assert planned < 1000 or len([step for step in steps if step < planned / 5]) >= 5


def test_a_run_that_ends_before_its_plan_has_not_looked_much_more(clock, tmp_path):
    training = Training(100_000)
    looks = records.Looks(tmp_path / "looks.jsonl", training)
    training.train(looks, 100)
    looks.close()
    assert clock.time <= 0.03 * 100 * STEP + LOOK


def test_a_spike_is_looked_at_out_of_turn(clock, tmp_path):
    training = Training(100_000)
    looks = records.Looks(tmp_path / "looks.jsonl", training)
    training.train(looks, 50_000)
    before = looked_at(tmp_path / "looks.jsonl")
    looks.take({"kind": "event", "what": "spike", "step": 50_000})
    training.train(looks, 5)
    looks.close()
    assert looked_at(tmp_path / "looks.jsonl") == [*before, 50_000]


def test_a_training_that_goes_on_drops_looks_later_than_its_state(clock, tmp_path):
    training, file = Training(3000), tmp_path / "looks.jsonl"
    looks = records.Looks(file, training)
    training.train(looks, 1000)
    looks.close()
    before = looked_at(file)
    assert before[-1] > 500
    looks = records.Looks(file, Training(3000, first=500))
    looks.close()
    assert looked_at(file) == [step for step in before if step < 500]


def test_a_saved_run_replays_what_was_found_on_the_way(tmp_path):
    settings = scenes.SceneSettings(image_size=64, objects=(1, 3), size=(1 / 4, 1 / 2))
    data = {split: scenes.make_scenes(count, 0, settings, split=split) for split, count in (("train", 16), ("val", 5))}
    write_folder(data, tmp_path / "data", "yolo")
    words = ["--epochs", "1", "--batch-size", "8", "--image-size", "64", "--threads", "1"]
    assert main(["train", "--data", str(tmp_path / "data"), "--save", str(tmp_path / "run"), *words]) == 0
    run = open_run(tmp_path / "run")
    find_pictures(run, tmp_path / "data")
    assert [step for step, _ in run.timeline.detections] == [0, 1]  # the first step's, and the saved weights'
    assert all(len(found) == len(run.pictures) == 4 for _, found in run.timeline.detections)
    log = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert {record["kind"] for record in log} == {"start", "step", "epoch", "end"}
    assert (tmp_path / "run" / LOOKS).is_file()
