"""`train`: the whole loop with a progress bar, a log, and pictures of what came out."""

import argparse
import sys
import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from teachkit.errors import UserError, one_line
from teachkit.learn.defaults import Settings, augmentation_for, detector_for, weight_decay_for

if TYPE_CHECKING:
    from teachkit.commands.records import Records
    from teachkit.feed.detector import Detector
    from teachkit.feed.loader import Loader
    from teachkit.learn.trainer import Trainer

NEW_ON_RESUME = ("epochs", "until", "log", "device", "data")
VALIDATION_BATCH = 16
PROBLEMS_SHOWN = 10
PICTURES_DRAWN = 12
EXIT_CODES = {"until": 0, "epochs": 0, "early_stop": 0, "diverged": 3, "interrupted": 130}


def run(arguments: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(arguments).items() if value is not None and name != "command"}
    log, device = given.pop("log", None), given.pop("device", "auto")
    with ExitStack() as held:
        trainer, records = (_resume if "resume" in given else _begin)(given, log, device, held)
        try:
            reason = trainer.fit(total_epochs=records.epochs)["reason"]
        finally:
            records.close()
        if trainer.checkpointer is not None:
            _draw(trainer, records.history, trainer.checkpointer.folder)
    missed = trainer.goal.until is not None and reason in ("epochs", "early_stop")
    return 1 if missed else EXIT_CODES[reason]


def _begin(given: dict[str, Any], log: str | None, device: str, held: ExitStack) -> "tuple[Trainer, Records]":
    from teachkit.commands.records import Records
    from teachkit.learn.saving import alone_in

    folder = given.pop("save", None)
    settings = Settings(**given)
    training, validation = _data(settings, device)
    settings = replace(settings.for_pictures(len(training.names)), image_size=max(training.image_size))
    training.batch_size = settings.batch_size
    if folder is not None:
        held.enter_context(alone_in(Path(folder)))
    trainer = _trainer(settings, training, validation, device, folder)
    if trainer.checkpointer is not None:
        trainer.checkpointer.put_aside()  # now, for its log is written from the first step on
    records = Records(_log_files(log, folder), len(training), settings.epochs)
    trainer.on_record = records.take
    return trainer, records


def _resume(given: dict[str, Any], log: str | None, device: str, held: ExitStack) -> "tuple[Trainer, Records]":
    from teachkit.commands.records import Records
    from teachkit.learn.checkpoint import load_run
    from teachkit.learn.saving import alone_in

    folder = given.pop("resume")
    refused = ", ".join(f"--{name.replace('_', '-')}" for name in given if name not in NEW_ON_RESUME)
    if refused:
        raise UserError(
            f"a run goes on as it began: only --epochs --until --log --device --data go with --resume, not {refused}"
        )
    if Path(folder).is_dir():
        held.enter_context(alone_in(Path(folder)))  # before reading: what another is about to save is not in it
    saved = load_run(folder)
    if "data" not in saved.settings:
        raise UserError(f"{folder}: this training was not begun by `train`: go on with it where its Trainer was made")
    settings = replace(Settings(**saved.settings), threads=saved.state["machine"]["threads"], **given)
    training, validation = _data(settings, device)
    if training.classes != saved.classes:
        raise UserError(f"{settings.data}: the classes are {training.classes}, but {folder} learned {saved.classes}")
    trainer = _trainer(settings, training, validation, device, folder, saved.model)
    if "data" in given and _pictures_sum(trainer.state_dict()) != _pictures_sum(saved.state):
        raise UserError(f"{settings.data}: these are not the pictures and labels that {folder} was trained on")
    trainer.load_state_dict(saved.state)
    done = trainer.progress.closed_epochs
    if settings.epochs <= done:
        raise UserError(f"{folder}: all its {done} epochs are done; --epochs counts them too, ask for more")
    files = _log_files(log, folder)
    records = Records(files, len(training), settings.epochs, (trainer.step_number, done))
    trainer.on_record = records.take
    trainer.record_event("resumed", f"resumed from {saved.file}")
    return trainer, records


def _pictures_sum(state: dict[str, Any]) -> str | None:
    return next((part["pictures"] for part in state.values() if isinstance(part, dict) and "pictures" in part), None)


def _data(settings: Settings, device: str) -> "tuple[Loader, Loader]":
    """Training and validation batches; what was wrong with the pictures is told on stderr."""
    from teachkit.feed.examples import DataWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # all of it is told here
        training, validation = _loaders(settings, device)
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


def _loaders(settings: Settings, device: str) -> "tuple[Loader, Loader]":
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


def _trainer(
    settings: Settings,
    training: "Loader",
    validation: "Loader",
    device: str,
    folder: str | None,
    model: dict[str, Any] | None = None,
) -> "Trainer":
    """model: the settings of a saved run's detector; None for those that suit the pictures."""
    from teachkit.feed.detector import Detector
    from teachkit.learn.trainer import Trainer
    from teachkit.punish.criterion import Criterion
    from teachkit.structures import LossWeights

    assert training.augment is not None
    training.augment = replace(training.augment, **augmentation_for(len(training.names), settings.epochs))
    if model is None:
        model = {"num_classes": len(training.classes), "seed": settings.seed, **detector_for(training.image_size)}
    return Trainer(
        Detector(**model, device=device),
        Criterion(weights=LossWeights(settings.box, settings.cls, settings.dfl)),
        training,
        validation,
        settings.optimizer,
        lr=settings.lr,
        weight_decay=weight_decay_for(settings.optimizer, len(training.names)),
        until=settings.until,
        save_dir=folder,
        settings=settings.as_dict(),
        threads=settings.threads,
    )


def _log_files(log: str | None, folder: str | None) -> list[Path]:
    """Into the saved run itself, so that its curves can be drawn after a resume, and where --log says."""
    files = ([Path(folder, "log.jsonl")] if folder else []) + ([Path(log)] if log else [])
    return list({file.resolve(): file for file in files}.values())


def _draw(trainer: "Trainer", history: list[dict[str, Any]], folder: Path) -> None:
    """The curves, and what the averaged weights find in the first pictures of the validation split."""
    from teachkit.watch.figures import plots  # brings matplotlib: not before there is something to draw

    _write(folder / "curves.png", plots.curves(history).png())
    data = trainer.validation_data
    batch = data.batch(0, 0)
    images = batch.images[:PICTURES_DRAWN]
    try:
        found = cast("Detector", trainer.ema).detect(images)
    except UserError as error:  # a run that diverged may have nothing left to find anything with
        print(error, file=sys.stderr)
        print(f"{folder}: weights, log.jsonl, curves.png")
        return
    grid = plots.detection_grid(images, found, data.classes, batch.ground_truth, title="found: solid, true: dashed")
    _write(folder / "detections.png", grid.png())
    print(f"{folder}: weights, log.jsonl, curves.png, detections.png")


def _write(file: Path, content: bytes) -> None:
    """A picture that finds no room does not undo the training."""
    from teachkit.learn.files import write_whole

    try:
        write_whole(file, content)
    except OSError as error:
        print(f"warning: {file} could not be written ({error.strerror}); the training is not harmed", file=sys.stderr)
