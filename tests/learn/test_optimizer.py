import pickle

import pytest
import torch
from torch import nn

from teachkit.learn import optimizer as module
from teachkit.learn.optimizer import make_optimizer, name_of, parameter_groups, rates, set_rate
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
    assert isinstance(optimizer, kind)
    assert name_of(optimizer) == name
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


TWINS = {"adamw": (torch.optim.AdamW, {}), "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True})}


@pytest.mark.parametrize("name", TWINS)
def test_a_step_is_that_of_torch_to_the_last_bit(name):
    ours, theirs = tiny_detector(), tiny_detector()
    kind, more = TWINS[name]
    one, other = make_optimizer(name, ours), kind(parameter_groups(theirs, 0.01), lr=0.1, fused=True, **more)
    if name == "sgd":
        other.param_groups[0]["weight_decay"] = one.param_groups[0]["weight_decay"]
    set_rate(one, 0.1, [1.0, 1.0])
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            its.grad = mine.grad.clone()
        one.step()
        other.step()
        one.load_state_dict(pickle.loads(pickle.dumps(one.state_dict())))
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    assert one.state_dict()["param_groups"] == other.state_dict()["param_groups"]
    one.zero_grad()
    assert all(weight.grad is None for weight in ours.parameters())


@pytest.mark.parametrize("name", TWINS)
def test_a_step_keeps_what_torch_promises_of_it(name):
    """Hooks are called, the closure may ask for gradients, and no graph is built; and it may be pickled."""
    model, called = tiny_detector(), []
    optimizer = make_optimizer(name, model)
    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))

    def closure():
        with torch.enable_grad():
            loss = sum((weight**2).sum() for weight in model.parameters())
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss.requires_grad
    assert called == ["before", "after"]
    assert all(weight.is_leaf and weight.requires_grad for weight in model.parameters())
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    assert rates(pickle.loads(pickle.dumps(optimizer))) == rates(optimizer)


@pytest.mark.parametrize("settings", [{"foreach": False}, {"foreach": True}, {"differentiable": True}], ids=str)
@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_other_settings_are_torchs_too(kind, settings):
    """Without a fused kernel a step writes into weights that want a gradient; a differentiable one hands it on."""
    found = []
    for optimizers in (module, torch.optim):
        first = torch.ones(3, requires_grad=True)
        weights = first.clone() if settings.get("differentiable") else first
        weights.grad = 2 * first if settings.get("differentiable") else torch.full((3,), 2.0)
        getattr(optimizers, kind)([weights], lr=0.1, **settings).step()
        if settings.get("differentiable"):
            weights.sum().backward()
            found.append((weights.tolist(), first.grad.tolist()))
        else:
            found.append((weights.tolist(), weights.requires_grad))
    assert found[0] == found[1]
