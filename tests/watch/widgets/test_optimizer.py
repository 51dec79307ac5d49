import math
import random

import pytest
import torch

import teachkit as tk
from teachkit.analysis.surfaces import RULES, SURFACES
from teachkit.watch.widgets.optimizer import OptimizerPlayground


@pytest.mark.parametrize("seed", range(100))
def test_where_each_rule_ends_is_where_torch_ends(seed):
    draw = random.Random(seed)
    surface = draw.choice(list(SURFACES))
    playground = OptimizerPlayground(
        surface,
        x=draw.uniform(*SURFACES[surface].x),
        y=draw.uniform(*SURFACES[surface].y),
        lr=10 ** draw.uniform(-3, -1.5),
        beta1=draw.uniform(0, 0.95),
        steps=draw.randint(1, 40),
    )
    now = playground.values
    w = torch.tensor([now["x"], now["y"]], dtype=torch.float64, requires_grad=True)
    name = draw.choice(["sgd", "momentum", "adam"])
    optimizer = {
        "sgd": lambda: torch.optim.SGD([w], lr=now["lr"]),
        "momentum": lambda: torch.optim.SGD([w], lr=now["lr"], momentum=0.9),
        "adam": lambda: torch.optim.Adam([w], lr=now["lr"], betas=(now["beta1"], 0.999)),
    }[name]()
    for _ in range(now["steps"]):
        optimizer.zero_grad()
        SURFACES[surface].loss(*w).backward()
        optimizer.step()
    ours = playground.numbers()["rules"][name]
    if ours["diverged"] is None:
        assert ours["points"][-1] == pytest.approx(w.tolist(), abs=2e-5)
        assert ours["loss"] == pytest.approx(SURFACES[surface].loss(*w.tolist()), rel=1e-6, abs=1e-9)
    else:
        assert not max(map(abs, w.tolist())) < 1e5


def test_without_its_correction_adam_starts_with_3_16_times_the_stride():
    rules = tk.OptimizerPlayground(lr=0.05).numbers()["rules"]
    assert rules["adam"]["first"] == pytest.approx(0.05 * math.sqrt(2), rel=1e-6)  # lr along each of the two weights
    assert rules["uncorrected"]["first"] / rules["adam"]["first"] == pytest.approx(math.sqrt(10), rel=1e-3)


def test_too_high_a_rate_is_told_as_divergence():
    playground = OptimizerPlayground(lr=0.15, steps=200)
    rules = playground.numbers()["rules"]
    assert rules["sgd"]["diverged"] is not None
    assert rules["adam"]["diverged"] is None
    assert "SGD diverged" in playground.numbers()["words"]
    assert playground.static_image()


def test_another_surface_brings_its_own_start():
    playground = OptimizerPlayground()
    playground.set(surface="saddle")
    assert (playground.values["x"], playground.values["y"]) == SURFACES["saddle"].start
    playground.set(x=1)
    assert playground.values["x"] == 1


@pytest.mark.parametrize(
    "values",
    [{"lr": 0}, {"lr": "x"}, {"momentum": 1}, {"beta2": 1}, {"steps": 0}, {"x": math.nan}, {"surface": "<b>"}, {"z": 1},
     {"surface": ["bowl"]}],
)  # fmt: skip
def test_a_refused_value_is_told_and_the_old_one_stays(values):
    playground = OptimizerPlayground()
    before = dict(playground.values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused or playground.error
    playground.set(lr=0.1)
    assert playground.refused == ""


def test_every_rule_has_a_colour_a_dash_and_a_letter_of_its_own():
    rules = OptimizerPlayground().setup()[0]["rules"]
    assert [name for name, _, _ in rules] == list(RULES)
    assert len({letter for _, _, letter in rules}) == len(RULES)
