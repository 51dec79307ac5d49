"""A log is enough to make the same weights again."""

import json
import random

import pytest

from teachkit.errors import UserError
from teachkit.learn.log import LogWriter, read_log
from teachkit.learn.schedule import SCHEDULES
from teachkit.punish.criterion import Criterion
from tests.learn.rerun import rerun, straightened
from tests.learn.tiny import Recorded, make_batches, same, tiny_detector, without_times


def trainer_of(**settings):
    return Recorded(tiny_detector(), Criterion(), make_batches(), **({"threads": 1, "epochs": 20} | settings))


def walk(trainer, dice, steps=40):
    """Settings are moved at random, also several before one step, also back to what they were."""
    for _ in range(steps):
        for _ in range(dice.choice([0, 0, 0, 1, 2])):
            match dice.randrange(6):
                case 0:
                    trainer.control.set(lr=10 ** dice.uniform(-5, -2))
                case 1:
                    trainer.control.set(schedule=dice.choice(list(SCHEDULES)))
                case 2:
                    trainer.control.set(lr=10 ** dice.uniform(-5, -2), schedule=dice.choice(list(SCHEDULES)))
                case 3:
                    trainer.control.set(**{dice.choice(["box", "cls", "dfl"]): dice.uniform(0, 10)})
                case 4:
                    trainer.control.set(lr=None)
                case 5:
                    trainer.change_optimizer(dice.choice(["adamw", "sgd"]), dice.choice([None, 0.001]))
        trainer.step()


@pytest.mark.parametrize("seed", range(4))
def test_a_random_walk_of_changes_ends_in_the_same_weights_through_a_file(tmp_path, seed):
    first = trainer_of()
    walk(first, random.Random(seed))
    with LogWriter(tmp_path / "log.jsonl") as log:
        for record in first.records:
            log.write(record)
    again = trainer_of()
    assert rerun(again, read_log(tmp_path / "log.jsonl")) is None
    for part in ("model", "ema", "optimizer"):
        assert same(first.state_dict()["train_step"][part], again.state_dict()["train_step"][part]), part
    assert without_times(first.records) == without_times(again.records)


def test_a_fit_with_its_schedule_and_a_change_on_the_way_is_run_again():
    first = trainer_of(epochs=None)
    step_by_step = first.records.append

    def listen(record):
        step_by_step(record)
        if record["kind"] == "step" and record["step"] == 7:
            first.control.weights.dfl = 4.0

    first.on_record = listen
    first.fit(5)
    again = trainer_of(epochs=None)
    assert rerun(again, json.loads(json.dumps(first.records))) is None
    assert same(first.state_dict()["train_step"]["model"], again.state_dict()["train_step"]["model"])


def test_what_a_run_went_back_over_is_left_out():
    first = trainer_of(schedule="constant")
    for _ in range(5):
        first.step()
    there = first.state_dict()
    first.control.set(lr=0.05, box=1.0)
    for _ in range(4):
        first.step()
    first.load_state_dict(there)
    first.control.set(cls=3.0)
    for _ in range(3):
        first.step()
    line = [record["step"] for record in straightened(first.records) if record["kind"] == "step"]
    assert line == list(range(8))
    again = trainer_of(schedule="constant")
    assert rerun(again, first.records) is None
    assert same(first.state_dict()["train_step"]["model"], again.state_dict()["train_step"]["model"])


def test_another_seed_is_found_out_at_the_first_step():
    first = trainer_of()
    first.fit(2)
    other = Recorded(tiny_detector(seed=1), Criterion(), make_batches(), threads=1)
    assert rerun(other, first.records) == 0


def test_another_start_is_refused_and_named():
    first = trainer_of()
    first.fit(1)
    with pytest.raises(UserError, match="optimizer adamw, not sgd"):
        rerun(trainer_of(optimizer="sgd"), first.records)
    used = trainer_of()
    used.step()
    with pytest.raises(UserError, match="fresh"):
        rerun(used, first.records)


def test_a_log_that_lacks_something_is_refused():
    first = trainer_of()
    first.fit(1)
    gap = [record for record in first.records if record.get("step") != 1]
    with pytest.raises(UserError, match="step 1 is missing"):
        rerun(trainer_of(), gap)
    first.fit(1)
    with pytest.raises(UserError, match="more than one"):
        rerun(trainer_of(), first.records)
    old = [{"kind": "event", "step": 0, "what": "lr", "lr": 0.1, "schedule": "cosine"}]
    with pytest.raises(UserError, match="too old"):
        rerun(trainer_of(), old)
