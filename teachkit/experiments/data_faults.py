"""The small training on data made worse on purpose: one fault at a time, marked by an exam that has none."""

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
from teachkit.learn.records import Record
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.scoring import found_by_class
from teachkit.structures import LOSS_NAMES, Batch

PASSES, FEW, EXAM = 20, 12, 96
CLIP = 10.0  # norm of the gradient, as in a real training
# name → knobs of the training scenes that are turned; "few scenes" turns none, and has FEW scenes over and over
FAULTS: dict[str, dict[str, float]] = {
    "clean": {},
    "loose boxes": {"loose_boxes": 0.4},
    "missing boxes": {"missing_boxes": 0.4},
    "wrong classes": {"wrong_labels": 0.4},
    "few scenes": {},
    "imbalance": {"imbalance": 0.8},
}


def faulty(fault: str, amount: float | None = None) -> SceneSettings:
    """The small scenes with one fault. amount: of its knob, 0–1, else as in FAULTS. UserError for an unknown fault."""
    if fault not in FAULTS:
        raise UserError(f"there is no fault {fault!r}: choose from {', '.join(FAULTS)}")
    knobs: dict[str, Any] = {name: usual if amount is None else amount for name, usual in FAULTS[fault].items()}
    return replace(SCENES, **knobs)


@cache
def exam() -> Batch:
    """96 scenes without a fault, in one batch [96, 3, 64, 64]."""
    return next(iter(Loader(make_scenes(EXAM, 0, SCENES, split="val"), "val", EXAM, SIDE, "cpu", shuffle=False)))


def practice(fault: str, seed: int = 0) -> Examples:
    """Training scenes with the fault: another set for each seed."""
    return make_scenes(FEW if fault == "few scenes" else COUNTS["train"], seed, faulty(fault))


def learn_from(fault: str, seed: int = 0, passes: int = PASSES) -> Record:
    """Trains anew, the same number of steps whatever the fault; the exam is sat after each pass.

    → {"kind": "run", "fault", "seed", "found", "objects", "per_class" (found of each class, of how many),
    "box", "cls", "dfl" and "val_box" …: means of each pass}. About 10 s for 20 passes.
    """
    marks = exam()
    trainer = small_trainer(seed=seed, clip=CLIP, scenes=practice(fault, seed))
    run: Record = {"kind": "run", "fault": fault, "seed": seed}
    run |= {name: [] for name in (*LOSS_NAMES, *(f"val_{loss}" for loss in LOSS_NAMES))}
    steps = COUNTS["train"] // BATCH_SIZE
    for _ in range(passes):
        records = [trainer.step() for _ in range(steps)]
        for name, value in _mark(trainer, marks).items():
            run[f"val_{name}"].append(value)
        for name in LOSS_NAMES:
            run[name].append(sum(record[name] for record in records) / steps)
    detections = trainer.model.detect(marks.images)  # type: ignore[operator]
    run["per_class"] = found_by_class([detections], [marks.ground_truth], len(CLASSES))
    run["found"], run["objects"] = (sum(column) for column in zip(*run["per_class"], strict=True))
    return run


def last_values(runs: Sequence[Record], fault: str, name: str) -> list[float]:
    """Of each run with that fault: "found", or a loss such as "cls" or "val_cls" after its last pass."""
    values = [run[name] for run in runs if run["fault"] == fault]
    return [value[-1] if isinstance(value, list) else value for value in values]


def _mark(trainer: Trainer, marks: Batch) -> dict[str, float]:
    """The three losses on the exam, of the weights as they are now."""
    with eval_mode(trainer.model), torch.no_grad():
        losses = Criterion()(trainer.model(marks.images), marks.ground_truth)
    return {name: value for name, value in losses.items() if name in LOSS_NAMES}
