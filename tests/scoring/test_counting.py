import math

import numpy as np
import pytest
import torch

from teachkit.scoring import best_threshold, count_error, count_errors, counts
from teachkit.structures import Detections, GroundTruth


def found(*rows):
    """An image's detections as (score, label)."""
    return Detections(
        torch.tensor([[0.0, 0, 10, 10]]).repeat(len(rows), 1),
        torch.tensor([float(score) for score, _ in rows]),
        torch.tensor([label for _, label in rows], dtype=torch.int64),
    )


@pytest.fixture
def images():
    """Two images: 2 and 1 objects of class 0, 0 and 1 of class 1."""
    truth = GroundTruth.from_lists(
        [torch.tensor([[0.0, 0, 9, 9]] * 2)] * 2, [torch.tensor([0, 0]), torch.tensor([0, 1])]
    )
    return [found((0.9, 0), (0.6, 0), (0.2, 0)), found((0.8, 0), (0.7, 0), (0.3, 1))], truth


def test_counts_image_by_image_and_class_by_class(images):
    assert [one.tolist() for one in counts(*images, 0.5)] == [[2, 2], [2, 2]]
    assert [one.tolist() for one in counts(*images, 0.5, label=0)] == [[2, 2], [2, 1]]
    assert [one.tolist() for one in counts(*images, 0.1, label=1)] == [[0, 1], [0, 1]]


def test_too_many_here_does_not_make_up_for_too_few_there(images):
    detections, truth = images
    swapped = list(reversed(detections))  # 2 and 3 detections of class 0 where 2 and 1 are
    found_now, there = counts(swapped, truth, 0.1, label=0)
    assert (found_now - there).tolist() == [0, 2]
    assert count_error(swapped, truth, 0.1, label=0) == 1
    one_off = [found((0.9, 0)), found((0.9, 0), (0.9, 0))]  # 1 for 2, 2 for 1
    assert count_error(one_off, truth, 0.5, label=0) == 1


def test_the_threshold_with_the_smallest_error_is_chosen_the_lowest_of_equals(images):
    errors = count_errors(*images, label=0, thresholds=[0.1, 0.5, 0.65, 0.75])
    assert errors.tolist() == [1, 0.5, 1, 0.5]
    assert best_threshold(*images, label=0, thresholds=[0.1, 0.5, 0.65, 0.75]) == 0.5
    assert best_threshold(*images, label=0) == 0.25  # 0.2 in float32 is a little more than 0.2


def test_no_images_have_no_error():
    assert math.isnan(count_error([], GroundTruth.from_lists([], []), 0.5))
    assert np.isnan(count_errors([], GroundTruth.from_lists([], []))).all()
