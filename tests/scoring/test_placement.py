import math

import pytest
import torch

from teachkit.boxes import anchor_points
from teachkit.scoring.placement import mean_overlap
from teachkit.structures import GroundTruth, Predictions


def test_the_box_at_the_point_nearest_the_centre_counts_whatever_its_score():
    points, strides = anchor_points((32, 32), (8,))
    logits = torch.full((1, len(points), 4, 16), -1e4)
    logits[..., 1] = 0.0  # one stride to each side of every point: boxes of 16 × 16 px
    predictions = Predictions(torch.zeros(1, len(points), 1), logits, points, strides)
    truth = GroundTruth.from_lists([torch.tensor([[4.0, 4, 20, 20], [12, 12, 28, 20]])], [torch.tensor([0, 0])])
    assert mean_overlap(predictions, truth) == pytest.approx((1 + 0.5) / 2, abs=1e-5)
    nothing = GroundTruth.from_lists([torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.int64)])
    assert math.isnan(mean_overlap(predictions, nothing))
