"""Spikes, plateaus and divergence on curves whose truth is known."""

import numpy as np
import pytest

from teachkit.learn.trend import Trend

NAMES = ("box", "cls", "dfl")
WEIGHTS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
STEPS = np.arange(2000)
FALLING = np.stack(
    [
        0.2 + 0.4 * np.exp(-STEPS / 700),
        1 + 20 * np.exp(-STEPS / 40) + 2 * np.exp(-STEPS / 900),
        0.5 + 1.2 * np.exp(-STEPS / 600),
    ],
    axis=1,
)
SPREADS = (0.02, 0.1, 0.2, 0.3)
FLAT = np.tile([0.4, 3.0, 1.0], (2000, 1))


def noisy(curves, spread=0.1, seed=0):
    """Relative noise, as batches of 8 have it: 0.06 to 0.11 was measured."""
    return curves * np.exp(spread * np.random.default_rng(seed).normal(size=curves.shape))


def findings(curves, weights=WEIGHTS, objects=True, trend=None, first=0):
    trend = Trend() if trend is None else trend
    found = []
    for step, row in enumerate(curves, start=first):
        losses = dict(zip(NAMES, map(float, row), strict=True))
        in_force = weights(step) if callable(weights) else weights
        found += [(step, event) for event in trend.update(step, losses, in_force, objects)]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_noise_on_falling_losses_raises_no_alarm_in_2000_steps(seed):
    assert findings(noisy(FALLING, SPREADS[seed % 4], seed)) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_on_flat_losses_is_never_a_spike_or_divergence(seed):
    assert {event.what for _, event in findings(noisy(FLAT, SPREADS[seed % 4], seed))} <= {"plateau"}


@pytest.mark.parametrize("loss", [0, 1, 2])
@pytest.mark.parametrize("spread", SPREADS)
def test_a_loss_three_times_as_large_is_named_within_a_few_steps(loss, spread):
    for seed in range(5):
        curves = noisy(FALLING, spread, seed)
        curves[700:, loss] *= 3
        step, event = findings(curves[500:730], first=500)[0]
        assert event.what == "spike"
        assert event.details["losses"] == [NAMES[loss]]
        assert 700 <= step <= 708
        assert event.details["ratio"] == pytest.approx(3, rel=0.6)
        assert NAMES[loss] in event.message


def test_one_wild_step_is_one_spike():
    curves = noisy(FALLING)
    curves[500] *= 10
    ((step, event),) = findings(curves)
    assert (step, event.what, event.details["losses"]) == (500, "spike", ["box", "cls", "dfl"])


def test_a_batch_that_is_hard_in_every_pass_is_not_called_a_spike_again_and_again():
    curves = noisy(FALLING, 0.02)
    curves[::5, 1] *= 3
    assert len(findings(curves)) <= 1


@pytest.mark.parametrize(("spread", "latest"), [(0.0, 220), (0.02, 220), (0.1, 500), (0.2, 900)])
def test_a_flat_curve_is_named_a_plateau_once(spread, latest):
    for seed in range(3):
        found = [(step, one) for step, one in findings(noisy(FLAT, spread, seed)[:1200]) if one.what == "plateau"]
        assert len(found) == 1
        assert 200 <= found[0][0] <= latest


@pytest.mark.parametrize("loss", [0, 1, 2])
def test_one_loss_that_still_falls_is_no_plateau(loss):
    curves = FLAT.copy()
    curves[:, loss] *= np.exp(-STEPS / 500)
    assert not [one for step, one in findings(noisy(curves, 0.05)) if step < 700]


def test_a_plateau_is_named_again_after_a_control_was_moved():
    trend = Trend()
    assert [one.what for _, one in findings(FLAT[:400], trend=trend)] == ["plateau"]
    trend.expect_change()
    assert [one.what for _, one in findings(FLAT[:400], trend=trend, first=400)] == ["plateau"]


