"""A training so small that a step takes about ten milliseconds: for lessons that compare several runs."""

from copy import deepcopy
from functools import cache

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.feed.examples import Examples
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import CLASSES, SceneSettings, make_scenes
from teachkit.learn.optimizer import DEFAULTS
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.scoring import f1_score
from teachkit.structures import Batch, Detections, LossWeights

SIDE, BATCH_SIZE = 64, 8  # px, images
COUNTS = {"train": 128, "val": 24}  # scenes
SCENES = SceneSettings(image_size=SIDE, objects=(1, 2), size=(0.3, 0.6), clutter=0.2)
WIDTHS, NECK = (16, 16, 32), 24  # fewer channels than the usual detector has


@cache
def small_scenes(split: str) -> Examples:
    """128 training or 24 validation scenes of 64 × 64 px. split: "train" or "val"."""
    return make_scenes(COUNTS[split], 0, SCENES, split=split)


@cache
def small_validation_batch() -> Batch:
    """All validation images in one batch, [24, 3, 64, 64]."""
    return next(iter(Loader(small_scenes("val"), "val", COUNTS["val"], SIDE, "cpu", shuffle=False)))


@cache
def _training_batch() -> Batch:
    """All training images in one batch, [128, 3, 64, 64]."""
    return next(iter(Loader(small_scenes("train"), "train", COUNTS["train"], SIDE, "cpu", shuffle=False)))


def for_exam(model: nn.Module) -> nn.Module:
    """A copy in which the statistics of each BatchNorm are those of the training images under the weights of now.

    Running statistics lag behind the weights: after a short run an exam would measure the lag, which hangs on the
    number of steps, and not the weights (Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2).
    """
    copy = deepcopy(model)
    update_bn(_training_batch().images.split(32), copy)
    return copy


def small_detections(model: nn.Module) -> list[Detections]:
    """On the small validation batch, see `for_exam`; none if the weights are no numbers any more."""
    images = small_validation_batch().images
    try:
        return for_exam(model).detect(images)  # type: ignore[operator]
    except UserError:
        return [Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64)) for _ in images]


def small_f1(model: nn.Module) -> float:
    """F1 of `small_detections`, see `f1_score`."""
    return f1_score(small_detections(model), small_validation_batch().ground_truth)


def usual_rate(optimizer: str) -> float:
    """The default learning rate of "adamw" or "sgd". UserError for any other name."""
    if optimizer not in DEFAULTS:
        raise UserError(f"there is no optimizer {optimizer!r}: choose {' or '.join(DEFAULTS)}")
    return DEFAULTS[optimizer][0]


def small_trainer(
    lr: float | None = None,
    optimizer: str = "adamw",
    schedule: str = "constant",
    seed: int = 0,
    *,
    epochs: int | None = None,
    warmup: int | None = None,
    weights: float = 1.0,
    clip: float | None = None,
    scenes: Examples | None = None,
    batch_size: int = BATCH_SIZE,
) -> Trainer:
    """The usual detector, criterion and trainer, with fewer channels, on small images and one thread of the CPU.

    lr: None for the optimizer's default; seed: of the first weights and the order of images; epochs: of 16 steps, for
    the schedule; weights: factor of all three loss weights; scenes: to train on, None for `small_scenes("train")`.
    """
    rate = usual_rate(optimizer) if lr is None else lr
    usual = LossWeights()
    return Trainer(
        Detector(len(CLASSES), device="cpu", widths=WIDTHS, neck=NECK, seed=seed),
        Criterion(LossWeights(**{name: weights * value for name, value in usual.as_dict().items()})),
        Loader(scenes or small_scenes("train"), "train", batch_size, SIDE, "cpu", seed),
        [small_validation_batch()],
        optimizer=optimizer,
        lr=rate,
        schedule=schedule,
        epochs=epochs,
        warmup=warmup,
        clip=clip,
        threads=1,
    )
