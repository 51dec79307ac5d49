"""Augmentation: images are flipped, shifted, zoomed and changed in colour, and their boxes with them.

A whole batch is augmented at once, on its own device. torchvision's transforms.v2 draws once for all images of a call;
called for each image, its zoom takes four times as long (16 images of 128 × 128 px). Random numbers are drawn on the
CPU, so that every device sees the same images.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from teachkit.boxes import area, cut, sides
from teachkit.errors import UserError, whole
from teachkit.feed.letterbox import GREY
from teachkit.feed.paste import DRAWS, paste
from teachkit.structures import Batch, GroundTruth

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue. ITU-R BT.601
NARROWEST = 2.0  # px: an object cut down to less cannot be seen


@dataclass(frozen=True)
class AugmentSettings:
    """How far an augmented image may differ from the original. UserError if a value is out of range.

    flip, vertical_flip: probability, 0–1; zoom: smallest and largest factor, 0.1 … 10;
    colour: brightness, contrast and saturation are each multiplied by 1 − colour … 1 + colour, 0–1;
    min_visible: an object is dropped if a smaller share of its box is left in the frame, 0–1;
    paste: probability that an object of another image is pasted in, 0–1 (see paste.py);
    unaugmented_epochs: epochs at the start without augmentation; calm_from: the epoch from which on images are neither
    zoomed nor changed in colour, so that training ends on images like those of validation.
    """

    flip: float = 0.5
    vertical_flip: float = 0.0
    zoom: tuple[float, float] = (0.8, 1.25)
    colour: float = 0.2
    min_visible: float = 0.25
    paste: float = 0.0
    unaugmented_epochs: int = 0
    calm_from: int | None = None

    def __post_init__(self) -> None:
        match self.zoom:
            case (int() | float() as smallest, int() | float() as largest) if 0.1 <= smallest <= largest <= 10:
                pass
            case _:
                raise UserError(f"zoom must be the smallest and the largest factor, 0.1 … 10, not {self.zoom!r}")
        whole("unaugmented_epochs", self.unaugmented_epochs, 0)
        if self.calm_from is not None:
            whole("calm_from", self.calm_from, 0)
        for name in ("flip", "vertical_flip", "colour", "min_visible", "paste"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise UserError(f"{name} of the augmentation must be a number from 0 to 1, not {value!r}")

    def at(self, epoch: int) -> "AugmentSettings | None":
        """The settings of an epoch, counted from 0; None without augmentation."""
        if epoch < self.unaugmented_epochs:
            return None
        calm = self.calm_from is not None and epoch >= self.calm_from
        return replace(self, zoom=(1, 1), colour=0) if calm else self


def flip(images: Tensor, boxes: Tensor, mirrored: Tensor, vertical: bool = False) -> tuple[Tensor, Tensor]:
    """Mirrors images and boxes: left becomes right, or top becomes bottom.

    images: [B, 3, H, W]; boxes: [B, M, 4] px; mirrored: [B] bool, False where an image stays as it is.
    """
    axis = 2 if vertical else 3
    length, which = images.shape[axis], mirrored.nonzero()[:, 0].to(images.device)
    x1, y1, x2, y2 = boxes.unbind(-1)
    turned = (x1, length - y2, x2, length - y1) if vertical else (length - x2, y1, length - x1, y2)
    return (
        images.index_copy(0, which, images.index_select(0, which).flip(axis)),
        torch.where(mirrored.to(boxes.device)[:, None, None], torch.stack(turned, -1), boxes),
    )


def zoom(images: Tensor, boxes: Tensor, factor: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """A crop where factor > 1, a smaller image on grey where factor < 1. Boxes are not clipped.

    images: [B, 3, H, W] in 0–1; boxes: [B, M, 4] px; factor: [B]; shift: [B, 2] in −1 … 1: −1 puts the left (upper)
    edges of image and frame together, 0 the middles, 1 the right (lower) edges.
    """
    height, width = images.shape[2:]
    moved = shift * (1 - factor[:, None])  # of the image's middle, in half frames: [B, 2]
    x, y = (
        ((2 * torch.arange(side, device=images.device) + 1) / side - 1 - moved[:, axis : axis + 1]) / factor[:, None]
        for axis, side in ((0, width), (1, height))
    )  # [B, W] and [B, H]: where each pixel comes from, −1 … 1 over the image
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)  # [B, H, W, 2]
    grey = GREY / 255
    zoomed = F.grid_sample(images - grey, grid, align_corners=False).add_(grey)  # what lies outside is sampled as 0
    frame = images.new_tensor([width, height])
    middle = ((moved + 1) / 2 * frame).repeat(1, 2)[:, None]  # [B, 1, 4] px
    return zoomed, (boxes - frame.repeat(2) / 2) * factor[:, None, None] + middle


def colour(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Brightness, then contrast about the mean grey, then saturation, as one matrix per image.

    images: [B, 3, H, W] in 0–1; brightness, contrast, saturation: [B] factors, 1 for no change.
    """
    weights = images.new_tensor(GREY_WEIGHTS)
    pixels = images.flatten(2)  # [B, 3, H·W]
    mean_grey = pixels.mean(-1) @ weights * brightness  # [B]
    greyed = weights.expand(3, 3)  # of a pixel: each colour becomes the grey
    mixing = torch.lerp(greyed, torch.eye(3, device=images.device), saturation[:, None, None])  # [B, 3, 3]
    lifted = (mean_grey * (1 - contrast))[:, None, None].expand(-1, 3, 1)
    return torch.baddbmm(lifted, mixing * (brightness * contrast)[:, None, None], pixels).clamp_(0, 1).view_as(images)


