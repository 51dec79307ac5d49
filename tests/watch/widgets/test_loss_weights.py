import math
import random

import pytest
import torch

import teachkit as tk
from teachkit.errors import UserError
from teachkit.experiments.recorded import detector
from teachkit.learn.resources import use_threads
from teachkit.structures import LOSS_NAMES
from teachkit.watch.widgets.loss_weights import LossWeightsPlayground

use_threads(1)  # bit for bit


@pytest.fixture(scope="module")
def playground() -> LossWeightsPlayground:
    return LossWeightsPlayground()


@pytest.fixture(scope="module")
def slopes(playground):
    """The real detector's gradient at the shared features, by a backward pass of the total for any weights."""
    model, _ = detector("shapes")
    maps = [one.detach().requires_grad_() for one in model.features(playground.batch.images)]
    predictions = model.head(maps)

    def of(weights):
        losses = tk.Criterion(weights)(predictions, playground.batch.ground_truth)
        slopes = torch.autograd.grad(losses.total, maps, retain_graph=True)
        return losses, torch.cat([slope.flatten() for slope in slopes]).double()

    return of


@pytest.mark.parametrize("seed", range(100))
def test_on_a_frozen_batch_raw_losses_stay_bit_for_bit_and_gradients_add_up(playground, slopes, seed):
    draw = random.Random(seed)
    values = {name: draw.choice([0, draw.uniform(0, 1), 10 ** draw.uniform(-2, 2)]) for name in LOSS_NAMES}
    playground.set(model="trained", **values)
    now, weights = playground.numbers(), playground.weights
    losses, whole = slopes(weights)
    each = {
        name: slopes(tk.LossWeights(**{other: float(other == name) for other in LOSS_NAMES}))[1] for name in LOSS_NAMES
    }
    for name in LOSS_NAMES:
        assert now["raw"][name] == getattr(losses, name).item()  # not a bit
        assert now["weighted"][name] == pytest.approx(values[name] * now["raw"][name])
    assert now["total"] == pytest.approx(losses.total.item(), rel=1e-6)
    total = sum(values[name] * each[name] for name in LOSS_NAMES)
    assert float((total - whole).norm()) <= 1e-5 * float(whole.norm())


def test_shares_and_length_are_those_of_the_gradients_in_training_mode(playground):
    model, _ = detector("shapes")
    model.train()
    maps = [one.detach().requires_grad_() for one in model.features(playground.batch.images)]
    losses = tk.Criterion()(model.head(maps), playground.batch.ground_truth)
    custom = LossWeightsPlayground({"mine": detector("shapes")[0].train()}, playground.batch)
    for weights in ({"box": 7.5, "cls": 0.5, "dfl": 1.5}, {"box": 0.0, "cls": 3.0, "dfl": 1.0}):
        custom.set(**weights)
        now, rows = custom.numbers(), {}
        for name in LOSS_NAMES:
            rows[name] = weights[name] * torch.cat(
                [one.flatten() for one in torch.autograd.grad(getattr(losses, name), maps, retain_graph=True)]
            )
        lengths = {name: float(row.norm()) for name, row in rows.items()}
        for name in LOSS_NAMES:
            assert now["share"][name] == pytest.approx(lengths[name] / sum(lengths.values()), rel=1e-4)
        assert now["norm"] == pytest.approx(float(sum(rows.values()).norm()), rel=1e-3)


def test_all_weights_times_ten_change_the_total_and_no_share(playground):
    playground.set(model="trained", box=7.5, cls=0.5, dfl=1.5)
    before = playground.numbers()
    playground.set(box=75, cls=5, dfl=15)
    after = playground.numbers()
    assert after["total"] == pytest.approx(10 * before["total"])
    assert after["share"] == pytest.approx(before["share"])
    assert after["raw"] == before["raw"]


def test_with_all_weights_at_zero_nothing_pulls_and_nothing_breaks(playground):
    playground.set(box=0, cls=0, dfl=0)
    now = playground.numbers()
    assert now["total"] == now["norm"] == 0
    assert all(math.isnan(share) for share in now["share"].values())
    assert playground.static_image()


def test_measuring_leaves_the_detector_as_it_was():
    model = tk.Detector(4, device="cpu", widths=(8, 8, 16), neck=16).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    LossWeightsPlayground({"mine": model}).set(cls=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())
    assert model.training


@pytest.mark.parametrize(
    "values",
    [{"box": -1}, {"cls": "x"}, {"dfl": math.nan}, {"box": math.inf}, {"cls": True}, {"model": "<b>"}, {"a": 1}],
)
def test_a_refused_value_is_told_and_the_old_one_stays(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused
    playground.set(box=7.5)
    assert playground.refused == ""


def test_no_detector_is_a_users_mistake():
    with pytest.raises(UserError):
        LossWeightsPlayground({})
