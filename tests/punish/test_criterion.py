"""The criterion: what it sums, what its weights do, what it survives, and that it never waits for the device."""

import math
from copy import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from teachkit.boxes import boxes_to_distances
from teachkit.feed.decode import decode
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion, positive_points
from teachkit.punish.losses import box_loss, dfl_loss
from teachkit.structures import Assignment, GroundTruth, LossWeights, Predictions
from tests.punish.conftest import make_predictions, make_truth

NAMES = ("box", "cls", "dfl")


def gradients(loss, predictions, retain_graph=True):
    """Slopes of a loss with respect to the class logits and the box logits."""
    logits = (predictions.cls_logits, predictions.box_logits)
    return torch.autograd.grad(loss, logits, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)


def raw(losses):
    return torch.stack([losses.box, losses.cls, losses.dfl]).detach()


def assert_same_losses(one, other, tolerance=1e-6):
    assert_close(raw(one), raw(other), rtol=tolerance, atol=tolerance)


class EveryPoint:
    """An assigner of another kind: every anchor point answers for one object, with a target of a half. No topk."""

    def __call__(self, predictions, ground_truth):
        images, points, classes = predictions.cls_logits.shape
        if not ground_truth.mask.any():
            empty = torch.zeros(images, points, dtype=torch.int64)
            return Assignment(empty.bool(), empty, torch.zeros(images, points, classes))
        owner = torch.arange(points).expand(images, points) % ground_truth.mask.sum(1, keepdim=True).clamp(min=1)
        positive = ground_truth.mask.any(1, keepdim=True).expand(images, points)
        labels = F.one_hot(ground_truth.labels.gather(1, owner), classes)
        return Assignment(positive, owner, labels * positive[..., None] * 0.5)


# What is summed


class Smoothed(TaskAlignedAssigner):
    """Label smoothing: a little of every class everywhere, background too."""

    def __call__(self, predictions, ground_truth):
        found = super().__call__(predictions, ground_truth)
        return Assignment(found.positive, found.object, 0.9 * found.target_scores + 0.05)


