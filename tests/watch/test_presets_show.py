"""Each preset shows what its name says, at the default rate, with five seeds, on the small detector."""

from functools import cache
from statistics import fmean

import pytest

from teachkit.experiments.small import small_f1, small_trainer, usual_rate
from teachkit.structures import LossWeights
from teachkit.watch.cockpit.presets import PRESETS

STEPS = 100


@cache
def shown(name: str, seed: int) -> tuple[dict[str, list[float]], float]:
    """Raw losses and the total, step by step, and F1 on the validation batch at the end."""
    trainer = small_trainer(seed=seed)
    trainer.control.set(**PRESETS[name].settings(usual_rate("adamw"), LossWeights()))
    trainer.on_record = lambda record: None
    records = [trainer.step() for _ in range(STEPS)]
    losses = {one: [record[one] for record in records] for one in ("box", "cls", "dfl", "total")}
    return losses, small_f1(trainer.model)


def fall(values: list[float]) -> float:
    """What is left at the end of what there was at the beginning."""
    return fmean(values[-10:]) / fmean(values[:3])


seeds = pytest.mark.parametrize("seed", range(5))


@seeds
def test_good_learns(seed):
    losses, f1 = shown("Good", seed)
    assert f1 > 0.25
    assert all(fall(losses[name]) < 0.6 for name in ("box", "cls", "dfl"))


@seeds
def test_too_low_crawls(seed):
    losses, f1 = shown("Too low", seed)
    assert f1 == 0
    assert all(0.6 < fall(losses[name]) < 1.05 for name in ("box", "cls", "dfl"))


@seeds
def test_too_high_spikes_and_stays_behind(seed):
    losses, f1 = shown("Too high", seed)
    good, f1_of_good = shown("Good", seed)
    assert max(losses["cls"][:20]) > 1.5 * losses["cls"][0]
    assert f1 < f1_of_good / 2
    assert all(fmean(losses[name][-20:]) > 1.2 * fmean(good[name][-20:]) for name in ("box", "cls", "dfl"))


@seeds
def test_without_box_loss_boxes_still_move_because_dfl_teaches_edges(seed):
    losses, _ = shown("No box loss", seed)
    assert fall(losses["box"]) < 0.7
    assert fall(losses["dfl"]) < 0.6


@seeds
@pytest.mark.parametrize("name", ["No class loss", "DFL only"])
def test_without_class_loss_no_box_has_a_usable_score(name, seed):
    assert shown(name, seed)[1] < 0.1


@seeds
def test_dfl_only_still_sharpens_edges(seed):
    assert fall(shown("DFL only", seed)[0]["dfl"]) < 0.8


@seeds
def test_all_weights_times_ten_changes_the_total_and_not_the_learning(seed):
    (ten, _), (good, _) = shown("All weights × 10", seed), shown("Good", seed)
    assert ten["total"][0] == pytest.approx(10 * good["total"][0], rel=1e-3)
    for name in ("box", "cls", "dfl"):
        assert fmean(ten[name][-20:]) == pytest.approx(fmean(good[name][-20:]), rel=0.15)
