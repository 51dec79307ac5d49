import pytest
import torch

from teachkit.analysis.by_hand import same_steps
from teachkit.analysis.update_rules import adam_step, adamw_step, momentum_step, sgd_step
from teachkit.experiments.recorded import detector
from teachkit.feed.loader import load_data
from teachkit.watch.cockpit.start_up import first_images


@pytest.fixture(scope="module")
def batch():
    return first_images(load_data("shapes", "val", device="cpu"), 2)


def agree(batch, optimizer, rule, memory=0, **settings):
    model, _ = detector("shapes")
    return same_steps(model, batch, optimizer(model.parameters(), **settings), rule, memory)


@pytest.mark.parametrize(
    ("optimizer", "settings", "rule", "memory"),
    [
        (torch.optim.SGD, {"lr": 0.01}, lambda w, g, t: (sgd_step(w, g, 0.01),), 0),
        (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}, lambda w, g, t, v: momentum_step(w, g, v, 0.01), 1),
        (torch.optim.Adam, {"lr": 0.001}, lambda w, g, t, m, v: adam_step(w, g, m, v, t, 0.001), 2),
        (torch.optim.AdamW, {"lr": 0.001}, lambda w, g, t, m, v: adamw_step(w, g, m, v, t, 0.001), 2),
    ],
    ids=["sgd", "momentum", "adam", "adamw"],
)
def test_the_rules_of_the_lesson_are_those_of_torch(batch, optimizer, settings, rule, memory):
    assert agree(batch, optimizer, rule, memory, **settings)


@pytest.mark.parametrize(
    ("rule", "memory"),
    [
        (lambda w, g, t: (w,), 0),
        (lambda w, g, t: (sgd_step(w, g, 0.01),), 0),
        (lambda w, g, t, m, v: adam_step(w, g, m, v, t, 0.001, corrected=False), 2),
        (lambda w, g, t, m, v: adam_step(w, g, m, v, 1, 0.001), 2),  # right at the first step only
    ],
    ids=["nothing", "sgd", "uncorrected", "always the first step"],
)
def test_any_other_rule_is_noticed(batch, rule, memory):
    assert not agree(batch, torch.optim.Adam, rule, memory, lr=0.001)
