import math

import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.schedule import LAST, SCHEDULES, check_schedule, cosine, one_cycle, steps, usual_warmup


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("total", "warmup"), [(1, 0), (2, 1), (150, 15), (2000, 100), (None, 100), (10, 50)])
def test_a_factor_is_positive_and_at_most_one_at_every_step_and_past_the_end(name, total, warmup):
    factors = [SCHEDULES[name](step, total, warmup) for step in range((total or 300) + 20)]
    assert all(math.isfinite(factor) and 0 < factor <= 1 for factor in factors)


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "steps"])
def test_a_schedule_ends_low_and_reaches_the_base_rate_on_the_way(name):
    factors = [SCHEDULES[name](step, 1000, 100) for step in range(1000)]
    assert max(factors) == pytest.approx(1)
    assert factors[-1] <= LAST + 1e-9
    assert factors[0] < 0.05


def test_after_the_warm_up_cosine_is_that_of_torch():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=89, eta_min=LAST)
    for step in range(10, 100):
        assert cosine(step, 100, 10) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        schedule.step()


def test_one_cycle_is_that_of_torch():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    settings = {"total_steps": 101, "pct_start": 0.3, "div_factor": 25, "final_div_factor": 1e4 / 25}
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, cycle_momentum=False, **settings)
    for step in range(100):
        assert one_cycle(step, 101, 0) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        schedule.step()


def test_after_the_warm_up_steps_are_those_of_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[600, 800], gamma=0.1)
    for step in range(901):
        if step >= 100:
            assert steps(step, 901, 100) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "steps"])
def test_past_its_end_a_schedule_stays_where_it_ended(name):
    ended = SCHEDULES[name](999, 1000, 100)
    assert [SCHEDULES[name](step, 1000, 100) for step in (1000, 1500, 5000)] == [ended] * 3


def test_without_a_known_end_the_rate_warms_up_and_stays():
    assert [cosine(step, None, 4) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert SCHEDULES["constant"](10**6, None, 4) == 1


def test_a_short_run_has_a_short_warm_up():
    assert [usual_warmup(total) for total in (None, 5, 150, 5000)] == [100, 0, 15, 100]


@pytest.mark.parametrize("name", ["linear", "", None, 3, ["cosine"]])
def test_an_unknown_schedule_is_refused(name):
    with pytest.raises(UserError, match="choose one of constant, cosine"):
        check_schedule(name)
