import pytest
import torch
from torch import nn

from teachkit.learn.optimizer import make_optimizer, parameter_groups, rates, set_rate
from tests.learn.tiny import tiny_detector


def test_norms_and_biases_do_not_decay_and_everything_is_trained_once():
    model = tiny_detector()
    decaying, others = parameter_groups(model, 0.1)
    without = {
        id(weight)
        for module in model.modules()
        for name, weight in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or name == "bias"
    }
    assert {id(weight) for weight in others["params"]} == without
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    both = [id(weight) for weight in (*decaying["params"], *others["params"])]
    assert sorted(both) == sorted(id(weight) for weight in model.parameters())


def test_weights_that_are_frozen_are_left_alone():
    model = tiny_detector()
    for weight in model.parameters():
        weight.requires_grad_(weight.ndim > 1)
    (group,) = parameter_groups(model, 0.1)
    assert all(weight.requires_grad for weight in group["params"])


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_rate_and_decay_may_be_given(name, kind):
    optimizer = make_optimizer(name, tiny_detector(), lr=0.3, weight_decay=0.2)
    assert type(optimizer) is kind
    assert rates(optimizer) == [0.3, 0.3]
    assert optimizer.param_groups[0]["weight_decay"] == 0.2


@pytest.mark.parametrize("base", [[0.1, 0.2], [0.1, 0.0], [0.0, 0.0]])
def test_a_rate_that_is_set_and_set_back_leaves_the_groups_as_they_were(base):
    one, other = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [one], "lr": base[0]}, {"params": [other], "lr": base[1]}])
    set_rate(optimizer, 5.0, base)
    assert optimizer.param_groups[0]["lr"] == 5.0
    set_rate(optimizer, base[0], base)
    assert rates(optimizer)[0] == base[0]
    if base[0]:
        assert rates(optimizer) == pytest.approx(base)
