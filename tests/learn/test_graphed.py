"""The step as a CUDA graph. Without a GPU the same lines are run one by one, and traced as a whole."""

import math

import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn import trainer as module
from teachkit.learn.ema import AveragedWeights
from teachkit.learn.graphed import UNREAD, GraphedStep, average_share, padded
from teachkit.learn.optimizer import make_optimizer
from teachkit.punish.criterion import Criterion
from teachkit.structures import GroundTruth
from tests.learn.tiny import Recorded, make_batches, tiny_detector


@pytest.fixture
def anywhere(monkeypatch):
    """On a CPU a step is taken by the same lines as on a GPU, but not recorded."""
    monkeypatch.setattr(module, "refuse_graph", lambda *_: None)


def trained(batches=None, graphed=True, device="cpu", **settings):
    model = Detector(3, device=device, widths=(8, 8, 16), neck=8)
    data = [batch.to(device) for batch in (make_batches() if batches is None else batches)]
    return Recorded(model, Criterion(), data, threads=1, graphed=graphed, **({"lr": 1e-3, "epochs": 10} | settings))


def numbers(one):
    return [[record[name] for name in ("box", "cls", "dfl", "total", "grad_norm", "lr")] for record in one.of("step")]


def assert_alike(one, other):
    for mine, theirs in zip(numbers(one), numbers(other), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4, nan_ok=True)
    for a, b in ((one.model, other.model), (one.ema, other.ema)):
        pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        assert all(torch.allclose(x.double(), y.double(), rtol=1e-4, atol=1e-6) for x, y in pairs)


def under_hand(one):
    """A run whose rate and weights are moved on the way."""
    one.fit(2)
    one.control.set(lr=5e-4, box=3)
    one.fit(1)
    one.control.set(schedule="cosine", dfl=9)
    one.fit(2)
    return one


def test_twenty_steps_are_those_of_the_plain_step_also_under_the_hand(anywhere):
    one, other = under_hand(trained()), under_hand(trained(graphed=False))
    assert_alike(one, other)
    for name in ("step", "what", "message"):
        assert [event[name] for event in one.events()] == [event[name] for event in other.events()]


def test_a_step_that_is_not_finite_changes_nothing_and_is_told_as_ever(anywhere):
    batches = make_batches()
    batches[1].images[0, 0, 0, 0] = math.nan
    runs = [trained(batches, graphed) for graphed in (True, False)]
    for one in runs:
        one.fit(3)
    assert_alike(*runs)
    told = [[(event["step"], event["names"], event["message"]) for event in one.events("skipped")] for one in runs]
    assert told[0] == told[1]
    assert len(told[0]) == 3
    assert int(runs[0].train_step.averaged.n_averaged) == int(runs[1].train_step.averaged.n_averaged) == 9


def test_records_come_in_order_at_the_end_of_an_epoch_or_after_some_steps(anywhere):
    one = trained(make_batches(UNREAD + 3))
    seen = []
    one.on_record = lambda record: seen.append((record["kind"], record.get("step"), one.step_number))
    one.fit(1)
    steps = [(step, at) for kind, step, at in seen if kind == "step"]
    assert [step for step, _ in steps] == list(range(UNREAD + 3))
    assert {at for step, at in steps if step < UNREAD} == {UNREAD}
    assert {at for step, at in steps if step >= UNREAD} == {UNREAD + 3}
    assert [kind for kind, _, _ in seen][-2:] == ["epoch", "end"]


def test_a_single_step_is_told_at_once(anywhere):
    one = trained()
    assert [one.step()["step"] for _ in range(2)] == [0, 1]


def test_a_state_goes_on_with_either_kind_of_step(anywhere):
    whole = trained(graphed=False)
    for _ in range(8):
        whole.step()
    for first, second in ((True, False), (False, True)):
        one, other = trained(graphed=first), trained(graphed=second)
        for _ in range(5):
            one.step()
        other.load_state_dict(one.state_dict())
        for _ in range(3):
            other.step()
        assert numbers(other) == [pytest.approx(row, rel=1e-4) for row in numbers(whole)[5:]]


