"""The inputs of the golden numbers, the same bits on any machine: integers of NumPy's frozen generator, divided by
powers of two. make_golden.py hands them to the peer, test_golden.py to the criterion."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """seed; picture (height, width) px; strides; classes; objects in each image; longest side of an object, px;
    peak: how sure the bins are of an object, 0 for not at all; bins; ties: whether equal metrics decide something."""

    seed: int
    size: tuple[int, int]
    strides: tuple[int, ...]
    classes: int
    objects: tuple[int, ...]
    longest: int
    peak: int = 6
    bins: int = 16
    ties: bool = False


CASES = [
    Case(2, (64, 64), (8, 16), 1, (1,), 32),
    Case(3, (64, 64), (8, 16), 1, (3, 1), 40),
    Case(4, (64, 64), (8, 16), 3, (1, 2, 0), 40),
    Case(5, (64, 64), (8, 16), 3, (0, 0), 40),
    Case(6, (64, 64), (8, 16, 32), 5, (0,), 40),
    Case(7, (64, 64), (8, 16), 3, (4, 2), 6, peak=14),
    Case(8, (64, 64), (8, 16), 4, (5, 5), 3, peak=14),
    Case(10, (64, 64), (4, 8), 2, (6,), 4, peak=14),
    Case(11, (64, 64), (8, 16, 32), 7, (8, 1), 5, peak=20),
    Case(12, (64, 64), (16,), 3, (3, 3), 8, peak=14),
    Case(13, (64, 64), (8,), 4, (4, 2), 30),
    Case(14, (64, 64), (16,), 2, (2, 5), 50),
    Case(16, (128, 128), (32,), 3, (2, 1), 60),
    Case(17, (64, 64), (4, 8, 16), 10, (3, 0), 24),
    Case(18, (64, 64), (4, 8, 16), 20, (5,), 60),
    Case(19, (64, 64), (8, 16, 32), 20, (2, 3, 4), 60),
    Case(20, (64, 64), (8, 16, 32), 20, (10, 0), 30),
    Case(21, (128, 128), (8, 16), 3, (4,), 60),
    Case(22, (128, 128), (8, 16, 32), 6, (30,), 24),
    Case(23, (128, 128), (8, 16, 32), 12, (20,), 50),
    Case(24, (64, 128), (8, 16), 14, (3, 1), 60),
    Case(25, (128, 64), (8, 16, 32), 8, (6,), 50),
    Case(26, (32, 64), (4, 8), 15, (2, 2, 2, 2), 30),
    Case(27, (64, 32), (8, 16), 9, (1, 0, 1, 0), 30),
    Case(28, (128, 128), (16, 32), 3, (5, 5), 60),
    Case(29, (64, 64), (8, 16), 3, (3, 2), 60, peak=0),
    Case(30, (64, 64), (8, 16, 32), 11, (4,), 60, peak=0),
    Case(31, (128, 128), (8, 16), 2, (6,), 100, peak=0),
    Case(32, (64, 64), (8, 16), 3, (2, 2), 40, peak=2),
    Case(33, (64, 64), (8, 16), 3, (3, 3), 40, peak=12),
    Case(34, (64, 64), (4, 8), 3, (4, 2), 40, bins=8),
    Case(35, (64, 64), (4, 8), 4, (3,), 60, peak=8, bins=4),
    Case(36, (64, 64), (8, 16), 13, (2, 2), 60, bins=8),
    Case(37, (128, 128), (8, 16), 3, (3,), 120, bins=8),
    Case(38, (64, 64), (8, 16), 16, (2, 1, 3), 50),
    Case(39, (256, 256), (16, 32), 3, (12,), 120),
    Case(40, (256, 128), (16, 32), 17, (9,), 90, peak=8),
    Case(41, (64, 64), (8, 16), 3, (30,), 20),
    Case(42, (64, 64), (8, 16, 32), 18, (1, 1, 1, 1), 60, peak=10),
    Case(43, (64, 64), (8, 16), 19, (7, 3), 44),
    # Many objects and equal metrics of 0, of which torch.topk on a CPU marks the same as the peer.
    Case(49, (64, 64), (8, 16), 3, (30,), 40, ties=True),
    Case(70, (64, 64), (8, 16, 32), 5, (20, 20), 30, ties=True),
    Case(76, (64, 64), (4, 8), 4, (12, 30), 30, peak=3, ties=True),
    Case(77, (128, 128), (8, 16), 3, (30,), 60, ties=True),
]


@dataclass(frozen=True)
class Inputs:
    """cls_logits [B, A, C], box_logits [B, A, 4, R], anchor_points [A, 2] px, stride_of_point [A] px,
    and for each image boxes [n, 4] xyxy px and labels [n]."""

    cls_logits: np.ndarray
    box_logits: np.ndarray
    anchor_points: np.ndarray
    stride_of_point: np.ndarray
    boxes: list[np.ndarray]
    labels: list[np.ndarray]


def make_inputs(case: Case) -> Inputs:
    numbers = np.random.RandomState(case.seed)  # NEP 19: this generator's streams never change
    points, strides = anchor_points(case)
    boxes = [draw_boxes(numbers, count, case) for count in case.objects]
    labels = [numbers.randint(0, case.classes, count) for count in case.objects]
    images, anchors = len(case.objects), len(points)
    cls_logits = numbers.randint(-2048, 513, (images, anchors, case.classes)) / 256
    box_logits = numbers.randint(-512, 513, (images, anchors, 4, case.bins)) / 256
    for image, its_boxes in enumerate(boxes):
        if len(its_boxes) and case.peak:
            aimed_at = its_boxes[numbers.randint(0, len(its_boxes), anchors)]  # [A, 4]: an object for each point
            box_logits[image] += aim(aimed_at, points, strides, case)
    return Inputs(cls_logits.astype(np.float32), box_logits.astype(np.float32), points, strides, boxes, labels)


def anchor_points(case: Case) -> tuple[np.ndarray, np.ndarray]:
    points, strides = [], []
    for stride in case.strides:
        rows, columns = case.size[0] // stride, case.size[1] // stride
        y, x = np.mgrid[:rows, :columns]
        points.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(rows * columns, stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)


def draw_boxes(numbers: np.random.RandomState, count: int, case: Case) -> np.ndarray:
    """Boxes inside the picture in eighths of a pixel, so that no conversion rounds. → [count, 4] xyxy px."""
    limits = 8 * np.array(case.size[::-1])  # width, height
    sides = np.minimum(numbers.randint(4, 8 * case.longest + 1, (count, 2)), limits)
    left_top = numbers.randint(0, limits - sides + 1)
    return (np.concatenate([left_top, left_top + sides], 1) / 8).astype(np.float32)


def aim(boxes: np.ndarray, points: np.ndarray, strides: np.ndarray, case: Case) -> np.ndarray:
    """Logits that make each anchor point expect about its box. boxes, points, strides: a row for each → [A, 4, R]."""
    distances = np.concatenate([points - boxes[:, :2], boxes[:, 2:] - points], 1) / strides[:, None]
    distances = np.maximum(distances, 0)[..., None]
    below, bins = np.floor(distances), np.arange(case.bins)
    return (below == bins) * case.peak + (below + 1 == bins) * (case.peak + 6 * (distances - below) - 3)