@pytest.mark.parametrize(
    "assigner",
    [TaskAlignedAssigner(), TaskAlignedAssigner(topk=2), EveryPoint(), Smoothed()],
    ids=["10", "2", "all", "smoothed"],
)
@pytest.mark.parametrize("images", [slice(0, 4), slice(1, 2)], ids=["four images", "one object"])
@pytest.mark.parametrize("fixed_shapes", [False, True], ids=["a CPU", "as on a GPU"])
def test_the_losses_are_sums_over_all_anchor_points_by_any_assigner(truth, assigner, images, fixed_shapes):
    assigner = copy(assigner)
    assigner.fixed_shapes = fixed_shapes
    objects = truth.mask[images].sum(1).max()
    truth = GroundTruth(truth.boxes[images, :objects], truth.labels[images, :objects], truth.mask[images, :objects])
    predictions = make_predictions(truth)
    found = assigner(predictions, truth)
    weight = found.target_scores.sum(-1)
    boxes = truth.boxes.take_along_dim(found.object[..., None], 1)
    distances = boxes_to_distances(boxes, predictions.anchor_points, predictions.strides)
    box = (box_loss(predictions.boxes, boxes) * weight)[found.positive].sum()
    dfl = (dfl_loss(predictions.box_logits, distances).mean(-1) * weight)[found.positive].sum()
    cls = F.binary_cross_entropy_with_logits(predictions.cls_logits, found.target_scores, reduction="sum")
    expected = torch.stack([box, cls, dfl]) / found.target_scores.sum().clamp(min=1)
    losses = Criterion(assigner=assigner)(predictions, truth)
    assert_close(torch.stack([losses.box, losses.cls, losses.dfl]), expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip((losses.box, losses.cls, losses.dfl), expected, strict=True):
        for slope, expected_slope in zip(gradients(ours, predictions), gradients(theirs, predictions), strict=True):
            assert_close(slope, expected_slope, rtol=1e-4, atol=1e-6)


def test_no_gradient_flows_through_the_targets_of_any_assigner(truth):
    def careless(predictions, ground_truth):
        found = TaskAlignedAssigner()(predictions, ground_truth)
        return Assignment(found.positive, found.object, found.target_scores * predictions.scores)

    predictions = make_predictions(truth)
    slope, _ = gradients(Criterion(assigner=careless)(predictions, truth).cls, predictions)
    targets = careless(predictions, truth).target_scores.detach()
    assert_close(slope, (predictions.scores - targets).detach() / targets.sum().clamp(min=1))


def test_a_sum_of_target_scores_below_one_counts_as_one():
    truth = make_truth([(20, 20, 23, 23, 0)])
    predictions = make_predictions(truth, peak=12.0)
    found = TaskAlignedAssigner()(predictions, truth)
    assert 0 < found.target_scores.sum() < 1
    cls = F.binary_cross_entropy_with_logits(predictions.cls_logits, found.target_scores, reduction="sum")
    assert_close(Criterion()(predictions, truth).cls, cls)


def test_images_without_objects_still_teach_what_background_is(truth):
    predictions = make_predictions(truth)
    losses = Criterion()(predictions, truth)
    cls_slope, box_slope = gradients(losses.total, predictions)
    assert (cls_slope[2] > 0).all()
    assert not box_slope[2].any()


def test_the_positive_points_come_first_and_none_twice():
    positive = torch.tensor([[0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]]).bool()
    image, place = positive_points(positive, limit=4)
    assert image.tolist() == [0] * 4 + [1] * 4
    assert place[:3].tolist() == [1, 4, 5]
    assert all(len(set(place[image == one].tolist())) == 4 for one in range(2))
    assert len(positive_points(positive, limit=1000)[1]) == 2 * 6
    assert len(positive_points(positive, limit=0)[1]) == 0
    assert [one.tolist() for one in positive_points(positive)] == [[0, 0, 0], [1, 4, 5]]


# Weights


def test_moving_the_box_weight_scales_only_the_box_gradient(truth):
    predictions, criterion = make_predictions(truth), Criterion()
    before = criterion(predictions, truth)
    criterion.weights.box *= 4
    after = criterion(predictions, truth)
    for name in NAMES:
        old, new = (getattr(losses, name) * getattr(losses.weights, name) for losses in (before, after))
        factor = 4 if name == "box" else 1
        for old_slope, new_slope in zip(gradients(old, predictions), gradients(new, predictions), strict=True):
            assert_close(new_slope, old_slope * factor, rtol=1e-6, atol=0)
    assert gradients(before.box, predictions)[1].any()


@pytest.mark.parametrize("name", NAMES)
def test_raw_losses_are_bit_equal_whatever_the_weights(truth, name):
    predictions, criterion = make_predictions(truth), Criterion()
    before = raw(criterion(predictions, truth))
    for weight in (0, 1e-3, 1e4):
        setattr(criterion.weights, name, weight)
        assert torch.equal(raw(criterion(predictions, truth)), before)


def test_weights_are_read_at_each_call_and_kept_with_the_result(truth):
    predictions, criterion = make_predictions(truth), Criterion(LossWeights(box=1, cls=1, dfl=1))
    first = criterion(predictions, truth)
    criterion.weights.dfl = 0
    second = criterion(predictions, truth)
    assert (first.weights.dfl, second.weights.dfl) == (1, 0)
    assert_close(first.total - second.total, first.dfl)


def test_the_weights_handed_in_are_the_ones_to_move(truth):
    weights = LossWeights()
    criterion = Criterion(weights)
    weights.cls = 9
    assert criterion(make_predictions(truth), truth).weights.cls == 9
    assert Criterion().weights is not Criterion().weights


def test_the_gradients_of_the_three_losses_sum_to_that_of_the_total(truth):
    predictions = make_predictions(truth)
    losses = Criterion()(predictions, truth)
    parts = [gradients(getattr(losses, name) * getattr(losses.weights, name), predictions) for name in NAMES]
    for whole, *pieces in zip(gradients(losses.total, predictions), *parts, strict=True):
        assert_close(sum(pieces), whole, rtol=1e-5, atol=1e-5 * float(whole.abs().max()))


def test_each_loss_teaches_its_own_logits(truth):
    predictions = make_predictions(truth)
    losses = Criterion()(predictions, truth)
    taught = {name: [bool(slope.any()) for slope in gradients(getattr(losses, name), predictions)] for name in NAMES}
    assert taught == {"box": [False, True], "cls": [True, False], "dfl": [False, True]}


def test_backward_fills_the_gradients_of_the_logits(truth):
    predictions = make_predictions(truth)
    Criterion()(predictions, truth).backward()
    assert predictions.cls_logits.grad.any()
    assert predictions.box_logits.grad.any()


# Class weights


def test_class_weights_multiply_the_columns_of_the_class_loss(truth):
    predictions = make_predictions(truth)
    plain, weighted = Criterion()(predictions, truth), Criterion(class_weights=[1, 0, 10])(predictions, truth)
    columns = torch.tensor([1.0, 0.0, 10.0])
    assert_close(gradients(weighted.cls, predictions)[0], gradients(plain.cls, predictions)[0] * columns)
    assert (weighted.box, weighted.dfl) == (plain.box, plain.dfl)
    targets = TaskAlignedAssigner()(predictions, truth).target_scores
    theirs = F.binary_cross_entropy_with_logits(predictions.cls_logits, targets, weight=columns, reduction="sum")
    assert_close(weighted.cls, theirs / targets.sum())


@pytest.mark.parametrize("weights", [[1, -1, 1], [1, math.nan, 1], [math.inf, 1, 1], [[1, 1, 1]], 1.0], ids=str)
def test_bad_class_weights_are_refused(weights):
    with pytest.raises(ValueError, match="class weights must be a list of finite numbers ≥ 0"):
        Criterion(class_weights=weights)


@pytest.mark.parametrize("weights", [[1], [1, 1], [1, 1, 1, 1]], ids=len)
def test_one_class_weight_for_each_class_is_needed(truth, weights):
    with pytest.raises(ValueError, match=f"there are {len(weights)} class weights for 3 classes"):
        Criterion(class_weights=weights)(make_predictions(truth), truth)


# Faults


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("rows", [0, 5])
@pytest.mark.parametrize("assigner", [TaskAlignedAssigner(), EveryPoint()], ids=["task-aligned", "every point"])
def test_a_batch_without_objects_has_a_finite_loss_and_teaches_classes_only(images, rows, assigner):
    padding = (torch.zeros(images, rows, dtype=kind) for kind in (torch.int64, torch.bool))
    truth = GroundTruth(torch.zeros(images, rows, 4), *padding)
    predictions = make_predictions(truth)
    losses = Criterion(assigner=assigner)(predictions, truth)
    losses.backward()
    assert losses.total.isfinite()
    assert losses.box == losses.dfl == losses.clipped == 0
    assert (predictions.cls_logits.grad > 0).all()
    assert not predictions.box_logits.grad.any()


DEGENERATE = {"no height": (10, 20, 40, 20, 0), "no width": (30, 10, 30, 50, 1), "a point": (20, 20, 20, 20, 2)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_true_box_has_finite_losses_and_gradients(name, dtype):
    truth = make_truth([DEGENERATE[name], (4, 4, 50, 50, 1)], [DEGENERATE[name]])
    cls_logits, box_logits = (part.to(dtype).detach().requires_grad_() for part in leaves(make_predictions(truth)))
    like = make_predictions(truth)
    losses = Criterion()(Predictions(cls_logits, box_logits, like.anchor_points, like.strides), truth)
    losses.backward()
    assert raw(losses).isfinite().all()
    assert cls_logits.grad.isfinite().all()
    assert box_logits.grad.isfinite().all()


def leaves(predictions):
    return predictions.cls_logits, predictions.box_logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_predicted_box_that_is_a_point_has_finite_losses_and_gradients(dtype):
    truth = make_truth([(8, 8, 40, 40, 0)])
    like = make_predictions(truth)
    all_on_bin_0 = torch.zeros(like.box_logits.shape, dtype=dtype)
    all_on_bin_0[..., 0] = 1000
    all_on_bin_0.requires_grad_()
    predictions = Predictions(like.cls_logits, all_on_bin_0, like.anchor_points, like.strides)
    assert (predictions.boxes[..., 2:] == predictions.boxes[..., :2]).all()
    losses = Criterion(assigner=EveryPoint())(predictions, truth)
    losses.backward()
    assert raw(losses).isfinite().all()
    assert all_on_bin_0.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_logits_are_computed_in_float32(truth, dtype):
    rounded = [part.detach().to(dtype) for part in leaves(make_predictions(truth))]
    like = make_predictions(truth)
    half, full = (
        Criterion()(Predictions(*logits, like.anchor_points, like.strides), truth)
        for logits in (rounded, [part.float() for part in rounded])
    )
    assert torch.equal(raw(half), raw(full))
    assert half.total.dtype == torch.float32


def test_autocast_around_the_criterion_changes_nothing(truth):
    plain = Criterion()(make_predictions(truth), truth)
    with torch.autocast("cpu", torch.bfloat16):
        cast = Criterion()(make_predictions(truth), truth)
    assert_same_losses(cast, plain)


@pytest.mark.parametrize("edge", range(4))
def test_a_true_box_of_nan_makes_the_losses_nan_and_no_index_error(truth, edge):
    truth.boxes[0, 1, edge] = math.nan
    losses = Criterion()(make_predictions(truth), truth)
    losses.backward()
    assert losses.total.isnan()


@pytest.mark.parametrize("part", ["cls_logits", "box_logits"])
@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_broken_logits_make_the_total_nan_and_no_index_error(truth, part, value):
    predictions = make_predictions(truth)
    with torch.no_grad():
        getattr(predictions, part)[0] = value
    losses = Criterion()(predictions, truth)
    losses.backward()
    assert not losses.total.isfinite()


@pytest.mark.parametrize("filling", [0.0, math.nan, math.inf, 1e30])
def test_more_padding_changes_nothing(truth, filling):
    predictions = make_predictions(truth)
    more = GroundTruth(
        torch.cat([truth.boxes.where(truth.mask[..., None], filling), torch.full((4, 9, 4), filling)], 1),
        torch.cat([truth.labels, torch.full((4, 9), -7)], 1),
        torch.cat([truth.mask, torch.zeros(4, 9, dtype=torch.bool)], 1),
    )
    one, other = Criterion()(predictions, truth), Criterion()(predictions, more)
    assert_same_losses(one, other)
    for slope, same in zip(gradients(one.total, predictions), gradients(other.total, predictions), strict=True):
        assert_close(slope, same, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("box", "bins", "clipped"),
    [
        ((8, 8, 24, 24), 16, 0),
        ((0, 0, 64, 64), 16, 0),
        ((0, 0, 64, 64), 2, "all"),  # no side is reached within one stride
        ((22, 22, 26, 26), 16, "all"),  # no anchor point lies inside: beyond the lower end
    ],
)
def test_sides_beyond_the_bins_are_counted(box, bins, clipped):
    truth = make_truth([(*box, 0)])
    predictions = make_predictions(truth, bins=bins, peak=12.0)
    found = TaskAlignedAssigner()(predictions, truth)
    x1, y1, x2, y2 = box
    count = 0
    for point in (found.target_scores[0].sum(-1) > 0).nonzero()[:, 0]:
        (x, y), stride = predictions.anchor_points[point], predictions.strides[point]
        sides = (x - x1, y - y1, x2 - x, y2 - y)
        count += sum(not 0 <= side / stride <= bins - 1.01 for side in sides)
    losses = Criterion()(predictions, truth)
    assert losses.clipped == count
    assert (count > 0) == (clipped == "all")
    assert raw(losses).isfinite().all()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_validation_without_gradients_finds_the_same_losses(truth, mode):
    predictions = make_predictions(truth)
    with mode():
        losses = Criterion()(Predictions(*leaves(predictions), predictions.anchor_points, predictions.strides), truth)
    assert not losses.total.requires_grad
    assert torch.equal(raw(losses), raw(Criterion()(predictions, truth)))


def test_the_inputs_are_left_as_they_were(truth):
    predictions = make_predictions(truth)
    parts = (
        truth.boxes,
        truth.labels,
        truth.mask,
        *leaves(predictions),
        predictions.anchor_points,
        predictions.strides,
    )
    before = [part.detach().clone() for part in parts]
    Criterion()(predictions, truth).backward()
    assert all(torch.equal(part, old) for part, old in zip(parts, before, strict=True))


def test_the_same_call_gives_the_same_bits(truth):
    first, second = make_predictions(truth), make_predictions(truth)
    one, other = Criterion()(first, truth), Criterion()(second, truth)
    assert torch.equal(raw(one), raw(other))
    for slope, same in zip(gradients(one.total, first), gradients(other.total, second), strict=True):
        assert torch.equal(slope, same)


# Nothing waits for the device


class RefuseToLook(TorchDispatchMode):
    """Fails on whatever would read a value back from a GPU, or make a shape depend on one."""

    refused = ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "unique", "equal", "bincount")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in self.refused:
            raise AssertionError(f"{name} waits for the device")
        if name.startswith("index") and any(
            torch.is_tensor(part) and part.dtype in (torch.bool, torch.uint8) for part in args[1] or ()
        ):
            raise AssertionError("indexing by a mask waits for the device")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("class_weights", [None, [1, 2, 3]])
def test_no_value_is_read_back_from_the_device(truth, class_weights, monkeypatch):
    monkeypatch.setattr(TaskAlignedAssigner, "fixed_shapes", True)  # as on a GPU
    predictions, criterion = make_predictions(truth), Criterion(class_weights=class_weights)
    with RefuseToLook():
        criterion(predictions, truth).backward()


@pytest.mark.parametrize("look", [lambda t: t.sum().item(), lambda t: t[t > 0], lambda t: bool(t.any()), torch.nonzero])
def test_looking_would_be_noticed(look):
    with pytest.raises(AssertionError, match="waits for the device"), RefuseToLook():
        look(torch.ones(3))


def test_all_shapes_are_known_before_the_values_are(truth, monkeypatch):
    """Fake tensors have shapes and no values: data-dependent shapes and branches fail on them."""
    monkeypatch.setattr(TaskAlignedAssigner, "fixed_shapes", True)  # as on a GPU
    real, mode = make_predictions(truth), FakeTensorMode()
    box_logits = mode.from_tensor(real.box_logits.detach()).requires_grad_()
    cls_logits = mode.from_tensor(real.cls_logits.detach())
    rest = [mode.from_tensor(part) for part in (real.anchor_points, real.strides)]
    ground_truth = GroundTruth(*map(mode.from_tensor, (truth.boxes, truth.labels, truth.mask)))
    with mode:
        losses = Criterion()(Predictions(cls_logits, box_logits, *rest), ground_truth)
        losses.backward()
    assert losses.total.shape == ()
    assert box_logits.grad.shape == real.box_logits.shape


# On a GPU


@pytest.mark.gpu
def test_a_step_is_captured_in_a_cuda_graph_and_replays_on_new_values(truth):
    predictions, other = make_predictions(truth, device="cuda"), make_predictions(truth, seed=1, device="cuda")
    ground_truth, criterion = truth.to("cuda"), Criterion(class_weights=[1, 2, 3])

    def step():
        fresh = Predictions(*leaves(predictions), predictions.anchor_points, predictions.strides)
        losses = criterion(fresh, ground_truth)
        return raw(losses), gradients(losses.total, predictions, retain_graph=False)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses, slopes = step()
    with torch.no_grad():
        for part, new in zip(leaves(predictions), leaves(other), strict=True):
            part.copy_(new)
    graph.replay()
    expected = criterion(other, ground_truth)
    assert_close(losses, raw(expected), rtol=1e-6, atol=1e-6)
    for slope, same in zip(slopes, gradients(expected.total, other), strict=True):
        assert_close(slope, same, rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
def test_the_same_call_gives_the_same_bits_on_a_gpu_in_strict_mode(truth):
    torch.use_deterministic_algorithms(True)
    try:
        found = []
        for _ in range(5):
            predictions = make_predictions(truth, device="cuda")
            losses = Criterion()(predictions, truth.to("cuda"))
            found.append((raw(losses), *gradients(losses.total, predictions)))
    finally:
        torch.use_deterministic_algorithms(False)
    for parts in found[1:]:
        assert all(torch.equal(part, first) for part, first in zip(parts, found[0], strict=True))


@pytest.mark.gpu
def test_a_step_on_a_gpu_never_waits(truth):
    predictions, ground_truth, criterion = make_predictions(truth, device="cuda"), truth.to("cuda"), Criterion()
    criterion(predictions, ground_truth).backward()
    torch.cuda.set_sync_debug_mode("error")
    try:
        criterion(predictions, ground_truth).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


# What torch would spread over more than was meant

MISSHAPEN = {
    "labels [1, M]": lambda truth: replace(truth, labels=truth.labels[:1]),
    "labels [B]": lambda truth: replace(truth, labels=truth.labels[:, 0]),
    "labels that are no whole numbers": lambda truth: replace(truth, labels=truth.labels.float()),
    "boxes [B, 1, 4]": lambda truth: replace(truth, boxes=truth.boxes[:, :1]),
    "boxes [1, M, 4]": lambda truth: replace(truth, boxes=truth.boxes[:1]),
    "boxes [M, 4]": lambda truth: replace(truth, boxes=truth.boxes[0]),
    "boxes of five numbers": lambda truth: replace(truth, boxes=torch.cat([truth.boxes, truth.boxes[..., :1]], -1)),
    "mask [B, 1]": lambda truth: replace(truth, mask=truth.mask[:, :1]),
    "mask [M]": lambda truth: replace(truth, mask=truth.mask[0]),
    "mask of numbers": lambda truth: replace(truth, mask=truth.mask.float()),
}


@pytest.mark.parametrize("fault", MISSHAPEN)
@pytest.mark.parametrize("computes", [Criterion, TaskAlignedAssigner])
def test_a_misshapen_ground_truth_is_refused_by_its_shape(truth, fault, computes):
    predictions, computed = make_predictions(truth), computes()
    computed(predictions, truth)
    with pytest.raises(ValueError, match=r"^(true boxes|labels|mask) must be .* not "):
        computed(predictions, MISSHAPEN[fault](truth))


@pytest.mark.parametrize("part", ["cls_logits", "box_logits", "anchor_points", "strides"])
@pytest.mark.parametrize("cut", [lambda one: one[:1], lambda one: one[..., :1], lambda one: one[None]])
def test_a_misshapen_prediction_is_refused_by_its_shape(truth, part, cut):
    if part == "cls_logits" and cut(torch.arange(6).reshape(2, 3)).shape == (2, 1):
        pytest.skip("that is a model of one class")
    predictions = make_predictions(truth)
    broken = replace(predictions, **{part: cut(getattr(predictions, part))})
    with pytest.raises(ValueError, match=r"must be (\[.*\], not \[|1 or more, R 2 or more, not)"):
        Criterion()(broken, truth)
    with pytest.raises(ValueError, match="must be"):
        decode(broken, (64, 64), 0)


@pytest.mark.parametrize("computes", [Criterion(), TaskAlignedAssigner()], ids=["criterion", "assigner"])
def test_things_of_another_kind_are_refused_by_their_kind(truth, computes):
    predictions = make_predictions(truth)
    with pytest.raises(ValueError, match="the predictions must be Predictions, not a GroundTruth"):
        computes(truth, predictions)
    with pytest.raises(ValueError, match="the ground truth must be a GroundTruth, not a list"):
        computes(predictions, [truth])
    with pytest.raises(ValueError, match=r"true boxes must be a tensor \[\d, M, 4\], not a list"):
        computes(predictions, replace(truth, boxes=truth.boxes.tolist()))
    for part in ("cls_logits", "strides"):
        broken = make_predictions(truth)
        setattr(broken, part, None)
        with pytest.raises(ValueError, match=f"{part} must be a tensor .*, not a NoneType"):
            computes(broken, truth)


def test_a_model_without_anchor_points_classes_or_bins_is_refused(truth):
    given = make_predictions(truth)
    for broken in (
        replace(given, cls_logits=given.cls_logits[..., :0]),
        replace(given, box_logits=given.box_logits[..., :0]),
        Predictions(given.cls_logits[:, :0], given.box_logits[:, :0], given.anchor_points[:0], given.strides[:0]),
    ):
        with pytest.raises(ValueError, match="A and C must be 1 or more, R 2 or more, not"):
            Criterion()(broken, truth)


@pytest.mark.parametrize("weights", [{"box": 1}, (1, 2, 3), LossWeights, "box"])
def test_weights_of_another_make_are_refused_however_they_are_set(truth, weights):
    computed = Criterion()
    computed.weights = weights
    for criterion in (computed, Criterion(weights=weights)):
        with pytest.raises(ValueError, match=r"the weights must be LossWeights\(box, cls, dfl\), not"):
            criterion(make_predictions(truth), truth)
