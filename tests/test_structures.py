"""What flows through the loop keeps its shapes, its copies and its word."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from teachkit.boxes import anchor_points, distances_to_boxes
from teachkit.structures import Batch, Detections, GroundTruth, Losses, LossWeights, Predictions


def two_images():
    boxes = [torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 20.0, 30.0]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]])]
    return GroundTruth.from_lists(boxes, [torch.tensor([2, 0]), torch.tensor([1])])


def some_predictions(dtype=torch.float32, requires_grad=False):
    generator = torch.Generator().manual_seed(0)
    points, strides = anchor_points((32, 32), (8, 16))
    cls_logits = torch.randn(2, len(points), 3, generator=generator).to(dtype).requires_grad_(requires_grad)
    box_logits = torch.randn(2, len(points), 4, 16, generator=generator).to(dtype).requires_grad_(requires_grad)
    return Predictions(cls_logits, box_logits, points, strides)


def some_losses(weights=None):
    values = torch.tensor([0.8, 2.0, 1.2], requires_grad=True)
    return Losses(*values.unbind(), weights=LossWeights() if weights is None else weights), values


# Ground truth


def test_lists_are_padded_to_the_longest_and_masked():
    truth = two_images()
    assert truth.boxes.shape == (2, 2, 4)
    assert truth.boxes.dtype == torch.float32
    assert truth.labels.tolist() == [[2, 0], [1, 0]]
    assert truth.labels.dtype == torch.int64
    assert truth.mask.tolist() == [[True, True], [True, False]]
    assert len(truth) == 2


def test_an_image_comes_back_as_it_went_in():
    boxes, labels = two_images().image(1)
    assert boxes.tolist() == [[1, 2, 3, 4]]
    assert labels.tolist() == [1]


@pytest.mark.parametrize("images", [0, 1, 3])
def test_images_without_objects_have_no_rows(images):
    nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    truth = GroundTruth.from_lists([nothing[0]] * images, [nothing[1]] * images)
    assert truth.boxes.shape == (images, 0, 4)
    assert truth.labels.shape == truth.mask.shape == (images, 0)
    assert not images or truth.image(0)[0].shape == (0, 4)


@pytest.mark.parametrize("labels", [[0.5, 1.0], [1.0, math.nan], [math.inf, 0.0], [2.0, -0.1]])
def test_labels_are_whole_numbers(labels):
    with pytest.raises(ValueError, match="image 0 has labels that are no whole numbers"):
        GroundTruth.from_lists([torch.zeros(2, 4)], [torch.tensor(labels)])
    assert GroundTruth.from_lists([torch.zeros(2, 4)], [torch.tensor([2.0, 0.0])]).labels.tolist() == [[2, 0]]


@pytest.mark.parametrize(("boxes", "labels"), [((2, 4), (1,)), ((2, 4), (2, 1)), ((8,), (8,)), ((4, 3), (4,))])
def test_as_many_boxes_of_four_numbers_as_labels_are_needed(boxes, labels):
    boxes, labels = torch.zeros(boxes), torch.zeros(labels, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"image 1: boxes and labels must be \[n, 4\] and \[n\], not \["):
        GroundTruth.from_lists([torch.zeros(1, 4), boxes], [torch.zeros(1, dtype=torch.int64), labels])
    with pytest.raises(ValueError, match="boxes are of 1 images, labels of 0"):
        GroundTruth.from_lists([torch.zeros(1, 4)], [])


def test_everything_moves_to_the_device():
    truth = two_images()
    batch = Batch(torch.rand(2, 3, 8, 8), truth, ["a.png", "b.png"]).to("meta")
    assert batch.images.is_meta
    assert all(part.is_meta for part in (batch.ground_truth.boxes, batch.ground_truth.labels, batch.ground_truth.mask))
    assert batch.names == ["a.png", "b.png"]
    assert len(batch) == 2
    found = Detections(torch.zeros(5, 4), torch.zeros(5), torch.zeros(5, dtype=torch.int64)).to("meta")
    assert all(part.is_meta for part in (found.boxes, found.scores, found.labels))
    assert len(found) == 5


# Predictions


def test_boxes_and_scores_follow_from_the_logits():
    predictions = some_predictions()
    distances = predictions.box_logits.softmax(-1) @ torch.arange(16.0)
    boxes = distances_to_boxes(distances, predictions.anchor_points, predictions.strides)
    assert_close(predictions.boxes, boxes)
    assert_close(predictions.scores, 1 / (1 + (-predictions.cls_logits).exp()))


def test_boxes_are_not_clipped_to_the_image():
    boxes = some_predictions().boxes
    assert (boxes < 0).any()
    assert (boxes > 32).any()


def test_boxes_and_scores_are_computed_once():
    predictions = some_predictions()
    assert predictions.boxes is predictions.boxes
    assert predictions.scores is predictions.scores
    assert replace(predictions).boxes is not predictions.boxes


@pytest.mark.parametrize("name", ["boxes", "scores"])
def test_a_look_without_gradient_does_not_cut_off_later_ones(name):
    predictions = some_predictions(requires_grad=True)
    with torch.no_grad():
        getattr(predictions, name)
    assert getattr(predictions, name).requires_grad


@pytest.mark.parametrize("name", ["boxes", "scores"])
def test_nothing_is_recorded_where_the_logits_need_no_gradient(name):
    assert not getattr(some_predictions(), name).requires_grad
    with torch.inference_mode():
        assert not getattr(some_predictions(), name).requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_taken_up_to_float32(dtype):
    predictions = some_predictions(dtype, requires_grad=True)
    for part in (predictions.cls_logits, predictions.box_logits, predictions.boxes, predictions.scores):
        assert part.dtype == torch.float32
        assert part.requires_grad


def test_float64_stays_as_it_is():
    assert some_predictions(torch.float64).cls_logits.dtype == torch.float64


# Loss weights


def test_the_weights_of_yolov8_are_the_default():
    assert LossWeights().as_dict() == {"box": 7.5, "cls": 0.5, "dfl": 1.5}


@pytest.mark.parametrize("name", ["box", "cls", "dfl"])
@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        -1,
        -1e-9,
        "much",
        "",
        None,
        True,
        np.True_,
        b"1",
        [1],
        1j,
        torch.ones(2),
        10**400,
        "2.5",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_bad_weight_is_refused_and_the_old_one_stays(name, value):
    weights = LossWeights(box=1, cls=2, dfl=3)
    with pytest.raises(ValueError, match=f"the {name} weight must be"):
        setattr(weights, name, value)
    assert weights.as_dict() == {"box": 1, "cls": 2, "dfl": 3}
    with pytest.raises(ValueError, match=f"the {name} weight must be"):
        LossWeights(**{name: value})


@pytest.mark.parametrize("value", [0, 3, 0.25, 1e6, np.float32(0.5), np.int64(2), torch.tensor(4.0)], ids=repr)
def test_any_number_from_zero_up_is_taken_as_a_float(value):
    weights = LossWeights()
    weights.box = value
    assert weights.box == float(value)
    assert type(weights.box) is float


def test_a_misspelt_weight_is_refused():
    weights = LossWeights()
    with pytest.raises(AttributeError, match="'bocks'; the weights are box, cls and dfl"):
        weights.bocks = 3
    with pytest.raises(TypeError):
        LossWeights(bocks=3)


# Losses


def test_the_total_is_the_weighted_sum():
    assert some_losses()[0].total.item() == pytest.approx(8.8)
    assert some_losses(LossWeights(dfl=15))[0].total.item() == pytest.approx(25)  # dfl × 10; all × 10 would be 88


def test_backward_gives_each_loss_its_weight_as_slope():
    losses, values = some_losses(LossWeights(box=2, cls=0, dfl=5))
    losses.backward()
    assert values.grad.tolist() == [2, 0, 5]


def test_weights_moved_later_do_not_reach_back():
    weights = LossWeights()
    losses, values = some_losses(weights)
    weights.box = 1000
    assert losses.weights == LossWeights()
    losses.backward()
    assert values.grad.tolist() == [7.5, 0.5, 1.5]


def test_items_are_plain_numbers_in_the_order_of_the_log():
    losses, _ = some_losses()
    assert [name for name, _ in losses.items()] == ["box", "cls", "dfl", "total"]
    assert all(type(value) is float for _, value in losses.items())
    assert dict(losses.items()) == pytest.approx({"box": 0.8, "cls": 2, "dfl": 1.2, "total": 8.8})


def test_a_loss_that_is_not_a_number_is_told_and_not_hidden():
    values = dict(Losses(torch.tensor(math.nan), torch.tensor(1.0), torch.tensor(math.inf)).items())
    assert math.isnan(values["box"])
    assert values["dfl"] == math.inf
    assert math.isnan(values["total"])
