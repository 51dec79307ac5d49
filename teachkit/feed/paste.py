"""Copy-paste augmentation: small objects of source images are pasted into a batch.

It helps small data sets and rare classes. Ghiasi et al. 2021, arXiv 2012.07177, cut along the outlines of objects. Here
only boxes are known: a pasted patch fades out around its box, and its brightness is fitted to its new surroundings.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from teachkit.boxes import sides
from teachkit.structures import Batch, GroundTruth

MARGIN = 3  # px around the box in which a patch fades out
TRIES = 5  # random places per image; if objects lie on all of them, nothing is pasted
DRAWS = 2 + 2 * TRIES  # random numbers for each image


def paste(batch: Batch, sources: Batch, chance: float, draws: Tensor) -> Batch:
    """Pastes at most one object of the source images into each image, where no other object lies → M + 1 objects.

    batch: images [B, 3, H, W] in 0–1, boxes [B, M, 4] px; sources: the same, of any number of images; without objects
    the batch comes back as it is; chance: that an image gets an object, 0–1; draws: [DRAWS, B] random numbers in 0–1:
    whether, which object, where. An object must fit into a third of the shorter side. Rare classes are more likely.
    """
    images, truth, theirs = batch.images, batch.ground_truth, sources.ground_truth
    if not theirs.labels.numel():
        return batch
    height, width = images.shape[2:]
    side = min(height, width) // 3
    who, known = _chosen(theirs, draws[1], height, width, side)  # [B], into the objects of all source images
    box = theirs.boxes.flatten(0, 1).index_select(0, who)  # [B, 4]
    room = images.new_tensor([width, height]) - 2 * MARGIN - torch.stack(sides(box), -1)  # [B, 2]
    places = MARGIN + draws[2:].T.unflatten(1, (TRIES, 2)) * room[:, None]  # [B, TRIES, 2] px, upper left
    shifts = (places - box[:, None, :2]).ceil()  # whole pixels, so that none has to be mixed from its neighbours
    free = ~_covered(box[:, None] + shifts.repeat(1, 1, 2), truth)
    shift = shifts.gather(1, free.int().argmax(1)[:, None, None].expand(-1, 1, 2))[:, 0]  # [B, 2]: to the first one
    moved = box + shift.repeat(1, 2)
    wanted = ((draws[0] < chance) & known & free.any(1))[:, None]  # [B, 1]
    corner = ((moved[:, :2] + moved[:, 2:] - side) / 2).floor()  # [B, 2] of the pixels that may change, each once
    corner = torch.minimum(corner.clamp(min=0), images.new_tensor([width, height]) - side)
    patches = _cut(sources.images, who // theirs.labels.shape[1], corner - shift, side)
    label = theirs.labels.flatten().index_select(0, who)[:, None]
    more = GroundTruth(
        torch.cat([truth.boxes, (moved * wanted)[:, None]], 1),
        torch.cat([truth.labels, label * wanted], 1),
        torch.cat([truth.mask, wanted], 1),
    )
    return Batch(_blend(images, patches, corner, moved, wanted), more, batch.names)


def rarity(labels: Sequence[Tensor]) -> Tensor:
    """How likely each image is as a source, [N], not normalised: the rarer the classes of its objects, the more likely.

    labels: [n] int64 of each of N images. All 1 if there are no objects.
    """
    counts = torch.bincount(torch.cat([*labels, torch.zeros(0, dtype=torch.int64)])).double()
    wanted = torch.stack([(1 / counts[one] ** 2).sum() for one in labels])
    return wanted if wanted.any() else torch.ones_like(wanted)


def _chosen(truth: GroundTruth, draw: Tensor, height: int, width: int, side: int) -> tuple[Tensor, Tensor]:
    """An object for each image → its index among all objects [B], and whether any object can be pasted [B] bool."""
    boxes, labels = truth.boxes.flatten(0, 1), truth.labels.flatten()
    x1, y1, x2, y2 = boxes.unbind(-1)
    inside = (
        torch.stack([x1, y1, width - x2, height - y2]).amin(0) >= MARGIN
    )  # an object cut by the frame would look cut in the new place
    small = torch.stack(sides(boxes)).amax(0) <= side - 2 * MARGIN
    able = truth.mask.flatten() & inside & small
    alike = ((labels[:, None] == labels) & able).sum(1)  # of each object's class
    sums = (able / alike.clamp(min=1) ** 2).cumsum(0)  # the fewer objects a class has, the more likely it is
    who = torch.searchsorted(sums, draw * sums[-1], right=True).clamp(max=len(sums) - 1)
    return who, able.index_select(0, who)


def _covered(boxes: Tensor, truth: GroundTruth) -> Tensor:
    """Which boxes [B, n, 4] share a pixel with an object of their image. → [B, n] bool."""
    upper_left = torch.maximum(boxes[:, :, None, :2], truth.boxes[:, None, :, :2])  # [B, n, M, 2]
    lower_right = torch.minimum(boxes[:, :, None, 2:], truth.boxes[:, None, :, 2:])
    return ((lower_right > upper_left).all(-1) & truth.mask[:, None]).any(-1)


def _pixels(corner: Tensor, side: int, height: int, width: int) -> Tensor:
    """Indices into the flattened image of the pixels of squares. corner: [B, 2] upper left px → [B, side²]."""
    steps = torch.arange(side, device=corner.device)
    columns, rows = (
        (corner.long()[:, axis, None] + steps).clamp(0, most - 1) for axis, most in ((0, width), (1, height))
    )  # [B, side]
    return (rows[:, :, None] * width + columns[:, None]).flatten(1)


def _cut(images: Tensor, which: Tensor, corner: Tensor, side: int) -> Tensor:
    """Cuts out squares; edge pixels repeat outside the image. which: [B] of N; corner: [B, 2] px → [B, 3, side²]."""
    height, width = images.shape[2:]
    channels = 3 * which[:, None] + torch.arange(3, device=which.device)  # [B, 3]
    places = (
        channels[..., None] * height * width + _pixels(corner, side, height, width)[:, None]
    )  # into all images, flattened
    return images.flatten().index_select(0, places.flatten()).view_as(places)


def _blend(images: Tensor, patches: Tensor, corner: Tensor, boxes: Tensor, wanted: Tensor) -> Tensor:
    """Blends patches [B, 3, side²] into images, upper left at [B, 2] px. boxes: [B, 4] px; wanted: [B, 1] bool."""
    side = round(patches.shape[2] ** 0.5)
    there = _cut(images, torch.arange(len(images), device=images.device), corner, side)
    steps = torch.arange(side, device=images.device) + 0.5
    across, down = (
        ((corner[:, axis, None] + steps - (boxes[:, axis, None] + boxes[:, axis + 2, None]) / 2).abs())
        / ((boxes[:, axis + 2, None] - boxes[:, axis, None]) / 2 + MARGIN)
        for axis in (0, 1)
    )  # [B, side]: 0 in the middle of the box, 1 where the margin ends
    rim = (across[:, None] ** 4 + down[:, :, None] ** 4).flatten(1)[:, None]  # [B, 1, side²]: rounded corners
    share = (4 * (1 - rim.sqrt())).clamp(0, 1)  # 1 inside, 0 outside
    around = (torch.maximum(across[:, None], down[:, :, None]).flatten(1)[:, None] <= 1) & (share < 1)
    lift = ((there - patches) * around).sum(2, keepdim=True) / around.sum(2, keepdim=True).clamp(min=1)
    mixed = torch.lerp(there, (patches + lift).clamp(0, 1), share * wanted[..., None])
    pixels = _pixels(corner, side, *images.shape[2:])
    return images.flatten(2).scatter(2, pixels[:, None].expand(-1, 3, -1), mixed).view_as(images)
