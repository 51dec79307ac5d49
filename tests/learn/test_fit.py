"""Epochs: how a run ends, what it records of them, how it waits, and how it diverges."""

import json
import math
import threading
import time

import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.interrupts import OneAtATime
from teachkit.learn.progress import Goal
from teachkit.punish.criterion import Criterion
from teachkit.structures import Losses
from tests.learn.tiny import Recorded, make_batches, tiny_detector, without_times


def with_scores(scores, **settings):
    batches, left = make_batches(2), iter(scores)
    trainer = Recorded(tiny_detector(), Criterion(), batches, batches[:1], threads=1, **settings)
    trainer.validate = lambda stopped: {"map50": (value := next(left)), "map": value / 2, "map75": value / 3}
    return trainer


def test_fit_records_start_steps_epochs_and_end_in_order(make_trainer):
    trainer = make_trainer(make_batches(2), make_batches(1, seed=1))
    end = trainer.fit(2)
    kinds = [record["kind"] for record in trainer.records]
    assert kinds == ["start", "step", "step", "epoch", "step", "step", "epoch", "end"]
    assert list(end) == ["kind", "reason", "seconds"]
    assert end["reason"] == "epochs"
    assert json.loads(json.dumps(trainer.records[0]))["settings"]["batches"] == 2


def test_an_epoch_record_holds_scores_validation_losses_time_and_memory(make_trainer):
    trainer = make_trainer(make_batches(2), make_batches(2, seed=1))
    trainer.fit(1)
    (epoch,) = trainer.of("epoch")
    assert {"map50", "map", "map75", "train_seconds", "seconds", "rss_mb"} <= set(epoch)
    weights = trainer.criterion.weights.as_dict()
    assert epoch["val_total"] == pytest.approx(sum(weights[name] * epoch[f"val_{name}"] for name in weights), rel=1e-5)
    assert epoch["rss_mb"] > 50


def test_train_seconds_leave_validation_out(make_trainer):
    class SlowData(list):
        def __iter__(self):
            time.sleep(0.5)
            return super().__iter__()

    trainer = make_trainer(make_batches(1), SlowData(make_batches(1)))
    began = time.perf_counter()
    trainer.fit(2)
    (_, epoch) = trainer.of("epoch")
    assert epoch["train_seconds"] <= time.perf_counter() - began - 1


def test_validation_uses_the_averaged_weights(make_trainer):
    trainer = make_trainer(make_batches(2), make_batches(1), lr=1e-2)
    trainer.step()
    measured = trainer.validate()
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.zero_()
    assert trainer.validate() == pytest.approx(measured, nan_ok=True)


def test_without_validation_data_the_scores_are_undefined(make_trainer):
    trainer = make_trainer()
    trainer.fit(1)
    assert math.isnan(trainer.of("epoch")[0]["map50"])
    with pytest.raises(UserError, match="no validation data"):
        trainer.validate()


def test_a_score_that_is_reached_ends_the_run():
    trainer = with_scores([0.2, 0.5, 0.91, 0.95], until=("map50", 0.9))
    assert trainer.fit(10)["reason"] == "until"
    assert trainer.epoch == 3


@pytest.mark.parametrize(("metric", "epochs"), [("map50", 1), ("map", 2), ("map75", 3)])
def test_any_of_the_three_metrics_may_be_waited_for(metric, epochs):
    trainer = with_scores([0.3, 0.6, 0.9, 0.9], until=(metric, 0.3))
    trainer.fit(4)
    assert trainer.epoch == epochs


@pytest.mark.parametrize("scores", [[math.nan] * 3, [0.1, math.nan, 0.2], [0.899999, 0.89, 0.5], [0.0, 0.0, 0.0]])
def test_a_score_not_reached_does_not_end_the_run(scores):
    assert with_scores(scores, until=("map50", 0.9)).fit(3)["reason"] == "epochs"


def test_early_stopping_waits_for_some_epochs_without_a_better_score():
    trainer = with_scores([0.3, 0.5, 0.5, 0.4, 0.6, 0.1, 0.2, 0.3], early_stop=3)
    assert trainer.fit(20)["reason"] == "early_stop"
    assert trainer.epoch == 8


@pytest.mark.parametrize("until", [("map95", 0.9), ("map50", 90), ("map50", -1), ("map50", math.nan)])
def test_a_goal_that_cannot_be_reached_is_refused(until):
    with pytest.raises(UserError, match="until must be"):
        Goal(until=until)


