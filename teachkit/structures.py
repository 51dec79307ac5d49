"""What flows through training: a batch is fed, predictions come out, losses come back.

B images, C classes, M objects (padded), A anchor points, R bins.
Boxes are float32 xyxy in pixels of the batch's images.
"""

import math
from collections.abc import ItemsView
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from teachkit.boxes import at_least_float32, distances_to_boxes, expected_bin
from teachkit.errors import is_truth_value

LOSS_NAMES = ("box", "cls", "dfl")


@dataclass
class GroundTruth:
    """The true objects of B images.

    boxes: [B, M, 4] px; labels: [B, M] int64 from 0; mask: [B, M] bool, False on padding;
    ignored: of the same B images, the objects that are neither learned from nor found nor missed; None for none.
    """

    boxes: Tensor
    labels: Tensor
    mask: Tensor
    ignored: "GroundTruth | None" = None

    @classmethod
    def from_lists(cls, boxes: list[Tensor], labels: list[Tensor]) -> "GroundTruth":
        """Pads B lists of boxes [n, 4] px and labels [n] to the longest. ValueError if their shapes are others."""
        if len(boxes) != len(labels):
            raise ValueError(f"boxes are of {len(boxes)} images, labels of {len(labels)}")
        longest = max((len(one) for one in boxes), default=0)
        device = boxes[0].device if boxes else torch.device("cpu")
        packed = cls(
            boxes=torch.zeros(len(boxes), longest, 4, device=device),
            labels=torch.zeros(len(boxes), longest, dtype=torch.int64, device=device),
            mask=torch.zeros(len(boxes), longest, dtype=torch.bool, device=device),
        )
        for image, (its_boxes, its_labels) in enumerate(zip(boxes, labels, strict=True)):
            count = len(its_labels)
            if list(its_labels.shape) != [count] or (list(its_boxes.shape) != [count, 4] and its_boxes.numel() + count):
                shapes = f"{list(its_boxes.shape)} and {list(its_labels.shape)}"  # one label would be spread over all
                raise ValueError(f"image {image}: boxes and labels must be [n, 4] and [n], not {shapes}")
            if its_labels.is_floating_point() and not torch.equal(its_labels, its_labels.long().to(its_labels)):
                raise ValueError(f"image {image} has labels that are no whole numbers: {its_labels.tolist()}")
            packed.boxes[image, :count] = its_boxes.reshape(-1, 4)
            packed.labels[image, :count] = its_labels
            packed.mask[image, :count] = True
        return packed

    def image(self, index: int) -> tuple[Tensor, Tensor]:
        """Boxes [n, 4] px and labels [n] of one image, padding left out."""
        mask = self.mask[index]
        return self.boxes[index][mask], self.labels[index][mask]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "GroundTruth":
        boxes, labels, mask = (
            part.to(device, non_blocking=non_blocking) for part in (self.boxes, self.labels, self.mask)
        )
        ignored = None if self.ignored is None else self.ignored.to(device, non_blocking)
        return GroundTruth(boxes, labels, mask, ignored)

    def take(self, places: slice) -> "GroundTruth":
        ignored = None if self.ignored is None else self.ignored.take(places)
        return GroundTruth(self.boxes[places], self.labels[places], self.mask[places], ignored)

    def __len__(self) -> int:
        return len(self.boxes)