def test_what_it_measures_stays_unread_while_it_trains(anywhere, monkeypatch):
    """Each of these would make a GPU's host wait."""
    one = trained(make_batches(8))
    assigner = one.criterion.assigner
    assigner.fixed_shapes, assigner.looks_at_labels = True, False  # as on a GPU
    one.fit(1)

    def waits(*_):
        raise AssertionError("the host waits for the device")

    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "nonzero", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, waits)
    one.progress.plan(2, None, one.epoch, 8)
    for _ in range(4):
        one._step(one.control.asked())
    monkeypatch.undo()
    one._read()
    assert len(one.of("step")) == 12


def test_shapes_and_scalars_are_such_as_a_graph_needs():
    """Traced as a whole, with no step at which Python would look at a number."""
    criterion = Criterion()
    criterion.assigner.fixed_shapes, criterion.assigner.looks_at_labels = True, False  # as on a GPU
    model = tiny_detector()
    one = GraphedStep(model, criterion, make_optimizer("adamw", model))
    batch = padded(make_batches(1)[0])
    one._fill_scalars()

    class FeedAndPunish(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.weights = one.model, one._weights

        def forward(self, images, boxes, labels, mask):
            losses = one._feed_punish(images, GroundTruth(boxes, labels, mask))
            return one._total(losses), losses.clipped

    truth = batch.ground_truth
    inputs = (batch.images, truth.boxes, truth.labels, truth.mask)
    traced = torch.export.export(FeedAndPunish(), inputs, strict=False)  # raises where a number decides on a shape
    names = {str(node.target) for node in traced.graph.nodes}
    assert not [name for name in names if "scalar_dense" in name or "nonzero" in name or "aten.item" in name]
    other = padded(make_batches(2, seed=7)[1])
    given = (other.images, *(getattr(other.ground_truth, name) for name in ("boxes", "labels", "mask")))
    assert all(torch.allclose(a, b) for a, b in zip(traced.module()(*given), FeedAndPunish()(*given), strict=True))


def test_the_share_of_the_average_is_that_of_the_plain_one():
    model = torch.nn.Linear(1, 1)
    for count in (0, 1, 5, 2000):
        averaged = AveragedWeights(model, 0.995)
        averaged.n_averaged.fill_(count)
        averaged.module.weight.fill_(0.0)
        expected, share = averaged.module.weight.clone(), average_share(torch.tensor(float(count)), 0.995)
        averaged.update_parameters(model)
        assert torch.allclose(expected.lerp(model.weight, share), averaged.module.weight, rtol=1e-5)


def test_true_boxes_are_padded_to_few_lengths():
    batch = make_batches(1)[0]
    truth = padded(batch).ground_truth
    assert truth.boxes.shape[1] == 8
    assert truth.mask.sum() == batch.ground_truth.mask.sum()
    assert torch.equal(truth.boxes[:, : batch.ground_truth.boxes.shape[1]], batch.ground_truth.boxes)
    assert padded(padded(batch)).ground_truth.boxes.shape[1] == 8
    assert padded(batch.take(slice(0, 0))).ground_truth.boxes.shape[1] == 8


def test_where_there_is_no_gpu_it_is_refused_in_one_line():
    with pytest.raises(UserError, match="graphed=True: the model is on cpu, and a CUDA graph is of a CUDA GPU: leave"):
        trained()


def test_an_optimizer_that_reads_its_rate_from_the_host_is_refused(anywhere):
    with pytest.raises(UserError, match="not the fused AdamW"):
        trained(optimizer="sgd")
    with pytest.raises(UserError, match="not the fused AdamW"):
        trained().change_optimizer("sgd")


@pytest.mark.gpu
def test_on_a_gpu_the_graph_is_the_plain_step_and_its_host_never_waits():
    runs = [under_hand(trained(graphed=graphed, device="cuda")) for graphed in (True, False)]
    assert_alike(*runs)
    one = runs[0]
    assert one.train_step._recorded
    one.progress.plan(10, None, one.epoch, 4)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(8):
            one._step(one.control.asked())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    one._read()


@pytest.mark.gpu
def test_on_a_gpu_batches_of_two_shapes_are_two_graphs():
    batches = [*make_batches(3, size=4), *make_batches(1, size=3, seed=1)]
    runs = [trained(batches, graphed, device="cuda") for graphed in (True, False)]
    for one in runs:
        one.fit(8)
    assert_alike(*runs)
    assert len(runs[0].train_step._recorded) == 2