def test_while_a_schedule_settles_flat_losses_are_no_plateau():
    trend = Trend()
    for step, row in enumerate(FLAT[:600]):
        assert not trend.update(step, dict(zip(NAMES, row, strict=True)), WEIGHTS, True, settling=True)


@pytest.mark.parametrize(
    "moved",
    [{"box": 75.0}, {"cls": 0.0}, {"dfl": 0.0, "box": 0.0}, {"box": 0.75, "cls": 0.05, "dfl": 0.15}],
)
def test_a_moved_weight_is_not_called_a_spike(moved):
    """The total jumps, the raw losses do not."""
    found = findings(noisy(FALLING), lambda step: WEIGHTS | moved if step >= 500 else WEIGHTS)
    assert found == []


def test_a_loss_that_weighs_nothing_may_drift_and_come_back():
    curves = noisy(FALLING)
    curves[400:800, 1] *= np.exp(np.arange(400) / 100)
    curves[800:, 1] *= np.exp(4)
    found = findings(curves, lambda step: WEIGHTS | {"cls": 0.0} if 400 <= step < 900 else WEIGHTS)
    assert found == []


@pytest.mark.parametrize(("loss", "ratio"), [(1, 4.0), (1, 50.0), (2, 4.0), (0, 5.0)])
def test_a_level_far_above_the_best_is_divergence_even_if_it_came_slowly(loss, ratio):
    curves = noisy(FALLING)
    curves[600:, loss] *= np.minimum(ratio, np.exp(np.arange(1400) / 60))
    step, event = next((step, one) for step, one in findings(curves) if one.what == "diverged")
    assert event.details["losses"] == [NAMES[loss]]
    assert 640 < step < 900
    assert "learning rate" in event.message


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_its_first_step_ruins_is_divergence(seed):
    curves = noisy(FLAT[:40] * [1, 4, 1], 0.1, seed)
    assert not [one for _, one in findings(curves) if one.what == "diverged"]
    curves[0] = FLAT[0]
    (step, event), *_ = [(step, one) for step, one in findings(curves) if one.what == "diverged"]
    assert step <= 28  # asleep for 8 steps, then 20 are looked at
    assert event.details["losses"] == ["cls"]
    assert event.details["ratio"] == pytest.approx(4, rel=0.2)


def test_a_short_burst_is_a_spike_but_no_divergence():
    curves = noisy(FALLING)
    curves[600:606] *= 8
    assert {one.what for _, one in findings(curves)} == {"spike"}


@pytest.mark.parametrize("end", [0.0, 1e-30, 1e-9, 9e-4])
def test_losses_that_vanish_although_there_are_objects_are_divergence(end):
    """A real detector at a learning rate of 1 answered 0 everywhere: nothing was assigned, nothing corrected."""
    curves = noisy(FALLING)[:400]
    curves[300:] = end
    (step, event), *_ = [(step, one) for step, one in findings(curves) if one.what == "diverged"]
    assert step == 304
    assert "vanished" in event.message
    assert not [one for _, one in findings(curves, objects=False) if one.what == "diverged"]


def test_box_and_dfl_may_grow_from_nothing_while_a_detector_learns_to_score():
    curves = noisy(FALLING[:600])
    curves[:, [0, 2]] *= 1 / (1 + np.exp(-(STEPS[:600, None] - 60) / 4))
    assert findings(curves) == []


def test_batches_without_objects_do_not_disturb():
    curves = noisy(FALLING)
    curves[::3, [0, 2]] = 0
    assert findings(curves) == []


@pytest.mark.parametrize("cut", [1, 30, 505, 1200])
def test_a_detector_of_trends_goes_on_from_its_state(cut):
    curves = noisy(FALLING, 0.1)
    curves[500] *= 8
    curves[1000:, 1] *= 6
    before, after = Trend(), Trend()
    early = findings(curves[:cut], trend=before)
    after.load_state_dict(before.state_dict())
    late = findings(curves[cut:], trend=after, first=cut)
    assert early + late == findings(curves)
