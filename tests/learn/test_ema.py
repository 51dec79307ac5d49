import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from teachkit.learn.ema import AveragedWeights
from tests.learn.tiny import same, tiny_detector


def walk(model, steps, seed=0):
    """Moves every weight and buffer at random, as training would."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        with torch.no_grad():
            for one in model.state_dict().values():
                one.add_(torch.randn(one.shape, generator=generator).to(one.dtype))
        yield


def test_the_average_is_the_recursion_with_its_ramp():
    model, decay = tiny_detector(), 0.9
    averaged = AveragedWeights(model, decay)
    expected = {}
    for t, _ in enumerate(walk(model, 100)):
        averaged.update_parameters(model)
        now = {name: one.double() for name, one in model.state_dict().items() if one.is_floating_point()}
        d = min(decay, (1 + t) / (10 + t))
        expected = (
            {name: d * expected[name] + (1 - d) * one for name, one in now.items()} if expected else copy.deepcopy(now)
        )
    found = averaged.module.state_dict()
    assert all(torch.allclose(found[name].double(), one, atol=1e-4) for name, one in expected.items())


def test_after_few_steps_the_average_is_not_stale():
    """With a fixed decay of 0.999 it would still be at the start after 30 steps."""
    model = tiny_detector()
    averaged = AveragedWeights(model, 0.999)
    averaged.update_parameters(model)
    start = next(model.parameters()).detach().clone()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    for _ in range(30):
        averaged.update_parameters(model)
    assert (next(averaged.module.parameters()) - start).mean().item() > 0.95


def test_the_statistics_of_norms_are_averaged_too():
    model = tiny_detector()
    averaged = AveragedWeights(model, 0.99)
    for _ in walk(model, 3):
        averaged.update_parameters(model)
    start = dict(tiny_detector().named_buffers())
    moved = [name for name, one in averaged.module.named_buffers() if not torch.equal(one, start[name])]
    assert {name.split(".")[-1] for name in moved} >= {"running_mean", "running_var"}


def test_the_model_is_not_touched_and_the_average_detects_in_eval_mode():
    model = tiny_detector().train()
    averaged = AveragedWeights(model, 0.99)
    before = copy.deepcopy(dict(model.state_dict()))
    for _ in range(3):
        averaged.update_parameters(model)
    assert same(before, dict(model.state_dict()))
    assert model.training
    assert not any(module.training for module in averaged.modules())
    assert not any(weight.requires_grad for weight in averaged.parameters())


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_decay_may_be_anything_from_none_to_all(decay):
    model = tiny_detector()
    averaged = AveragedWeights(model, decay)
    for _ in walk(model, 2):
        averaged.update_parameters(model)
    latest = torch.allclose(next(averaged.module.parameters()), next(model.parameters()))
    assert latest == (decay == 0.0)


def test_it_agrees_with_torchs_own_average():
    model, decay = tiny_detector(), 0.9
    ours = AveragedWeights(model, decay)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    ours.n_averaged.fill_(1000)  # past the ramp
    theirs.n_averaged.fill_(1000)
    for _ in walk(model, 5):
        ours.update_parameters(model)
        theirs.update_parameters(model)
    for name, one in theirs.module.state_dict().items():
        if one.is_floating_point():
            assert torch.equal(ours.module.state_dict()[name], one), name
    assert ours.n_averaged == theirs.n_averaged


def test_a_model_without_whole_numbers_is_averaged():
    model = torch.nn.Linear(2, 1)
    averaged = AveragedWeights(model, 0.0)
    with torch.no_grad():
        model.weight.fill_(3.0)
    averaged.update_parameters(model)
    assert averaged.module.weight.tolist() == [[3.0, 3.0]]


def test_weights_that_are_loaded_later_are_averaged():
    """The tensors are collected once: they must stay those of the model."""
    model, other = tiny_detector(), tiny_detector(seed=5)
    averaged = AveragedWeights(model, 0.0)
    model.load_state_dict(other.state_dict())
    averaged.update_parameters(model)
    assert same(dict(averaged.module.state_dict()), dict(other.state_dict()))
