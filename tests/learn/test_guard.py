"""Gradients are clipped as torch clips them. In strict mode an operation that may differ from run to run is named."""

import math
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from teachkit.errors import UserError
from teachkit.learn.guard import clip_gradient, only_deterministic
from tests.learn.tiny import make_batches, tiny_detector

x = torch.rand(1, 1, 4, 4)


@pytest.mark.parametrize("clip", [1e-3, 1.0, 4.999998, 4.999999, 5.0, 5.000001, 5.000002, 10.0, math.inf])
@pytest.mark.parametrize("gradients", [[[3.0], [4.0]], [[3.0, 0.0], [-4.0], None], [[0.0]], [None], [[math.nan, 1.0]]])
def test_a_gradient_is_clipped_as_by_torch_at_a_norm_of_just_that_size_too(gradients, clip):
    def parameters():
        all_of_them = [nn.Parameter(torch.ones(2 if one is None else len(one))) for one in gradients]
        for parameter, one in zip(all_of_them, gradients, strict=True):
            parameter.grad = None if one is None else torch.tensor(one)
        return all_of_them

    ours, theirs = parameters(), parameters()
    norms = clip_gradient(ours, clip), nn.utils.clip_grad_norm_(theirs, clip)
    torch.testing.assert_close(*norms, rtol=0, atol=0, equal_nan=True)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0, equal_nan=True)


def test_at_the_very_edge_a_gradient_is_clipped_as_by_torch():
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        gradient = torch.randn(3, generator=generator)
        norm = nn.utils.get_total_norm([gradient])
        for clip in (norm.item(), (norm + 1e-6).item(), norm.item() + 1e-6, math.nextafter((norm + 1e-6).item(), 0)):
            ours, theirs = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
            ours.grad, theirs.grad = gradient.clone(), gradient.clone()
            clip_gradient([ours], clip)
            nn.utils.clip_grad_norm_([theirs], clip)
            assert torch.equal(ours.grad, theirs.grad), clip


def unpool(dimensions):
    pooled, places = getattr(nn.functional, f"max_pool{dimensions}d")(
        torch.rand(1, 1, *[4] * dimensions), 2, return_indices=True
    )
    return getattr(nn.functional, f"max_unpool{dimensions}d")(pooled, places, 2)


OPERATIONS = {
    "put_": lambda: torch.zeros(4).put_(torch.tensor([0, 1]), torch.ones(2), accumulate=False),
    "max_unpooling2d_forward_out": lambda: unpool(2),
    "max_unpooling3d_forward_out": lambda: unpool(3),
    "max_unpooling1d": lambda: unpool(1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_is_named_in_one_line(name):
    OPERATIONS[name]()
    with pytest.raises(UserError, match="strict determinism") as caught, only_deterministic(True):
        OPERATIONS[name]()
    assert name.removesuffix("1d") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trainer_in_strict_mode_refuses_such_a_model(make_trainer):
    class Loose(nn.Module):
        def __init__(self):
            super().__init__()
            self.detector = tiny_detector()

        def forward(self, images):
            pooled, places = nn.functional.max_pool2d(images, 2, return_indices=True)
            return self.detector(nn.functional.max_unpool2d(pooled, places, 2))

    make_trainer(model=Loose()).step()
    with pytest.raises(UserError, match="max_unpooling2d"):
        make_trainer(model=Loose(), strict_determinism=True).step()


def test_the_real_detector_and_criterion_train_in_strict_mode_to_the_same_weights(make_trainer):
    strict, loose = make_trainer(strict_determinism=True), make_trainer()
    for _ in range(3):
        strict.step(), loose.step()
    assert torch.equal(next(strict.model.parameters()), next(loose.model.parameters()))


@pytest.mark.parametrize("before", [False, True])
def test_torchs_own_setting_is_restored(before):
    torch.use_deterministic_algorithms(before)
    try:
        with only_deterministic(True):
            assert torch.are_deterministic_algorithms_enabled()
        with pytest.raises(UserError), only_deterministic(True):
            OPERATIONS["put_"]()
        assert torch.are_deterministic_algorithms_enabled() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_other_errors_pass_unchanged():
    with pytest.raises(RuntimeError, match="shape"), only_deterministic(True):
        torch.zeros(2).reshape(3)
    with only_deterministic(False):
        OPERATIONS["put_"]()


def test_products_of_matrices_are_asked_to_repeat_themselves_before_torch_can_look():
    asked = "import os, sys, teachkit; print('torch' in sys.modules, os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    for given, expected in ((None, ":4096:8"), (":16:8", ":16:8")):
        environment = {name: value for name, value in os.environ.items() if name != "CUBLAS_WORKSPACE_CONFIG"}
        environment |= {} if given is None else {"CUBLAS_WORKSPACE_CONFIG": given}
        run = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["False", expected]


def test_whoever_used_the_gpu_before_is_told_what_to_set():
    said = (  # torch 2.15, aten/src/ATen/Context.cpp
        "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or ..., but this "
        "operation is not deterministic because it uses CuBLAS. To enable it, set CUBLAS_WORKSPACE_CONFIG=:4096:8."
    )
    with pytest.raises(UserError, match="start Python with CUBLAS_WORKSPACE_CONFIG=:4096:8"), only_deterministic(True):
        raise RuntimeError(said)


class Own(torch.autograd.Function):
    """A student's layer that is at fault on the way back only."""

    @staticmethod
    def forward(context, images):
        return images * 1

    @staticmethod
    def backward(context, gradient):
        raise RuntimeError("own_backward is not deterministic\nand a long tail")


def test_an_own_layer_is_named_by_its_own_words_in_one_line():
    with pytest.raises(UserError, match="own_backward is not deterministic: replace it"), only_deterministic(True):
        Own.apply(torch.ones(2, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("name", ["median", "histc"])
def test_what_only_a_gpu_cannot_repeat_is_named_without_one(name):
    with pytest.raises(UserError, match=name), only_deterministic(True):
        getattr(torch.rand(9, device="meta"), name)(*[0] * (name == "median"))


@pytest.mark.gpu
def test_on_a_gpu_the_real_detector_trains_in_strict_mode(make_trainer):
    from teachkit.feed.detector import Detector

    batches = [batch.to("cuda") for batch in make_batches()]
    trainer = make_trainer(batches, model=Detector(3, device="cuda"), strict_determinism=True)
    for _ in range(4):
        trainer.step()
