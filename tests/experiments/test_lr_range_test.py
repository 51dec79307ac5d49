import copy
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments.lr_range_test import RangePoint, RangeTest, range_points
from teachkit.experiments.small import small_trainer
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.structures import LOSS_NAMES, GroundTruth
from tests.learn.tiny import make_batches, same, tiny_detector


def everything(trainer):
    """More than a state: gradients, modes, and the random numbers of all three libraries."""
    return {
        "state": trainer.state_dict(),
        "gradients": [None if one.grad is None else one.grad.clone() for one in trainer.model.parameters()],
        "modes": [module.training for module in trainer.model.modules()],
        "rates": [group["lr"] for group in trainer.optimizer.param_groups],
        "random": (random.getstate(), [str(part) for part in np.random.get_state()], torch.get_rng_state()),
    }


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("steps_before", [0, 18])
def test_the_training_is_left_as_it_was_bit_for_bit(optimizer, steps_before):
    trainer, twin = (small_trainer(optimizer=optimizer, seed=1) for _ in range(2))
    for one in (trainer, twin):
        for _ in range(steps_before):
            one.step()
    before = everything(trainer)
    assert len(list(range_points(trainer, 1e-5, 1.0, 20))) == 20
    after = everything(trainer)
    for one in (before, after):
        one["state"]["progress"].pop("train_seconds")
    assert same(before, after)
    trainer.step(), twin.step()
    assert same(dict(trainer.model.state_dict()), dict(twin.model.state_dict()))


def test_a_model_with_dropout_draws_nothing_of_others_even_when_the_test_is_broken_off():
    model = tiny_detector()
    model.train().backbone.register_forward_hook(lambda _, __, maps: [torch.dropout(one, 0.5, True) for one in maps])
    trainer = Trainer(model, Criterion(), make_batches(), threads=1)
    before = copy.deepcopy(everything(trainer))
    points = range_points(trainer, 1e-4, 1e-2, 10)
    next(points)
    assert same(before, everything(trainer))
    next(points)
    points.close()
    assert same(before, everything(trainer))


def test_the_first_point_is_the_loss_of_the_next_batch_and_rates_grow_evenly():
    trainer = small_trainer(seed=2)
    points = list(range_points(trainer, 1e-4, 1e-1, 10))
    record = trainer.step()
    assert [record[name] for name in LOSS_NAMES] == [getattr(points[0], name) for name in LOSS_NAMES]
    ratios = [after.lr / before.lr for before, after in itertools.pairwise(points)]
    assert ratios == pytest.approx([10 ** (1 / 3)] * 9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_suggests_a_rate_near_the_usual_one(optimizer, seed):
    trainer = small_trainer(optimizer=optimizer, seed=seed)
    suggested = RangeTest(list(range_points(trainer, 1e-5, 10.0, 100))).suggested
    assert trainer.train_step.base_rates[0] / 10 < suggested < trainer.train_step.base_rates[0] * 10


def test_a_curve_that_only_falls_has_no_turn_and_a_valley_has_one():
    def made(values):
        return RangeTest([RangePoint(10.0**at, value, value, value) for at, value in enumerate(values)])

    falling, valley = made([2.0 - 0.05 * at for at in range(30)]), made([1 + abs(at - 15) for at in range(30)])
    assert (falling.turn("box"), falling.largest, falling.suggested) == (None, None, None)
    assert valley.turn("cls") == pytest.approx(1e15)
    assert valley.suggested == pytest.approx(1e14)
    assert made([]).suggested is None


def test_it_ends_where_a_loss_is_no_number_any_more():
    points = list(range_points(small_trainer(optimizer="sgd"), 1.0, 100.0, 60))
    assert len(points) < 60
    assert all(np.isfinite(point.cls) for point in points)


def test_it_ends_where_the_detector_answers_nothing_any_more():
    """Its losses are 0 then, which would be the lowest point of each curve."""
    trainer = small_trainer()
    batches, criterion = itertools.count(), trainer.criterion

    def no_box_from_the_twelfth_batch_on(predictions, ground_truth):
        losses = criterion(predictions, ground_truth)
        return losses if next(batches) < 12 else replace(losses, box=0 * losses.box)

    trainer.criterion = no_box_from_the_twelfth_batch_on
    assert len(list(range_points(trainer, 1e-5, 1e-3, 20))) == 12


def test_a_batch_without_objects_does_not_end_it():
    trainer = small_trainer()
    for_all = GroundTruth(
        torch.zeros(8, 0, 4), torch.zeros(8, 0, dtype=torch.int64), torch.zeros(8, 0, dtype=torch.bool)
    )
    full = list(trainer.cursor.data)
    trainer.cursor.data = [full[0], replace(full[1], ground_truth=for_all), *full[2:]]
    assert len(list(range_points(trainer, 1e-5, 1e-3, 20))) == 20


@pytest.mark.parametrize("settings", [(0, 1, 20), (1, 1, 20), (1e-3, 1e9, 20), (1e-3, 1, 3), (1e-3, 1, 20.5)])
def test_rates_and_steps_that_make_no_test_are_refused(settings):
    with pytest.raises(UserError):
        next(range_points(small_trainer(), *settings))