def share_of(count: int, share: tuple[int, int]) -> slice:
    """Which of `count` images are rank r's of n. share: (r, n). Each image is one rank's; a rank may have none."""
    rank, ranks = share
    return slice(count * rank // ranks, count * (rank + 1) // ranks)


@dataclass
class Batch:
    """What the model is fed. images: [B, 3, H, W] float32 RGB in 0–1; names: B file names, or scene names."""

    images: Tensor
    ground_truth: GroundTruth
    names: list[str]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        images = self.images.to(device, non_blocking=non_blocking)
        return Batch(images, self.ground_truth.to(device, non_blocking), self.names)

    def take(self, places: slice) -> "Batch":
        return Batch(self.images[places], self.ground_truth.take(places), self.names[places])

    def __len__(self) -> int:
        return len(self.images)


@dataclass
class Predictions:
    """What the model answers at every anchor point, raw.

    cls_logits: [B, A, C]; box_logits: [B, A, 4, R] over bins of left, top, right, bottom;
    anchor_points: [A, 2] (x, y) px; strides: [A] px.
    Logits in half precision are taken up to float32, so that boxes and losses never are in less.
    """

    cls_logits: Tensor
    box_logits: Tensor
    anchor_points: Tensor
    strides: Tensor

    def __post_init__(self) -> None:
        self.cls_logits = at_least_float32(self.cls_logits)
        self.box_logits = at_least_float32(self.box_logits)

    @cached_property
    @torch.enable_grad()  # kept for later readers: the first one's no_grad must not cut off theirs
    def boxes(self) -> Tensor:
        """[B, A, 4] xyxy px, not clipped to the image."""
        distances = expected_bin(self.box_logits)  # [B, A, 4] in strides
        return distances_to_boxes(distances, self.anchor_points, self.strides)

    @cached_property
    @torch.enable_grad()
    def scores(self) -> Tensor:
        """[B, A, C] in 0–1: an independent sigmoid for each class."""
        return self.cls_logits.sigmoid()


def check_shapes(predictions: Predictions, ground_truth: GroundTruth) -> None:
    """ValueError where the two do not fit together: torch would spread one number over many. No value is looked at."""
    check_predictions(predictions)
    if not isinstance(ground_truth, GroundTruth):
        raise ValueError(f"the ground truth must be a GroundTruth, not a {type(ground_truth).__name__}")
    images = len(predictions.cls_logits)
    objects = ground_truth.boxes.shape[1] if getattr(ground_truth.boxes, "ndim", 0) == 3 else "M"
    _check_shape("true boxes", ground_truth.boxes, images, objects, 4)
    _check_shape("labels", ground_truth.labels, images, objects)
    _check_shape("mask", ground_truth.mask, images, objects)
    if ground_truth.labels.dtype != torch.int64 or ground_truth.mask.dtype != torch.bool:
        dtypes = f"{ground_truth.labels.dtype} and {ground_truth.mask.dtype}"
        raise ValueError(f"labels must be torch.int64 and the mask torch.bool, not {dtypes}")


def check_predictions(predictions: Predictions) -> None:
    """ValueError where the parts do not fit together. No value is looked at."""
    if not isinstance(predictions, Predictions):
        raise ValueError(f"the predictions must be Predictions, not a {type(predictions).__name__}")
    flat = getattr(predictions.cls_logits, "ndim", 0) != 3
    images, points = ("B", "A") if flat else predictions.cls_logits.shape[:2]
    _check_shape("cls_logits", predictions.cls_logits, images, points, "C")
    _check_shape("box_logits", predictions.box_logits, images, points, 4, "R")
    _check_shape("anchor_points", predictions.anchor_points, points, 2)
    _check_shape("strides", predictions.strides, points)
    classes, bins = predictions.cls_logits.shape[-1], predictions.box_logits.shape[-1]
    if not (points and classes and bins > 1):
        raise ValueError(f"A and C must be 1 or more, R 2 or more, not {points}, {classes} and {bins}")


def _check_shape(name: str, tensor: Tensor, *sides: int | str) -> None:
    """sides: their lengths, or letters for those of any length."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{name} must be a tensor [{', '.join(map(str, sides))}], not a {type(tensor).__name__}")
    there = list(tensor.shape)
    if len(there) != len(sides) or any(
        one != side for one, side in zip(there, sides, strict=True) if not isinstance(side, str)
    ):
        raise ValueError(f"{name} must be [{', '.join(map(str, sides))}], not {there}")


@dataclass
class Detections:
    """What is found in one image, best first. boxes: [n, 4] px; scores: [n] in 0–1; labels: [n] int64."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> "Detections":
        return Detections(self.boxes.to(device), self.scores.to(device), self.labels.to(device))

    def take(self, places: Tensor | slice) -> "Detections":
        """places: [n] bool, [m] int64, or a slice."""
        return Detections(self.boxes[places], self.scores[places], self.labels[places])

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass
class Assignment:
    """Which anchor point answers for which object.

    positive: [B, A] bool; object: [B, A] int64 index into M, of no meaning where not positive;
    target_scores: [B, A, C] in 0–1, 0 where not positive, and where a positive point overlaps nothing.
    """

    positive: Tensor
    object: Tensor
    target_scores: Tensor


@dataclass
class LossWeights:
    """How much each loss counts in the total. Each finite and ≥ 0; ValueError otherwise, and the old value stays."""

    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5

    def __setattr__(self, name: str, value: float) -> None:
        if name not in LOSS_NAMES:
            raise AttributeError(f"there is no loss weight {name!r}; the weights are box, cls and dfl")
        try:
            if is_truth_value(value) or isinstance(value, str | bytes):  # float() takes them; a widget would not notice
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"the {name} weight must be a number ≥ 0, not {value!r:.60}") from None
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"the {name} weight must be finite and ≥ 0, not {value!r}")
        object.__setattr__(self, name, number)

    def as_dict(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in LOSS_NAMES}


@dataclass
class Losses:
    """How wrong the predictions were. box, cls, dfl: unweighted 0-d tensors; weights: as they were at that call.

    clipped: how many target sides lay beyond the bins and were moved to their end, 0-d int64.
    """

    box: Tensor
    cls: Tensor
    dfl: Tensor
    weights: LossWeights = field(default_factory=LossWeights)
    clipped: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.weights, LossWeights):
            raise ValueError(f"the weights must be LossWeights(box, cls, dfl), not {self.weights!r:.60}")
        self.weights = replace(self.weights)  # a copy: a slider moved later must not change this result

    @cached_property
    def total(self) -> Tensor:
        """Σ weight · loss, 0-d."""
        return self.weights.box * self.box + self.weights.cls * self.cls + self.weights.dfl * self.dfl

    def backward(self) -> None:
        """Fills `.grad` of every parameter with the slope of the total."""
        self.total.backward()

    def items(self) -> ItemsView[str, float]:
        """Pairs of name and detached float: box, cls, dfl (unweighted) and total. One transfer from the device."""
        names = (*LOSS_NAMES, "total")
        values = torch.stack([getattr(self, name).detach() for name in names]).tolist()
        return dict(zip(names, values, strict=True)).items()
