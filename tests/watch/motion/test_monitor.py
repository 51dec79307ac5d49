import base64
import gc
import io
import json

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

import teachkit as tk
from teachkit import scoring
from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.watch.motion import monitor as module
from teachkit.watch.motion.monitor import TrainingMonitor


@pytest.fixture(scope="module")
def exam():
    return tk.load_data("shapes", "val", batch_size=5, limit=8, device="cpu")


def fresh():
    data = tk.load_data("shapes", batch_size=4, limit=28, device="cpu")
    return tk.Detector(4, device="cpu"), data, tk.Criterion()


def train(model, data, criterion, stop_at=None):
    """One pass of the loop → the losses of each batch."""
    optimizer, losses_of = torch.optim.AdamW(model.parameters(), lr=0.003), []
    for number, batch in enumerate(data):
        losses = criterion(model(batch.images), batch.ground_truth)
        optimizer.zero_grad()
        losses.backward()
        if number == stop_at:
            raise KeyboardInterrupt
        optimizer.step()
        losses_of.append(losses.box.item())
    return losses_of


def watched(exam, every=3):
    model, data, criterion = fresh()
    return TrainingMonitor(model, data, criterion, exam, every=every)


def test_a_loop_that_is_looked_on_at_gives_the_same_weights_bit_for_bit(exam):
    alone, data, criterion = fresh()
    train(alone, data, criterion)
    one = watched(exam)
    train(one.model, one.training_data, one.criterion)
    for ours, theirs in zip(one.model.state_dict().values(), alone.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    assert one.model.training


def test_it_keeps_the_losses_of_each_batch_and_the_f1_of_every_few(exam):
    one = watched(exam)
    boxes = train(one.model, one.training_data, one.criterion)
    assert one.losses["step"] == list(range(7))
    assert one.losses["box"] == pytest.approx(boxes, abs=1e-7)
    assert [step for step, *_ in one.looks] == one.scores["step"] == [0, 3, 6, 7]
    answers, truths = [one.model.detect(batch.images) for batch in exam], [batch.ground_truth for batch in exam]
    assert one.scores["f1"][-1] == scoring.f1_score(answers, truths)
    assert one.told == "pass 1: all 7 batches"
    train(one.model, one.training_data, one.criterion)
    assert [step for step, *_ in one.looks] == [0, 3, 6, 7, 9, 12, 14]


def test_a_picture_shows_what_counts_and_only_where_nothing_does_the_best_guesses(exam):
    one = watched(exam)
    _, sure, guesses = one.looks[0]
    assert sure == [[], [], [], []]
    assert [len(its) for its in guesses] == [3, 3, 3, 3]
    one.model, _ = recorded.detector("shapes")
    one.steps = 1
    one.look()
    _, sure, guesses = one.looks[1]
    found = one.model.detect(next(iter(exam)).images[:4])
    assert [len(its) for its in sure] == [len(its) for its in found]
    assert all(bool(its) != bool(guessed) for its, guessed in zip(sure, guesses, strict=True))
    assert min(row[5] for its in sure for row in its) >= 0.25


def test_losses_outside_of_the_loop_are_none_of_the_trainings(exam):
    one = watched(exam)
    paper = next(iter(one.training_data))
    gc.collect()
    one.criterion(one.model(paper.images), paper.ground_truth)
    assert (one.steps, one.passes, len(one.looks)) == (0, 0, 1)
    train(one.model, one.training_data, one.criterion)
    one.criterion(one.model(paper.images), paper.ground_truth)
    one.steps += 1
    one.look()
    assert one.losses["step"] == list(range(7))


def test_a_loop_that_is_stopped_leaves_what_was_seen_and_can_be_run_again(exam):
    one = watched(exam)
    with pytest.raises(KeyboardInterrupt):
        train(one.model, one.training_data, one.criterion, stop_at=4)
    gc.collect()
    assert (one.steps, one.passes) == (4, 0)
    train(one.model, one.training_data, one.criterion)
    assert one.steps == 11
    assert len(one.losses["step"]) == 12


def test_weights_that_are_broken_are_told_and_do_not_end_the_loop(exam):
    one = watched(exam)
    with torch.no_grad():
        next(one.model.parameters()).fill_(float("nan"))
    one.steps = 10
    one.look()
    assert "NaN" in one.told
    assert one.scores["f1"][-1] is None
    json.dumps([one.looks, one.scores], allow_nan=False)


def test_the_bar_counts_while_a_loop_runs(exam, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", -1)
    one, seen = watched(exam), []
    for _ in one.training_data:
        seen.append(one.told)
    assert seen[2] == "pass 1: 2 of 7 batches"
    assert len(one.training_data) == 7


def test_a_cell_that_is_run_twice_looks_on_once_and_weights_stay_within_reach(exam):
    first = watched(exam)
    again = TrainingMonitor(first.model, first.training_data, first.criterion, exam)
    assert again.training_data.given is first.training_data.given
    again.criterion.weights.box = 3
    assert first.criterion.given.weights.box == 3


def test_a_long_run_keeps_its_beginning_and_its_end_within_bounds(exam, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOOKS", 4)
    one = watched(exam)
    for one.steps in range(1, 12):
        one.look()
    steps = [step for step, *_ in one.looks]
    assert len(steps) <= 5
    assert (steps[0], steps[-1]) == (0, 11)


@pytest.mark.parametrize("every", [0, 2.5, True])
def test_a_look_is_taken_after_a_whole_number_of_batches(exam, every):
    with pytest.raises(UserError, match="every"):
        watched(exam, every)
    with pytest.raises(UserError, match="no validation picture"):
        TrainingMonitor(*fresh(), [])


def test_the_static_image_shows_the_beginning_then_a_strip_and_closing_leaves_nothing(exam):
    there = len(ipywidgets.widgets.widget._instances)
    one = watched(exam)
    before = one._repr_mimebundle_()[0]
    train(one.model, one.training_data, one.criterion)
    after = one._repr_mimebundle_()[0]
    assert before["text/plain"] == after["text/plain"]  # stored by notebooks, before and after a loop
    with Image.open(io.BytesIO(base64.b64decode(after["image/png"]))) as image:
        assert np.asarray(image.convert("RGB")).reshape(-1, 3).std(0).max() > 20
        assert image.size == (900, 550)
    assert [axes.get_title() for axes in one.figure().axes[:4]] == ["batch 0", "batch 3", "batch 6", "batch 7"]
    one.close()
    assert len(ipywidgets.widgets.widget._instances) == there