def test_a_run_that_goes_on_with_another_goal_forgets_the_best_of_the_first():
    first, second, third = Goal(("map50", 0.9)), Goal(("map", 0.5)), Goal(("map50", 0.95))
    first.update({"map50": 0.8})
    for goal in (second, third):
        goal.load_state_dict(first.state_dict())
    assert (second.best, third.best) == (None, 0.8)


def test_more_epochs_go_on_counting_with_a_schedule_of_their_own(make_trainer):
    trainer = make_trainer(make_batches(5))
    trainer.fit(2)
    low = trainer.of("step")[-1]["lr"]
    trainer.fit(2)
    steps = trainer.of("step")
    assert [record["step"] for record in steps] == list(range(20))
    assert low < 0.05 * max(record["lr"] for record in steps[10:])


@pytest.mark.parametrize("epochs", [-1, 1.5, "2", True])
def test_fit_takes_whole_passes_only(make_trainer, epochs):
    trainer = make_trainer()
    for how_long in ({"epochs": epochs}, {"total_epochs": epochs}):
        with pytest.raises(UserError, match="epochs must be a whole number ≥ 0"):
            trainer.fit(**how_long)


def test_fit_needs_to_know_how_long(make_trainer):
    with pytest.raises(UserError, match="how long"):
        make_trainer().fit()
    trainer = make_trainer(make_batches(2), epochs=3)
    trainer.fit()
    assert trainer.epoch == 3


def test_a_run_may_be_made_longer(make_trainer):
    trainer = make_trainer(make_batches(2), epochs=1)
    trainer.fit()
    trainer.fit(total_epochs=3)
    assert trainer.epoch == 3
    assert trainer.fit(total_epochs=3)["reason"] == "epochs"
    assert trainer.epoch == 3


# pause and stop


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for(condition, seconds=20.0):
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "waited too long"
        time.sleep(0.005)


def test_stop_from_another_thread_ends_between_steps_and_the_trainer_goes_on(make_trainer):
    trainer = make_trainer(make_batches(3))
    ends = []
    thread = in_thread(lambda: ends.append(trainer.fit(10_000)))
    wait_for(lambda: trainer.step_number >= 4)
    trainer.control.stop()
    thread.join(20)
    stopped_at = trainer.step_number
    assert ends[0]["reason"] == "interrupted"
    assert len(trainer.of("step")) == stopped_at
    assert trainer.fit(total_epochs=trainer.epoch + 1)["reason"] == "epochs"
    assert trainer.step_number > stopped_at


def test_a_stop_that_comes_before_the_thread_has_begun_is_obeyed(make_trainer):
    trainer = make_trainer()
    trainer.control.stop()
    assert trainer.fit(5)["reason"] == "interrupted"
    assert trainer.step_number == 0
    assert trainer.fit(1)["reason"] == "epochs"


def test_a_pause_uses_no_processor_time_and_ends_at_once(make_trainer):
    trainer = make_trainer(make_batches(3))
    trainer.control.pause()
    used = []

    def run():
        began = time.thread_time()
        trainer.fit(1)
        used.append(time.thread_time() - began)

    thread = in_thread(run)
    wait_for(lambda: trainer.events("paused"))
    time.sleep(1.2)
    assert trainer.step_number == 0
    asleep = time.perf_counter()
    trainer.control.resume()
    wait_for(lambda: trainer.step_number >= 1)
    assert time.perf_counter() - asleep < 1
    thread.join(20)
    steps = trainer.progress.train_seconds
    assert used[0] < steps + 0.5
    assert [event["what"] for event in trainer.events()] == ["paused", "continued"]


def test_stop_wakes_a_paused_run(make_trainer):
    trainer = make_trainer()
    trainer.control.pause()
    ends = []
    thread = in_thread(lambda: ends.append(trainer.fit(1)))
    wait_for(lambda: trainer.events("paused"))
    trainer.control.stop()
    thread.join(10)
    assert ends[0]["reason"] == "interrupted"


def test_a_stop_after_the_last_epoch_is_closed_ends_a_run_that_is_done(make_trainer):
    trainer = make_trainer(make_batches(2))
    noted = trainer.on_record

    def stops_at_the_second_epoch(record):
        noted(record)
        if record["kind"] == "epoch" and record["epoch"] == 1:
            trainer.control.stop()

    trainer.on_record = stops_at_the_second_epoch
    assert trainer.fit(3)["reason"] == "interrupted"
    assert trainer.fit(total_epochs=2)["reason"] == "epochs"
    other = make_trainer(make_batches(2))
    other.on_record = lambda record: other.control.stop() if record["kind"] == "epoch" else None
    assert other.fit(1)["reason"] == "epochs"


