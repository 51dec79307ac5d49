"""A small anchor-free detector in plain torch.nn.

image ─ backbone ─ neck (adds coarser maps to finer ones) ─ head at every anchor point:
        class logits [C] and, for left, top, right and bottom, logits over R bins
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from teachkit.boxes import anchor_points
from teachkit.errors import UserError, whole
from teachkit.feed.decode import decode, eval_mode
from teachkit.feed.device import native_bfloat16, pick_device
from teachkit.feed.seeds import shifted
from teachkit.structures import Detections, Predictions

# The share of anchor points expected to be positive at the start: a model that says "nothing here"
# nearly everywhere begins with a small class loss. Lin et al. 2017, arXiv 1708.02002, section 3.3.
PRIOR = 0.01
# Each bin's logit starts this much below the one before: first boxes reach about 3 strides to each side. With equal
# bins they would reach 7.5, farther than most objects, and training would first have to shrink them.
FIRST_SLOPE = 0.3
# Channels of the map at each stride; a detector has as many maps as its coarsest stride needs.
POSSIBLE_STRIDES = (4, 8, 16, 32, 64)
WIDTHS = (24, 48, 96, 128, 160)
MOST_CHANNELS = 2048  # and as many classes: larger ones would fill the memory, and are not loaded again
# Mean and standard deviation of photographs, rounded and equal for the three colours.
MEAN, SPREAD = 0.45, 0.25


def convolution(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int | None = None
) -> nn.Sequential:
    """Convolution, batch normalisation, SiLU. [B, inputs, H, W] → [B, outputs, H / stride, W / stride]."""
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.03, eps=1e-3),
        nn.SiLU(),
    )


class Residual(nn.Module):
    """Two convolutions whose result is added to their input. He et al. 2016, arXiv 1512.03385."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(width, width // 2, kernel=1), convolution(width // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Backbone(nn.Module):
    """Convolves patches, then halves the map at each stage → the maps at the wanted strides, finest first."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.strides = tuple(strides)
        # One step to a quarter of each side: convolutions at full size cost the most and see the least.
        stages = [convolution(3, widths[0], kernel=6, stride=4, padding=1)]
        for before, after in itertools.pairwise(widths):
            stages.append(nn.Sequential(convolution(before, after, stride=2), Residual(after)))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stride, stage in zip(POSSIBLE_STRIDES, self.stages, strict=False):
            x = stage(x)  # [B, width, H / stride, W / stride]
            if stride in self.strides:
                maps.append(x)
        return maps


class Neck(nn.Module):
    """Top-down feature pyramid: the coarser map is added to each map. Lin et al. 2017, arXiv 1612.03144."""

    def __init__(self, inputs: Sequence[int], width: int) -> None:
        super().__init__()
        self.sideways = nn.ModuleList(convolution(one, width, kernel=1) for one in inputs)
        self.smooth = nn.ModuleList(convolution(width, width) for _ in inputs)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        merged = [sideways(one) for sideways, one in zip(self.sideways, maps, strict=True)]
        for level in range(len(merged) - 2, -1, -1):
            coarser = F.interpolate(merged[level + 1], size=merged[level].shape[-2:], mode="nearest")
            merged[level] = merged[level] + coarser
        return [smooth(one) for smooth, one in zip(self.smooth, merged, strict=True)]


class Head(nn.Module):
    """One branch for classes and one for box sides, shared by all strides."""

    def __init__(self, width: int, num_classes: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        to_classes, to_bins = nn.Conv2d(width, num_classes, 1), nn.Conv2d(width, 4 * bins, 1)
        self.cls_branch = nn.Sequential(convolution(width, width), to_classes)
        self.box_branch = nn.Sequential(convolution(width, width), to_bins)
        assert to_classes.bias is not None
        assert to_bins.bias is not None
        nn.init.constant_(to_classes.bias, -math.log((1 - PRIOR) / PRIOR))
        with torch.no_grad():
            to_bins.bias.copy_(-FIRST_SLOPE * torch.arange(bins).repeat(4))

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        # [B, channels, h, w] → [B, h·w, channels], the strides one after the other
        cls_logits = torch.cat([self.cls_branch(one).flatten(2).transpose(1, 2) for one in maps], 1)  # [B, A, C]
        box_logits = torch.cat([self.box_branch(one).flatten(2).transpose(1, 2) for one in maps], 1)  # [B, A, 4·R]
        return cls_logits, box_logits.unflatten(-1, (4, self.bins))


def _kind(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    layout = "" if value.layout is torch.strided else f" {str(value.layout).removeprefix('torch.')}"
    return f"{list(value.shape)} {value.dtype}{layout} on {value.device}"


def strange_pixels(images: Tensor) -> str | None:
    """Why these are hardly images with floats in 0–1, in a sentence; None if they may be. Waits for the device."""
    if not isinstance(images, Tensor) or images.is_complex() or images.layout is not torch.strided:
        return f"images must be a tensor [B, 3, H, W] of floats in 0–1, not {_kind(images)}"
    if not images.numel():
        return None
    lowest, highest = map(float, images.aminmax())
    if lowest < -0.5:
        return f"images must hold floats in 0–1, not down to {lowest:g}: the model normalises them itself"
    if highest > 2:  # a brightened image may be a little over 1
        return f"images must hold floats in 0–1, not up to {highest:g}: divide them by 255"
    return None


class Detector(nn.Module):
    """Predicts a box and a score per class at every anchor point.

    num_classes: C; strides: px between anchor points, of 4, 8, 16, 32, 64, finest first; bins: R per box side;
    widths: channels of the maps at strides 4, 8, 16 … up to the coarsest; neck: channels of neck and head;
    device: "auto", "cpu", "cuda", "mps"; seed: of the first weights.
    UserError if the strides are not possible ones or the widths do not fit them.
    channels_last: whether pictures are laid out so, which most machines compute the fastest, but vmap cannot.
    """

    channels_last = True

    classes: list[str]  # and (height, width) of the pictures: a detector knows them once it is loaded from a saved run
    image_size: tuple[int, int]

    def __init__(
        self,
        num_classes: int,
        strides: Sequence[int] = (8, 16),
        bins: int = 16,
        device: str | torch.device = "auto",
        seed: int = 0,
        widths: Sequence[int] | None = None,
        neck: int = 48,
    ) -> None:
        super().__init__()
        if isinstance(strides, int) or not strides or list(strides) != sorted(set(strides) & set(POSSIBLE_STRIDES)):
            raise UserError(f"strides {strides!r:.60}: choose from {POSSIBLE_STRIDES}, each once and finest first")
        depth = POSSIBLE_STRIDES.index(strides[-1]) + 1
        widths = (
            WIDTHS[:depth] if widths is None else tuple(whole("a width", width, 2, MOST_CHANNELS) for width in widths)
        )
        if len(widths) != depth:
            raise UserError(f"widths {widths}: for a coarsest stride of {strides[-1]} px there must be {depth} of them")
        self.num_classes, self.bins = (
            whole("num_classes", num_classes, 1, MOST_CHANNELS),
            whole("bins", bins, 2, MOST_CHANNELS),
        )
        self.strides, self.seed = tuple(strides), whole("seed", seed, 0)
        self.widths, self.neck_width = widths, whole("neck", neck, 1, MOST_CHANNELS)

        with torch.random.fork_rng(devices=[]):  # torch.nn draws its first weights from the global generator
            torch.manual_seed(shifted(seed))
            self.backbone = Backbone(widths, strides)
            self.neck = Neck([widths[POSSIBLE_STRIDES.index(stride)] for stride in strides], neck)
            self.predictor = Head(neck, num_classes, bins)
        self._points: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        chosen = pick_device(device)
        self.half_precision = chosen.type == "cuda" and native_bfloat16(chosen)
        self.to(chosen).to(memory_format=torch.channels_last)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def settings(self) -> dict[str, Any]:
        """What rebuilds the model: `Detector(**settings)`."""
        return {
            "num_classes": self.num_classes,
            "strides": list(self.strides),
            "bins": self.bins,
            "seed": self.seed,
            "widths": list(self.widths),
            "neck": self.neck_width,
        }

    def features(self, images: Tensor) -> list[Tensor]:
        """The neck's maps. images: [B, 3, H, W] in 0–1 → one map [B, neck, H / stride, W / stride] for each stride."""
        self._check(images)
        normalised = (images - MEAN).mul_(1 / SPREAD)
        if self.channels_last:
            if self.half_precision and normalised.dtype == torch.float32:  # half as many bytes to lay out anew
                normalised = normalised.to(torch.bfloat16)
            normalised = normalised.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_precision):
            return self.neck(self.backbone(normalised))

    def head(self, features: list[Tensor]) -> Predictions:
        """features: one map per stride, as from `features` → Predictions, in float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_precision):
            cls_logits, box_logits = self.predictor(features)
        height, width = (side * self.strides[0] for side in features[0].shape[-2:])
        points, strides = self._anchor_points(height, width)
        return Predictions(cls_logits.float(), box_logits.float(), points, strides)

    def forward(self, images: Tensor) -> Predictions:
        """images: [B, 3, H, W] float32 RGB in 0–1, H and W multiples of the largest stride → Predictions."""
        return self.head(self.features(images))

    @torch.no_grad()
    def detect(
        self, images: Tensor, score_threshold: float = 0.25, iou_threshold: float = 0.7, limit: int = 100
    ) -> list[Detections]:
        """images: [B, 3, H, W] in 0–1 → Detections of each image above the score threshold, after NMS per class.

        limit: detections per class and image. Boxes are clipped to the image. UserError on pixels that are not in 0–1,
        on a threshold that is not in 0–1, and where the model's answers are NaN.
        """
        if (reason := strange_pixels(images)) is not None:
            raise UserError(reason)
        with eval_mode(self):
            predictions = self(images.to(self.device))
        height, width = images.shape[-2:]
        return decode(predictions, (height, width), score_threshold, iou_threshold, limit)

    def _check(self, images: Tensor) -> None:
        coarsest = self.strides[-1]
        first = next(self.parameters())
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3 or images.dtype != first.dtype:
            raise UserError(f"images must be [B, 3, H, W] {first.dtype} in 0–1, not {_kind(images)}")
        if images.device != first.device or images.layout is not torch.strided:
            raise UserError(f"the model is on {first.device} and takes no images {_kind(images)}: images.to(device)")
        if images.shape[2] % coarsest or images.shape[3] % coarsest or 0 in images.shape[2:]:
            height, width = images.shape[2:]
            raise UserError(f"pictures of {height} × {width} px: both sides must be multiples of {coarsest}")
        if self.training and images[:, 0].numel() == coarsest**2:
            raise UserError(
                f"one picture of {coarsest} × {coarsest} px is one number per channel at stride {coarsest}, too few "
                "to normalise while training: take larger pictures, or more of them at once"
            )

    def _anchor_points(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False):  # cached for later calls, which may need a gradient
            if (height, width) not in self._points:
                self._points[height, width] = anchor_points((height, width), self.strides, self.device)
            points, strides = self._points[height, width]
            if points.device != self.device:  # the model was moved since
                points, strides = self._points[height, width] = (points.to(self.device), strides.to(self.device))
        return points, strides
