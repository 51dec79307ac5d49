"""What a detector believes of an edge that is hidden: a ball is painted over a side of an object.

N objects; sides are left, top, right, bottom; the spread of a side is the standard deviation of its bins, in px.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from teachkit.boxes import expected_bin, iou
from teachkit.feed.detector import Detector
from teachkit.feed.scenery.shapes import PAINTS, paint, shape
from teachkit.structures import Batch, Predictions

COLOUR = np.array(PAINTS[-1], np.float32) / np.float32(255)
MARGIN = 6  # px around the ball, for its outline and its shadow
COVERING = 0.9  # size of a ball that hides a side, as a share of the object's shorter side
LEAST, FITS, SURE = 28, 0.8, 0.5  # px of the shorter side, overlap and score of an object that is seen clearly


@dataclass(frozen=True)
class ClearObject:
    """An object that is seen well. image: [3, H, W]; box: [4] px, the true one; point: the anchor point that fits best;
    score: 0–1, of its class there.
    """

    image: Tensor
    box: Tensor
    label: int
    point: int
    score: float


def cover(image: Tensor, x: float, y: float, size: float) -> Tensor:
    """The picture with a pale ball on it. image: [3, H, W] in 0–1; x, y: its centre, within the picture; size: px."""
    form, room = shape("ball", size, size, (1.0, 0.0), MARGIN), int(size) + 2 * MARGIN
    canvas = np.pad(image.numpy(), ((0, 0), (room, room), (room, room)))
    height, width = form.inside.shape
    paint(canvas, form, round(x - width / 2) + room, round(y - height / 2) + room, COLOUR, 1.0)
    return torch.from_numpy(canvas[:, room:-room, room:-room].copy()).clamp(0, 1)


def spreads(predictions: Predictions, point: int) -> Tensor:
    """[B, 4] px: the spread of the four sides at an anchor point."""
    shares = predictions.box_logits[:, point].softmax(-1)  # [B, 4, R]
    bins = torch.arange(shares.shape[-1], dtype=shares.dtype)
    off = bins - expected_bin(predictions.box_logits[:, point])[..., None]
    return (shares * off.square()).sum(-1).sqrt() * predictions.strides[point]


@torch.no_grad()
def clear_objects(model: Detector, batch: Batch) -> list[ClearObject]:
    """The objects of the batch that are large enough, and that the model is sure of and boxes well."""
    predictions, found = model(batch.images), []
    for number, image in enumerate(batch.images):
        for box, label in zip(*batch.ground_truth.image(number), strict=True):
            overlap = iou(predictions.boxes[number], box)  # [A]
            score = predictions.scores[number, :, label]
            point = int((score * overlap**6).argmax())  # as the assigner chooses
            if min(box[2:] - box[:2]) >= LEAST and overlap[point] >= FITS and score[point] >= SURE:
                found.append(ClearObject(image, box, int(label), point, float(score[point])))
    return found


@torch.no_grad()
def hidden_sides(model: Detector, objects: list[ClearObject]) -> tuple[Tensor, Tensor]:
    """Spreads before, [N, 4], and after, [N, 4, 4]: of all sides, while left, top, right or bottom is hidden."""
    before, after = [], []
    for one in objects:
        x1, y1, x2, y2 = one.box.tolist()
        places = [(x1, (y1 + y2) / 2), ((x1 + x2) / 2, y1), (x2, (y1 + y2) / 2), ((x1 + x2) / 2, y2)]
        covered = [cover(one.image, x, y, COVERING * min(x2 - x1, y2 - y1)) for x, y in places]
        all_five = spreads(model(torch.stack([one.image, *covered])), one.point)
        before.append(all_five[0])
        after.append(all_five[1:])
    return torch.stack(before), torch.stack(after)