def test_a_stop_during_validation_leaves_the_epoch_open_until_the_run_goes_on(make_trainer):
    class StopsOnce(list):
        def __iter__(self):
            if not trainer.control.stopped and not seen:
                seen.append(1)
                trainer.control.stop()
            return super().__iter__()

    seen = []
    trainer = make_trainer(make_batches(2), StopsOnce(make_batches(2)))
    assert trainer.fit(1)["reason"] == "interrupted"
    assert not trainer.of("epoch")
    assert trainer.fit()["reason"] == "epochs"
    assert [record["epoch"] for record in trainer.of("epoch")] == [0]
    assert trainer.step_number == 2


# two threads

INTRUSIONS = {
    "fit": lambda trainer, state: trainer.fit(1),
    "step": lambda trainer, state: trainer.step(),
    "save": lambda trainer, state: trainer.state_dict(),
    "load": lambda trainer, state: trainer.load_state_dict(state),
}


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_what_trains_in_another_thread_is_not_trained_or_read_half_way_here(make_trainer, intrusion):
    trainer = make_trainer(make_batches(3))
    state = trainer.state_dict()
    trainer.alone = OneAtATime(patience=0.05)
    thread = in_thread(lambda: trainer.fit(10_000))
    wait_for(lambda: trainer.step_number >= 2)
    with pytest.raises(UserError, match="this model is trained in another thread"):
        INTRUSIONS[intrusion](trainer, state)
    trainer.control.stop()
    thread.join(20)
    assert [record["step"] for record in trainer.of("step")] == list(range(trainer.step_number))
    INTRUSIONS[intrusion](trainer, state)


# divergence


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 10.0), ("adamw", 100.0), ("sgd", 20.0), ("sgd", 50.0)])
def test_a_learning_rate_far_too_high_is_noticed_explained_and_ends_the_run(make_trainer, optimizer, rate):
    trainer = make_trainer(make_batches(8), optimizer=optimizer, lr=rate, schedule="constant")
    assert trainer.fit(20)["reason"] == "diverged"
    (event,) = trainer.events("diverged")
    assert event["step"] == trainer.step_number - 1
    assert "learning rate" in event["message"]


def test_a_rate_raised_in_mid_run_is_gone_back_from_bit_for_bit(make_trainer):
    trainer, untouched = make_trainer(make_batches(8), epochs=9), make_trainer(make_batches(8), epochs=9)
    for _ in range(10):
        trainer.step(), untouched.step()
    before = trainer.state_dict()
    trainer.control.lr = 50.0
    while trainer.diverged is None and trainer.step_number < 70:
        trainer.step()
    assert trainer.diverged is not None
    trainer.load_state_dict(before)
    assert trainer.diverged is None
    again = [trainer.step() for _ in range(5)]
    assert without_times(again) == without_times([untouched.step() for _ in range(5)])


def test_a_diverged_epoch_does_not_replace_the_saved_state(make_trainer, tmp_path):
    trainer = make_trainer(make_batches(4), save_dir=tmp_path)
    trainer.fit(1)
    saved = (tmp_path / "last.pt").read_bytes()
    trainer.control.lr = 50.0
    assert trainer.fit(20)["reason"] == "diverged"
    good = trainer.progress.closed_epochs
    assert (tmp_path / "last.pt").read_bytes() == saved or good > 1


def test_averaged_weights_that_overflow_are_divergence_and_no_crash(make_trainer):
    def harmless(predictions, truth):
        return Losses(
            *(one.mean().nan_to_num() for one in (predictions.boxes, predictions.scores, predictions.box_logits))
        )

    trainer = make_trainer(make_batches(1), make_batches(1), criterion=harmless)
    with torch.no_grad():
        for weight in trainer.ema.parameters():
            weight.fill_(3e38)
    trainer.train_step.averaged.n_averaged.fill_(10**9)
    trainer.train_step.averaged.multi_avg_fn = lambda *_: None
    assert trainer.fit(1)["reason"] == "diverged"


def test_epochs_in_all_and_epochs_more_are_not_asked_for_together(make_trainer):
    with pytest.raises(UserError, match="epochs=1 more, or total_epochs=2 in all"):
        make_trainer().fit(1, total_epochs=2)
