import threading
import time

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import teachkit as tk
from teachkit.errors import UserError
from teachkit.experiments.small import for_exam, small_f1, small_trainer, small_validation_batch
from teachkit.watch.timeline.timeline import rows_of
from teachkit.watch.widgets.learning_rate import LearningRatePlayground
from teachkit.watch.widgets.race import LANES, Race
from tests.learn.tiny import same


@pytest.fixture
def playground():
    one = tk.LearningRatePlayground()
    yield one
    one.close()


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.01)


def test_each_lane_is_the_trainer_at_its_rate_and_nothing_else(playground):
    playground.run(5)
    now = playground.numbers()
    for lane, rate in {"low": 7e-5, "usual": 7e-3, "high": 0.7}.items():
        trainer = small_trainer(rate, epochs=20)
        expected = [trainer.step() for _ in range(5)]
        assert playground.race.losses[lane]["dfl"] == [record["dfl"] for record in expected]
        assert now["losses"]["cls"][lane] == pytest.approx([record["cls"] for record in expected], rel=1e-3)
        raced = playground.race.trainers[lane]
        assert same(dict(raced.model.state_dict()), dict(trainer.model.state_dict()))


def test_the_first_losses_are_the_same_at_every_rate(playground):
    playground.run(1)
    first = [playground.race.losses[lane]["box"][0] for lane in LANES]
    assert first[0] == first[1] == first[2]


def test_sgd_a_hundred_times_too_fast_diverges_and_the_others_go_on():
    race = Race("sgd", 100, "constant")
    for _ in range(20):
        race.step()
    assert race.ended("high")
    assert len(race.losses["high"]["cls"]) < len(race.losses["usual"]["cls"]) == 20
    assert not race.ended("low")
    assert not race.ended("usual")
    usual, exam = race.trainers["usual"].model, small_validation_batch()
    race.detect()  # with the statistics of BatchNorm that F1 is measured with, and not with those that lag behind
    shown, lagging = (rows_of(one.detect(exam.images)[0]) for one in (for_exam(usual), usual))
    assert race.found["usual"] == shown != lagging
    assert race.f1["usual"] == small_f1(usual)


def test_weights_that_are_no_numbers_find_nothing_and_stop_nobody():
    race = Race("sgd", 100, "constant")
    next(race.trainers["high"].model.parameters()).data.fill_(float("nan"))
    race.detect()
    assert race.found["high"] == []


def test_a_moved_setting_begins_anew_and_is_shown_at_once(playground):
    playground.run(3)
    playground.set(factor=10)
    assert playground.numbers()["step"] == 0
    assert playground.numbers()["rates"]["high"] == pytest.approx(0.07)
    playground.run(2)
    assert playground.race.steps == 2
    assert playground.race.rates["low"] == pytest.approx(7e-4)


def test_the_range_test_leaves_the_race_as_it_was(playground):
    playground.run(3)
    before = {lane: trainer.state_dict() for lane, trainer in playground.race.trainers.items()}
    test = playground.test()
    after = {lane: trainer.state_dict() for lane, trainer in playground.race.trainers.items()}
    assert same(before, after)
    shown = playground.numbers()["test"]
    assert len(shown["lr"]) == len(test.points) > 50
    assert shown["suggested"] == test.suggested
    playground.set(optimizer="sgd")
    assert playground.numbers()["test"]["lr"] == []


def test_the_thread_does_what_run_does(playground):
    playground.start(steps=4)
    wait_for(lambda: not playground.worker.alive)
    twin = LearningRatePlayground()
    twin.run(4)
    assert playground.race.losses == twin.race.losses
    twin.close()


def test_nothing_runs_before_start_and_close_ends_all():
    names = {"teachkit-worker", "teachkit-painter"}
    there = len(ipywidgets.widgets.widget._instances)
    one = LearningRatePlayground()
    assert not names & {thread.name for thread in threading.enumerate()}
    one.start()
    wait_for(lambda: one.race.steps >= 2)
    assert names <= {thread.name for thread in threading.enumerate()}
    one.close()
    assert not names & {thread.name for thread in threading.enumerate()}
    assert len(ipywidgets.widgets.widget._instances) == there


def test_pause_ends_a_range_test_too(playground):
    playground.start_test()
    wait_for(lambda: playground.points)
    assert playground.numbers()["state"] == "testing"
    playground.pause()
    wait_for(lambda: not playground.worker.alive)
    assert 0 < len(playground.points) < 100


def test_what_breaks_in_the_thread_is_shown(playground, monkeypatch):
    monkeypatch.setattr(playground.race, "step", lambda: 1 / 0)
    playground.start()
    wait_for(lambda: playground.error)
    assert "ZeroDivisionError" in playground.error


@pytest.mark.parametrize(
    "values",
    [{"factor": 1}, {"factor": float("nan")}, {"factor": "<b>"}, {"optimizer": "adam"}, {"schedule": 3}, {"x": 1}],
)
def test_bad_values_are_refused_and_the_old_ones_stay(playground, values):
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == {"factor": 100.0, "optimizer": "adamw", "schedule": "constant"}
    assert not playground._moved


def test_a_page_hears_of_a_refused_value(playground, monkeypatch):
    told = []
    monkeypatch.setattr(playground, "post", lambda kind, content, buffers=None: told.append(content))
    playground._receive(None, {"kind": "set", "values": {"factor": "<b>"}, "ask": 1}, [])
    assert "<b>" in told[-1]["refused"]


def test_the_static_image_of_a_range_test_alone_has_no_empty_charts(playground):
    playground.test()
    assert [axes.get_title() for axes in playground.figure().axes] == ["range test"]


def test_the_static_image_shows_curves_and_after_a_test_the_range_test(playground):
    import base64
    import io

    playground.run(4)
    bundle, _ = playground._repr_mimebundle_()
    assert bundle["text/plain"] == LearningRatePlayground.words
    without = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    playground.test()
    with_test = playground.figure()
    assert len(with_test.axes) == 4
    assert without.std() > 5
