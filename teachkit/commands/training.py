"""What a command trains on, and the Trainer for it."""

import sys
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from teachkit.commands.defaults import Settings, augmentation_for, detector_for, weight_decay_for
from teachkit.errors import UserError, one_line

if TYPE_CHECKING:
    from teachkit.feed.loader import Loader
    from teachkit.learn.trainer import Trainer

VALIDATION_BATCH = 16
PROBLEMS_SHOWN = 10


def data_of(settings: Settings, device: str) -> "tuple[Loader, Loader]":
    """Training and validation batches; what was wrong with the pictures is told on stderr."""
    from teachkit.feed.examples import DataWarning
    from teachkit.learn.resources import choose_threads, keep_freed_memory, use_threads

    keep_freed_memory()
    use_threads(settings.threads or choose_threads())  # from the first picture on: more wait for a core that is busy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # all of it is told here
        training, validation = loaders_of(settings, device)
    if not training.classes:
        raise UserError(f"{settings.data}: has no classes: there is no object in it, and no list of their names")
    for note in dict.fromkeys([*training.notes, *validation.notes]):
        print(one_line(f"note: {note}"), file=sys.stderr)
    problems = list(dict.fromkeys([*training.problems, *validation.problems]))
    for problem in problems[:PROBLEMS_SHOWN]:
        print(problem, file=sys.stderr)
    if len(problems) > PROBLEMS_SHOWN:
        more = len(problems) - PROBLEMS_SHOWN
        print(f"… and {more} more: python -m teachkit data check {settings.data}", file=sys.stderr)
    if in_both := training.shared_with(validation):
        which = f"{in_both} of {len(validation.names)} pictures of {validation.split} are in {training.split} too"
        print(f"warning: the splits overlap: {which}; a score on them flatters", file=sys.stderr)
    return training, validation


def loaders_of(settings: Settings, device: str) -> "tuple[Loader, Loader]":
    from teachkit.feed.augment import AugmentSettings
    from teachkit.feed.formats.layout import same_split
    from teachkit.feed.loader import UNAUGMENTED_EPOCHS, load_data

    divide = same_split(settings.val_split) == "val"  # where there is none, a fifth of train is
    training = load_data(
        settings.data,
        settings.train_split,
        settings.batch_size or VALIDATION_BATCH,
        device=device,
        seed=settings.seed,
        augment=AugmentSettings(unaugmented_epochs=UNAUGMENTED_EPOCHS),
        shuffle=True,
        longest=settings.image_size,
        divide=divide,
    )
    validation = load_data(
        settings.data,
        settings.val_split,
        VALIDATION_BATCH,
        training.image_size,
        device,
        settings.seed,
        augment=False,
        shuffle=False,
        divide=divide,
    )
    return training, validation


def trainer_of(
    settings: Settings,
    training: "Loader",
    validation: "Loader",
    device: str,
    folder: str | None,
    model: dict[str, Any] | None = None,
) -> "Trainer":
    """model: the settings of a saved run's detector; None for those that suit the pictures."""
    from torch.nn import BatchNorm2d

    from teachkit.feed.detector import Detector
    from teachkit.learn.schedule import usual_warmup
    from teachkit.learn.trainer import Trainer
    from teachkit.punish.assigner import TaskAlignedAssigner
    from teachkit.punish.criterion import Criterion
    from teachkit.structures import LOSS_NAMES, LossWeights

    assert training.augment is not None
    training.augment = replace(training.augment, **augmentation_for(len(training.names), settings.epochs))
    if model is None:
        model = {"num_classes": len(training.classes), "seed": settings.seed, **detector_for(training.image_size)}
    detector = Detector(**model, device=device)
    steps = settings.epochs * len(training)
    warmup = None if settings.warmup is None else min(settings.warmup, usual_warmup(steps))
    for part in detector.modules() if settings.norm_momentum is not None else ():
        if isinstance(part, BatchNorm2d):
            part.momentum = settings.norm_momentum
    trainer = Trainer(
        detector,
        Criterion(LossWeights(**settings.given(*LOSS_NAMES)), TaskAlignedAssigner(**settings.given("topk", "beta"))),
        training,
        validation,
        settings.optimizer,
        lr=settings.lr,
        warmup=warmup,
        weight_decay=weight_decay_for(settings.optimizer, len(training.names)),
        until=settings.until,
        save_dir=folder,
        settings=settings.as_dict(),
        threads=settings.threads,
    )
    if settings.precision:  # the averaged weights, which are validated and saved, keep theirs
        detector.half_precision = settings.precision == "bfloat16"
    return trainer
