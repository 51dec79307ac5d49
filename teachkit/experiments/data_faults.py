"""The small training on scenes with one kind of data fault, validated on scenes without any."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from teachkit.errors import UserError
from teachkit.experiments.small import BATCH_SIZE, COUNTS, SCENES, SIDE, small_trainer
from teachkit.feed.decode import eval_mode
from teachkit.feed.examples import Examples
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import CLASSES, SceneSettings, make_scenes
from teachkit.learn.log import Record
from teachkit.learn.trainer import Trainer
from teachkit.learn.validation import SCORE_THRESHOLD
from teachkit.punish.criterion import Criterion
from teachkit.scoring import score
from teachkit.structures import LOSS_NAMES, Batch

EPOCHS, FEW, VALIDATION_SCENES = 20, 12, 96
CLIP = 10.0  # norm of the gradient, as in a real training
# fault → the settings of the training scenes that differ; "few scenes" has none, but only FEW scenes
FAULTS: dict[str, dict[str, float]] = {
    "clean": {},
    "loose boxes": {"loose_boxes": 0.4},
    "missing boxes": {"missing_boxes": 0.4},
    "wrong classes": {"wrong_labels": 0.4},
    "few scenes": {},
    "imbalance": {"imbalance": 0.8},
}


def fault_settings(fault: str, amount: float | None = None) -> SceneSettings:
    """Settings of the small scenes with a fault. amount: 0–1, None for that in FAULTS. UserError if unknown."""
    if fault not in FAULTS:
        raise UserError(f"there is no fault {fault!r}: choose from {', '.join(FAULTS)}")
    knobs: dict[str, Any] = {name: usual if amount is None else amount for name, usual in FAULTS[fault].items()}
    return replace(SCENES, **knobs)


@cache
def clean_validation_batch() -> Batch:
    """All 96 validation scenes, without a fault, in one batch [96, 3, 64, 64]."""
    scenes = make_scenes(VALIDATION_SCENES, 0, SCENES, split="val")
    return next(iter(Loader(scenes, "val", VALIDATION_SCENES, SIDE, "cpu", shuffle=False)))


def training_scenes(fault: str, seed: int = 0) -> Examples:
    """Training scenes with the fault. Each seed makes other scenes."""
    return make_scenes(FEW if fault == "few scenes" else COUNTS["train"], seed, fault_settings(fault))


def train_with_fault(fault: str, seed: int = 0, epochs: int = EPOCHS) -> Record:
    """Trains a new detector and validates it after each epoch of 16 steps, whatever the number of scenes.

    → {"kind": "run", "fault", "seed", "map50" and "map50_per_class" (of the validation batch at the end),
    "detections" (boxes above a score of 0.25 in it), "box", "cls", "dfl" and "val_box" …: a mean for each epoch}.
    About 10 s for 20 epochs.
    """
    validation = clean_validation_batch()
    trainer = small_trainer(seed=seed, clip=CLIP, scenes=training_scenes(fault, seed))
    run: Record = {"kind": "run", "fault": fault, "seed": seed}
    run |= {name: [] for name in (*LOSS_NAMES, *(f"val_{loss}" for loss in LOSS_NAMES))}
    steps = COUNTS["train"] // BATCH_SIZE
    for _ in range(epochs):
        records = [trainer.step() for _ in range(steps)]
        for name, value in _validation_losses(trainer, validation).items():
            run[f"val_{name}"].append(value)
        for name in LOSS_NAMES:
            run[name].append(sum(record[name] for record in records) / steps)
    detections = trainer.model.detect(validation.images, SCORE_THRESHOLD)  # type: ignore[operator]
    scores = score(detections, validation.ground_truth, CLASSES)
    run["map50"], run["map50_per_class"] = scores.map50, {name: one.map50 for name, one in scores.per_class.items()}
    run["detections"] = sum(int((one.scores > 0.25).sum()) for one in detections)
    return run


def final_values(runs: Sequence[Record], fault: str, name: str) -> list[float]:
    """A metric at the end of each run with the fault. name: "map50", or a loss such as "cls" or "val_cls"."""
    values = [run[name] for run in runs if run["fault"] == fault]
    return [value[-1] if isinstance(value, list) else value for value in values]


def _validation_losses(trainer: Trainer, validation: Batch) -> dict[str, float]:
    """The three unweighted losses of the current weights on the validation batch."""
    with eval_mode(trainer.model), torch.no_grad():
        losses = Criterion()(trainer.model(validation.images), validation.ground_truth)
    return {name: value for name, value in losses.items() if name in LOSS_NAMES}
