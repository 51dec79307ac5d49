"""A picture's worth of predictions and objects, to punish."""

import numpy as np
import pytest
import torch

from teachkit.boxes import anchor_points, boxes_to_distances
from teachkit.punish.losses import dfl_target
from teachkit.structures import GroundTruth, Predictions


def make_truth(*images):
    """One list of (x1, y1, x2, y2, label) for each image."""
    rows = [torch.tensor(image, dtype=torch.float32).reshape(-1, 5) for image in images]
    return GroundTruth.from_lists([one[:, :4] for one in rows], [one[:, 4].long() for one in rows])


def make_predictions(
    truth, size=64, strides=(8, 16), classes=3, bins=16, peak=5.0, seed=0, dtype=torch.float32, device="cpu"
):
    """Random logits, with bins that point about at an object of the image; leaves that gather gradients."""
    numbers = np.random.default_rng(seed)
    points, stride_of_point = anchor_points((size, size), strides)
    images, anchors, objects = len(truth), len(points), truth.boxes.shape[1]
    cls_logits = torch.tensor(numbers.normal(-2, 2, (images, anchors, classes)))
    box_logits = torch.tensor(numbers.normal(0, 1, (images, anchors, 4, bins)))
    if objects:
        aimed_at = torch.tensor(numbers.integers(objects, size=(images, anchors)))
        boxes = truth.boxes.double().take_along_dim(aimed_at[..., None], 1)
        box_logits += peak * dfl_target(boxes_to_distances(boxes, points, stride_of_point), bins)
    leaves = (logits.to(device, dtype).requires_grad_() for logits in (cls_logits, box_logits))
    return Predictions(*leaves, points.to(device), stride_of_point.to(device))


@pytest.fixture
def truth():
    """Four images: some objects that overlap, one, none, and a crowd of small ones."""
    return make_truth(
        [(4, 4, 40, 44, 0), (20, 16, 60, 60, 1), (24, 20, 50, 50, 2)],
        [(10, 30, 50, 62, 2)],
        [],
        [(x, y, x + 9, y + 6, (x + y) % 3) for x in (3, 20, 40) for y in (5, 12, 33, 50)],
    )
