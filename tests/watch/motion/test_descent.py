import pytest
import torch

from teachkit.errors import UserError
from teachkit.watch.motion.descent import CURVATURES, RATES, DescentPlayground


@pytest.fixture
def descent():
    one = DescentPlayground()
    yield one
    one.close()


@pytest.mark.parametrize(("rate", "curvature"), [(0.02, 20), (0.1, 20), (0.25, 5), (0.06, 40)])
def test_the_trail_is_that_of_sgd(descent, rate, curvature):
    descent.set(rate=rate, curvature=curvature, steps=6)
    w = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    sgd, trail = torch.optim.SGD([w], lr=rate), [w.item()]
    for _ in range(6):
        sgd.zero_grad()
        (curvature / 2 * w**2).backward()
        sgd.step()
        trail.append(w.item())
    assert descent.trail() == pytest.approx(trail)


def test_it_shrinks_below_two_over_the_curvature_and_grows_above(descent):
    for rate in RATES:
        for curvature in CURVATURES:
            descent.set(rate=rate, curvature=curvature, steps=20)
            end, limit = abs(descent.trail()[-1]), 2 / curvature
            if abs(rate - limit) > 1e-9:
                assert (end < 1) == (rate < limit)
                assert ("higher" in descent.told()) == (rate > limit)


def test_at_the_limit_it_jumps_for_ever_and_at_half_of_it_it_is_there_at_once(descent):
    descent.set(rate=0.1, curvature=20)
    assert descent.told() == "jumps across for ever"
    descent.set(rate=0.05)
    assert descent.told() == "is there in one step"


def test_what_leaves_the_picture_is_told_and_not_drawn(descent):
    descent.set(rate=0.25, curvature=40, steps=20)
    loss, trail, now = descent.lines()
    assert all(up <= 50 for line in (loss, trail) for _, up in line.points)
    assert trail.note == "leaves the picture"
    assert now.points == []


@pytest.mark.parametrize("values", [{"rate": 0.3}, {"curvature": 7}, {"steps": 1.5}])
def test_other_numbers_are_refused(descent, values):
    with pytest.raises(UserError):
        descent.set(**values)
