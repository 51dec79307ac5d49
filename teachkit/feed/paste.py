"""Small objects of one picture shown in another: for sets of few pictures, and for classes of few objects.

Ghiasi et al. 2021, arXiv 2012.07177, cut along the outlines of objects. Here there are only boxes: what is pasted fades
out around its box, and is as bright there as the place where it comes to lie.
"""

import torch
from torch import Tensor

from teachkit.boxes import sides
from teachkit.structures import GroundTruth

MARGIN = 3  # px around the box within which a patch fades out
TRIES = 5  # places looked at; if others lie on all of them, nothing is pasted
DRAWS = 2 + 2 * TRIES  # random numbers for each image


def paste(images: Tensor, truth: GroundTruth, chance: float, draws: Tensor) -> tuple[Tensor, GroundTruth]:
    """Into each image, by chance, one object of the batch where no other lies → M + 1 objects, if M is not 0.

    images: [B, 3, H, W] in 0–1; truth: boxes [B, M, 4] px; chance: 0–1; draws: [DRAWS, B] in 0–1: whether, who, where.
    Only objects that fit into a third of the shorter side; a class is as likely as it has few of them in the batch.
    """
    if not truth.labels.numel():
        return images, truth
    height, width = images.shape[2:]
    side = min(height, width) // 3
    who, known = _chosen(truth, draws[1], height, width, side)  # [B], into B · M
    box = truth.boxes.flatten(0, 1).index_select(0, who)  # [B, 4]
    room = images.new_tensor([width, height]) - side
    source = torch.minimum(((box[:, :2] + box[:, 2:] - side) / 2).floor().clamp(min=0), room)  # [B, 2] upper left
    places = (draws[2:].T.unflatten(1, (TRIES, 2)) * (room + 1)).floor()  # [B, TRIES, 2] upper left
    candidates = (box - source.repeat(1, 2))[:, None] + places.repeat(1, 1, 2)  # [B, TRIES, 4] px
    free = ~_covered(candidates, truth)
    first = free.int().argmax(1)[:, None, None]  # [B, 1, 1]
    place, moved = places.gather(1, first.expand(-1, 1, 2))[:, 0], candidates.gather(1, first.expand(-1, 1, 4))
    wanted = ((draws[0] < chance) & known & free.any(1))[:, None]  # [B, 1]
    patches = _cut(images, who // truth.labels.shape[1], _pixels(source, side, width))
    label = truth.labels.flatten().index_select(0, who)[:, None]
    return _blend(images, patches, place, moved[:, 0], wanted), GroundTruth(
        torch.cat([truth.boxes, moved * wanted[..., None]], 1),
        torch.cat([truth.labels, label * wanted], 1),
        torch.cat([truth.mask, wanted], 1),
    )


def _chosen(truth: GroundTruth, draw: Tensor, height: int, width: int, side: int) -> tuple[Tensor, Tensor]:
    """An object for each image: its place in B · M, and whether there is one that can be pasted at all."""
    boxes, labels = truth.boxes.flatten(0, 1), truth.labels.flatten()
    x1, y1, x2, y2 = boxes.unbind(-1)
    inside = torch.stack([x1, y1, width - x2, height - y2]).amin(0) >= MARGIN  # cut off, it would look so elsewhere
    small = torch.stack(sides(boxes)).amax(0) <= side - 2 * MARGIN
    able = truth.mask.flatten() & inside & small  # [B · M]
    alike = ((labels[:, None] == labels) & able).sum(1)  # of each object's class
    sums = (able / alike.clamp(min=1) ** 2).cumsum(0)  # a class as likely as its objects are few
    who = torch.searchsorted(sums, draw * sums[-1], right=True).clamp(max=len(sums) - 1)
    return who, able.index_select(0, who)


def _covered(boxes: Tensor, truth: GroundTruth) -> Tensor:
    """Which boxes [B, n, 4] have a pixel in common with an object of their image. → [B, n] bool."""
    upper_left = torch.maximum(boxes[:, :, None, :2], truth.boxes[:, None, :, :2])  # [B, n, M, 2]
    lower_right = torch.minimum(boxes[:, :, None, 2:], truth.boxes[:, None, :, 2:])
    return ((lower_right > upper_left).all(-1) & truth.mask[:, None]).any(-1)


def _pixels(corner: Tensor, side: int, width: int) -> Tensor:
    """Of squares by their upper left corners [B, 2], as places in the rows of an image one after the other: [B, P]."""
    steps = torch.arange(side, device=corner.device)
    columns, rows = (corner.long()[:, axis, None] + steps for axis in (0, 1))  # [B, side]
    return (rows[:, :, None] * width + columns[:, None]).flatten(1)


def _cut(images: Tensor, which: Tensor, pixels: Tensor) -> Tensor:
    """images: [N, 3, H, W]; which: [B] of them; pixels: [B, P] → [B, 3, P]."""
    channels = 3 * which[:, None] + torch.arange(3, device=which.device)  # [B, 3]
    places = channels[..., None] * images[0, 0].numel() + pixels[:, None]  # [B, 3, P] into all that there is
    return images.flatten().index_select(0, places.flatten()).view_as(places)


def _blend(images: Tensor, patches: Tensor, corner: Tensor, boxes: Tensor, wanted: Tensor) -> Tensor:
    """patches: [B, 3, side²], with their upper left corners at [B, 2]; boxes: [B, 4] px; wanted: [B, 1] bool."""
    side = round(patches.shape[2] ** 0.5)
    pixels = _pixels(corner, side, images.shape[3])
    there = _cut(images, torch.arange(len(images), device=images.device), pixels)
    steps = torch.arange(side, device=images.device) + 0.5
    across, down = (
        ((corner[:, axis, None] + steps - (boxes[:, axis, None] + boxes[:, axis + 2, None]) / 2).abs())
        / ((boxes[:, axis + 2, None] - boxes[:, axis, None]) / 2 + MARGIN)
        for axis in (0, 1)
    )  # [B, side]: 0 in the middle of the box, 1 where the margin ends
    rim = (across[:, None] ** 4 + down[:, :, None] ** 4).flatten(1)[:, None]  # [B, 1, side²]: round, and yet full
    share = (4 * (1 - rim.sqrt())).clamp(0, 1)  # 1 inside, 0 outside
    around = (torch.maximum(across[:, None], down[:, :, None]).flatten(1)[:, None] <= 1) & (share < 1)
    lift = ((there - patches) * around).sum(2, keepdim=True) / around.sum(2, keepdim=True).clamp(min=1)
    mixed = torch.lerp(there, (patches + lift).clamp(0, 1), share * wanted[..., None])
    return images.flatten(2).scatter(2, pixels[:, None].expand(-1, 3, -1), mixed).view_as(images)
