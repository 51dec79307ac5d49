"""Stacked trainings: each run is its solo twin, whatever happens to the others."""

import math

import pytest
import torch

from teachkit.experiments import sweep as module
from teachkit.experiments.one_pass import OnePass, stacked
from teachkit.experiments.small import small_trainer
from teachkit.experiments.sweep import in_one_pass, sweep
from teachkit.punish.criterion import Criterion
from teachkit.structures import GroundTruth
from tests.learn.several import doubled
from tests.learn.tiny import Recorded, tiny_detector

STEPS, NAMES = 20, ("box", "cls", "dfl", "total", "grad_norm", "lr")


def trainers(optimizer="adamw", schedule="cosine", rates=(1e-3, 3e-3, 7e-3)):
    """In float64, in which rounding is too small to be seen after some steps."""
    settings = {"schedule": schedule, "epochs": 5, "threads": 1, "clip": None}
    models = [tiny_detector(seed).double() for seed in range(len(rates))]
    criteria = [Criterion() for _ in rates]
    for one in criteria:
        one.assigner.fixed_shapes = True  # true boxes are float32, and the quicker way rounds them elsewhere
    return [
        Recorded(model, criterion, doubled(), optimizer=optimizer, lr=lr, **settings)
        for model, criterion, lr in zip(models, criteria, rates, strict=True)
    ]


@pytest.mark.parametrize(("optimizer", "schedule"), [("adamw", "cosine"), ("sgd", "constant")])
def test_each_run_is_its_solo_twin_after_twenty_steps(optimizer, schedule):
    together = OnePass(trainers(optimizer, schedule), "cpu")
    for step in range(STEPS):
        together.step(step)
    together.hand_back()
    for run, twin in enumerate(trainers(optimizer, schedule)):
        records = [twin.step() for _ in range(STEPS)]
        for name in NAMES:
            assert [one[name] for one in together.records[run]] == pytest.approx(
                [one[name] for one in records], rel=1e-4
            )
        pairs = zip(together.trainers[run].model.state_dict().values(), twin.model.state_dict().values(), strict=True)
        assert all(torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-5) for a, b in pairs)


def test_a_run_that_is_not_finite_stands_still_and_the_others_do_not_notice(monkeypatch):
    def broken(some):
        batches = doubled()
        batches[2].images[:] = math.nan
        some.cursor.data = batches
        return some

    first, second = trainers(rates=(1e-3, 1e-3))
    together = OnePass([broken(first), second], "cpu")
    for step in range(2):
        together.step(step)
    frozen = {name: one[0].clone() for name, one in {**together.parameters, **together.buffers}.items()}
    for step in range(2, 6):
        together.step(step)
    assert [bool(one) for one in together.diverged] == [True, False]
    assert [len(one) for one in together.records] == [3, 6]
    now = {**together.parameters, **together.buffers}
    assert all(torch.equal(now[name][0], one) for name, one in frozen.items())
    twin = trainers(rates=(1e-3, 1e-3))[1]
    assert [one["total"] for one in together.records[1]] == pytest.approx([twin.step()["total"] for _ in range(6)])


def test_true_boxes_are_padded_to_the_longest():
    one = GroundTruth.from_lists([torch.ones(2, 4)], [torch.tensor([1, 2])])
    two = GroundTruth.from_lists([torch.ones(3, 4)], [torch.tensor([0, 1, 2])])
    both = stacked([one, two])
    assert both.labels.tolist() == [[[1, 2, 0]], [[0, 1, 2]]]
    assert both.mask.tolist() == [[[True, True, False]], [[True, True, True]]]
    assert both.boxes.shape == (2, 1, 3, 4)


def test_a_sweep_in_one_pass_tells_what_processes_tell(monkeypatch):
    wanted = [(7e-4, 0), (7e-4, 1), (50.0, 0)]
    runs = in_one_pass(wanted, "adamw", 20, "constant", torch.device("cpu"), False)
    assert [(one.lr, one.seed) for one in runs] == wanted
    for run in runs[:2]:
        twin = small_trainer(run.lr, seed=run.seed)
        twin.on_record = lambda record: None
        assert run.losses("cls") == pytest.approx([twin.step()["cls"] for _ in range(20)], rel=1e-4)
        assert run.diverged == ""
        assert 0 < run.f1 <= 1
    assert "diverged" in runs[2].diverged


def test_the_device_decides_how_a_sweep_is_made(monkeypatch):
    monkeypatch.setattr(module, "pick_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(module, "in_one_pass", lambda *asked: asked)
    wanted, optimizer, steps, _, device, _ = sweep([1e-3, 1e-2], seeds=(0, 1), steps=3, progress=False)
    assert wanted == [(1e-3, 0), (1e-3, 1), (1e-2, 0), (1e-2, 1)]
    assert (optimizer, steps, device.type) == ("adamw", 3, "cuda")


@pytest.mark.gpu
def test_on_a_gpu_each_run_is_its_solo_twin_on_the_processor():
    for run in sweep([7e-4, 2e-3], seeds=(0, 1), steps=20, progress=False):
        twin = small_trainer(run.lr, seed=run.seed)
        twin.on_record = lambda record: None
        assert run.losses("cls")[:3] == pytest.approx([twin.step()["cls"] for _ in range(3)], rel=0.02)  # bfloat16
