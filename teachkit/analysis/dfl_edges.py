"""The box edges that DFL is computed from: the true distance of each, and the distribution that is predicted.

N positive anchor points of a batch, R bins; sides are left, top, right, bottom.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from teachkit.boxes import boxes_to_distances, expected_bin
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.losses import dfl_loss, dfl_target
from teachkit.structures import GroundTruth, Predictions


@dataclass
class Edges:
    """logits: [N, 4, R]; distances: [N, 4] true ones, in strides; weights: [N] target scores > 0; strides: [N] px.

    image, point: [N] int64, index of the image in the batch and of the anchor point in the image.
    """

    logits: Tensor
    distances: Tensor
    weights: Tensor
    strides: Tensor
    image: Tensor
    point: Tensor

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def shares(self) -> Tensor:
        """[N, 4, R]: the predicted distributions over bins."""
        return self.logits.softmax(-1)

    @property
    def target(self) -> Tensor:
        """[N, 4, R]: the target distributions over bins."""
        return dfl_target(self.distances, self.logits.shape[-1])

    def mean(self, values: Tensor) -> float:
        """Mean over the sides, then over the points weighted by target score, as in the criterion. values: [N, 4]."""
        return float((values.mean(-1) * self.weights).sum() / self.weights.sum())

    def dfl(self) -> float:
        """Mean DFL, in nats."""
        return self.mean(dfl_loss(self.logits, self.distances))

    def floor(self) -> float:
        """Mean entropy of the targets, in nats: the smallest possible DFL."""
        return self.mean(entropy(self.target))

    def off(self) -> float:
        """Mean distance of the expected edge from the true one, px."""
        return self.mean((expected_bin(self.logits) - self.distances).abs() * self.strides[:, None])


@torch.no_grad()
def edges_of(predictions: Predictions, ground_truth: GroundTruth) -> Edges:
    """The edges of each positive anchor point with a target score above 0. N = 0 if there are no objects."""
    assignment = TaskAlignedAssigner()(predictions, ground_truth)
    weights = assignment.target_scores.sum(-1) * assignment.positive  # [B, A]
    image, point = (weights > 0).nonzero(as_tuple=True)  # [N], [N]
    boxes = ground_truth.boxes[image, assignment.object[image, point]]  # [N, 4] px
    strides = predictions.strides[point]
    distances = boxes_to_distances(boxes, predictions.anchor_points[point], strides)
    return Edges(predictions.box_logits[image, point], distances, weights[image, point], strides, image, point)


def entropy(shares: Tensor) -> Tensor:
    """−Σ p log p, in nats; 0 log 0 counts as 0. shares: [..., R] → [...]."""
    return torch.special.entr(shares).sum(-1)