def clip(ground_truth: GroundTruth, image_size: tuple[int, int], min_visible: float) -> GroundTruth:
    """Cuts boxes at the frame. An object with too little left leaves the mask, and its box and label become 0."""
    boxes = ground_truth.boxes
    clipped = cut(boxes, image_size)
    across, down = sides(clipped)
    kept = ground_truth.mask & (area(clipped) >= min_visible * area(boxes)) & (torch.minimum(across, down) >= NARROWEST)
    return GroundTruth(clipped * kept[..., None], ground_truth.labels * kept, kept)


def augment(
    batch: Batch,
    settings: AugmentSettings,
    generator: torch.Generator,
    sources: Batch | None = None,
    of: tuple[int, slice] | None = None,
) -> Batch:
    """Augments each image by its own random numbers. The given batch is not changed.

    generator: on the CPU; sources: images whose objects may be pasted, None for the batch itself;
    of: where the images are only a share of a batch, how many it has, and which of them they are.
    """
    total, own = (len(batch), slice(None)) if of is None else of
    if settings.paste:
        draws = torch.rand(DRAWS, total, generator=generator)[:, own][:, : len(batch)].to(batch.images.device)
        batch = paste(batch, sources or batch, settings.paste, draws)
    images, truth = batch.images, batch.ground_truth
    draws = torch.rand(8, total, generator=generator)[:, own][:, : len(images)]  # fewer, where one cannot be decoded
    images, boxes = flip(images, truth.boxes, draws[0] < settings.flip)
    if settings.vertical_flip:
        images, boxes = flip(images, boxes, draws[1] < settings.vertical_flip, vertical=True)
    draws = draws.to(images.device)  # after the flips, which need these numbers on the CPU
    if settings.zoom != (1, 1):
        smallest, largest = settings.zoom
        factor = smallest * (largest / smallest) ** draws[2]  # as likely to halve as to double
        images, boxes = zoom(images, boxes, factor, 2 * draws[3:5].T - 1)
    if settings.colour:
        images = colour(images, *(1 + settings.colour * (2 * draws[5:8] - 1)))
    truth = clip(replace(truth, boxes=boxes), (images.shape[2], images.shape[3]), settings.min_visible)
    return Batch(images, truth, batch.names)
