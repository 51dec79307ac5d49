import pytest
import torch

from teachkit.analysis.error_signal import frozen, parts_of, signal_by_part
from teachkit.experiments.recorded import detector
from teachkit.feed.loader import load_data
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion
from teachkit.watch.cockpit.start_up import first_images


@pytest.fixture(scope="module")
def batch():
    return first_images(load_data("shapes", "val", device="cpu"), 4)


def test_each_branch_hears_its_own_losses_and_what_is_shared_hears_all(batch):
    model, _ = detector("shapes")
    signal = signal_by_part(model, Criterion(), batch)
    for part, arrived in signal.items():
        silent = {"class branch": {"box", "dfl"}, "box branch": {"cls"}}.get(part, set())
        assert {name for name, size in arrived.items() if size == 0} == silent


def test_the_signal_is_the_length_of_what_backward_leaves(batch):
    model, _ = detector("shapes")
    signal = signal_by_part(model, Criterion(), batch)
    Criterion()(model(batch.images), batch.ground_truth).cls.backward()
    for part, parameters in parts_of(model).items():
        length = sum(float(one.grad.square().sum()) for one in parameters if one.grad is not None) ** 0.5
        assert signal[part]["cls"] == pytest.approx(length, rel=1e-4)
    assert sum(map(len, parts_of(model).values())) == len(list(model.parameters()))


def test_with_frozen_targets_a_nudge_agrees_with_backward(batch):
    model, _ = detector("shapes")
    weight = model.predictor.box_branch[1].bias
    with torch.no_grad():
        targets = TaskAlignedAssigner()(model(batch.images), batch.ground_truth)
    criterion = Criterion(assigner=frozen(targets))
    criterion(model(batch.images), batch.ground_truth).backward()
    place, totals = int(weight.grad.abs().argmax()), []
    for nudge in (0.003, -0.006):
        with torch.no_grad():
            weight[place] += nudge
            totals.append(criterion(model(batch.images), batch.ground_truth).total.item())
    assert (totals[0] - totals[1]) / 0.006 == pytest.approx(weight.grad[place].item(), rel=0.02)
