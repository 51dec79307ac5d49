"""The numbers of the confidence playground against torch and torchvision."""

import random

import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import sigmoid_focal_loss

from teachkit.errors import UserError
from teachkit.watch.widgets.confidence import ConfidencePlayground


@pytest.fixture
def playground():
    one = ConfidencePlayground()
    yield one
    one.close()


def test_losses_and_slopes_equal_torch_and_torchvision_on_100_settings(playground):
    dice = random.Random(0)
    for _ in range(100):
        score, target, weight = dice.uniform(0.001, 0.999), dice.random(), dice.uniform(0, 10)
        gamma, alpha = dice.uniform(0, 5), dice.random()
        playground.set(score=score, target=target, weight=weight, gamma=gamma, alpha=alpha)
        now = playground.numbers()
        logit = torch.logit(torch.tensor([score], dtype=torch.float64)).requires_grad_()
        goal = torch.tensor([target], dtype=torch.float64)
        theirs = {
            "bce": F.binary_cross_entropy_with_logits(logit, goal),
            "weighted": F.binary_cross_entropy_with_logits(logit, goal, weight=torch.tensor([weight])),
            "focal": sigmoid_focal_loss(logit, goal, alpha=alpha, gamma=gamma, reduction="sum"),
        }
        for name, loss in theirs.items():
            slope = torch.autograd.grad(loss, logit)[0].item()
            assert now["loss"][name] == pytest.approx(loss.item(), rel=1e-5, abs=1e-9)
            assert now["slope"][name] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_background_outvotes_one_object_and_focal_loss_turns_that_round(playground):
    playground.set(score=0.3, target=1, background=100, background_score=0.05, gamma=2, alpha=0.25)
    share = playground.numbers()["background"]
    one, crowd = -torch.tensor(0.3).log(), -100 * torch.tensor(0.95).log()
    assert share["bce"] == pytest.approx(float(crowd / (crowd + one)), rel=1e-5)
    assert share["bce"] > 0.5 > share["focal"]


@pytest.mark.parametrize("values", [{"score": 0}, {"score": 1}, {"score": "much"}, {"gamma": -1}, {"target": 1.1},
                                    {"weight": float("nan")}, {"sharpness": 1}])  # fmt: skip
def test_a_value_out_of_range_is_refused_and_the_old_one_stays(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == before


def test_the_static_image_says_what_it_shows(playground):
    picture = playground.figure()
    assert "BCE 1.20" in picture.alt
    assert len(picture.png()) > 5000
