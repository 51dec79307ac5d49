"""`train`: the whole loop with a progress bar, a log, and pictures of what came out."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil

from teachkit.commands.defaults import Settings
from teachkit.commands.training import data_of, trainer_of
from teachkit.errors import UserError, one_line
from teachkit.files import SOFTWARE, piece, sealed, write_whole

if TYPE_CHECKING:
    from teachkit.commands.records import Looks, Records, TensorBoard, Unbreakable
    from teachkit.feed.detector import Detector
    from teachkit.learn.checkpoint import Run
    from teachkit.learn.log import Record
    from teachkit.learn.ranks import Ranks
    from teachkit.learn.saving import Checkpointer
    from teachkit.learn.trainer import Trainer

NEW_ON_RESUME = ("epochs", "until", "log", "device", "data")
PICTURES_DRAWN = 12
EXIT_CODES = {"until": 0, "epochs": 0, "early_stop": 0, "diverged": 3, "interrupted": 130}


def run(arguments: argparse.Namespace) -> int:
    from teachkit.commands.records import unbreakable_streams
    from teachkit.learn.interrupts import endings_as_interrupts
    from teachkit.learn.ranks import Ranks

    given = {name: value for name, value in vars(arguments).items() if value is not None and name != "command"}
    log, device = given.pop("log", None), given.pop("device", "auto")
    ranks = Ranks()
    if not ranks.first:
        log = None
    with endings_as_interrupts(), ranks.speaking(), unbreakable_streams() as streams:
        if ranks.of_first(lambda: _was_restarted(given)):
            given = {"resume": given["save"]}
        begin = _resume if "resume" in given else _begin
        trainer, records = ranks.together(lambda: begin(given, log, device, ranks))
        looks = _looks(trainer)
        trainer.on_record = _with_losses(trainer, records, looks, streams)
        try:
            reason = records.left or trainer.fit(total_epochs=records.epochs)["reason"]
            if records.left:
                trainer.end(records.left)
        finally:
            records.close()
            if looks is not None:
                looks.close()
        if trainer.checkpointer is not None:
            _draw(trainer, records.history, trainer.checkpointer)
            _refuse_unsaved(trainer.checkpointer, reason)
    ranks.leave()
    missed = trainer.goal.until is not None and reason in ("epochs", "early_stop")
    return 1 if missed else EXIT_CODES[reason]


def _looks(trainer: "Trainer") -> "Looks | None":
    from teachkit.commands.records import Looks
    from teachkit.learn.run_folder import LOOKS

    return None if trainer.checkpointer is None else Looks(trainer.checkpointer.folder / LOOKS, trainer)


def _with_losses(
    trainer: "Trainer", records: "Records", looks: "Looks | None", streams: "list[Unbreakable]"
) -> "Callable[[Record], None]":
    """Takes a record, and tells the log of a terminal or a reader that is gone."""

    def take(record: "Record") -> None:
        records.take(record)
        if looks is not None:
            looks.take(record)
        for stream in streams:
            if (loss := stream.loss) is not None:
                stream.loss = None
                trainer.record_event("unheard", loss)

    return take


def _refuse_unsaved(saver: "Checkpointer", reason: str) -> None:
    """UserError if the end of a training that has not diverged is not on the disk."""
    if saver.unsaved is None or reason == "diverged":
        return
    if saver.saved_step is None:
        raise UserError(f"{saver.folder}: nothing of this training is saved ({saver.unsaved})")
    latest = f"only its state before step {saver.saved_step} is"
    raise UserError(f"{saver.folder}: the end of this training is not saved, {latest} ({saver.unsaved}; then --resume)")


def _was_restarted(given: dict[str, Any]) -> bool:
    """Whether torchrun has started this training anew, after a rank was lost, and it has a state to go on from."""
    from teachkit.learn.run_folder import LAST

    if not int(os.environ.get("TORCHELASTIC_RESTART_COUNT") or 0) or "save" not in given:
        return False
    last = Path(given["save"], LAST)  # if it is older than torchrun, it is of an earlier training
    return last.is_file() and last.stat().st_mtime > psutil.Process(os.getppid()).create_time()


def _begin(given: dict[str, Any], log: str | None, device: str, ranks: "Ranks") -> "tuple[Trainer, Records]":
    from teachkit.commands.records import Records
    from teachkit.learn.log import refuse_other_log
    from teachkit.learn.validation import too_few_to_choose_by

    settings = Settings(**{name: value for name, value in given.items() if name != "save"})
    if settings.tensorboard is not None:
        settings = replace(settings, tensorboard=str(Path(settings.tensorboard).resolve()))
    folder = given.get("save") if ranks.first else None
    training, validation = data_of(settings, device)
    settings = replace(settings.for_pictures(len(training.names)), image_size=max(training.image_size))
    settings = replace(settings, precision=ranks.of_first(lambda: _precision(given.get("precision", "auto"), device)))
    training.batch_size = settings.batch_size
    curves = _tensorboard(settings, ranks)  # before anything is put aside
    if log is not None:
        refuse_other_log(Path(log))
    trainer = trainer_of(settings, training, validation, device, folder)
    if trainer.checkpointer is not None:
        trainer.checkpointer.put_aside()  # now, for its log is written from the first step on
    records = Records(_log_files(log, folder), len(training), settings.epochs, tensorboard=curves)
    if trainer.checkpointer is not None:
        trainer.checkpointer.before_save = records.sync
    if few := too_few_to_choose_by(validation):
        print(one_line(f"warning: {few}"), file=sys.stderr)
    return trainer, records


def _precision(asked: Any, device: str) -> Any:
    from teachkit.feed.device import native_bfloat16, pick_device

    if asked != "auto":
        return asked
    return "bfloat16" if native_bfloat16(pick_device(device)) else "float32"


def _resume(given: dict[str, Any], log: str | None, device: str, ranks: "Ranks") -> "tuple[Trainer, Records]":
    from teachkit.commands.records import Records
    from teachkit.learn.checkpoint import TO_RESUME, damage_of, load_run
    from teachkit.learn.log import refuse_other_log
    from teachkit.learn.run_folder import BEST, FolderLock

    folder, given = given["resume"], {name: value for name, value in given.items() if name != "resume"}
    refused = ", ".join(f"--{name.replace('_', '-')}" for name in given if name not in NEW_ON_RESUME)
    if refused:
        raise UserError(
            f"a run goes on as it began: only --epochs --until --log --device --data go with --resume, not {refused}"
        )
    # Before reading, for what another is about to save is not in it; the trainer takes it over.
    there = ranks.first and any(Path(folder, name).exists() for name in TO_RESUME)
    lock = FolderLock(Path(folder)) if there else None  # noqa: F841
    saved = ranks.of_first(lambda: load_run(folder))
    if "data" not in saved.settings:
        raise UserError(f"{folder}: this training was not begun by `train`: go on with it where its Trainer was made")
    settings = replace(Settings.of_run(saved.settings, saved.file), threads=_threads(saved), **given)
    training, validation = data_of(settings, device)
    if training.classes != saved.classes:
        raise UserError(f"{settings.data}: the classes are {training.classes}, but {folder} learned {saved.classes}")
    trainer = trainer_of(settings, training, validation, device, folder, saved.model)
    if "data" in given and not _sums(saved.state).items() <= _sums(trainer.state_dict()).items():
        raise UserError(f"{settings.data}: these are not the pictures and labels that {folder} was trained on")
    trainer.load_state_dict(saved.state)
    done, files = trainer.progress.closed_epochs, _log_files(log, folder) if ranks.first else []
    for file in files:
        refuse_other_log(file)
    left = ranks.of_first(lambda: _left_to_do(trainer, Path(folder)))
    if settings.epochs <= done and not left:
        raise UserError(f"{folder}: all its {done} epochs are done; --epochs counts them too, ask for more")
    curves = _tensorboard(settings, ranks, trainer.step_number)
    records = Records(files, len(training), settings.epochs, (trainer.step_number, done), curves)
    if left and not {"epochs", "until"} & set(given):
        records.left = trainer.progress.reached
    if trainer.checkpointer is None:  # not the rank that saves
        return trainer, records
    trainer.on_record = records.take
    trainer.checkpointer.before_save, trainer.checkpointer.saved_step = records.sync, trainer.step_number
    trainer.record_event("resumed", f"resumed from {saved.file}")
    if records.missing:
        lacks = f"{len(records.missing)} of {trainer.step_number} steps, the first {records.missing[0]}"
        trainer.record_event("log_gap", f"{files[0]}: lacks {lacks}: they are in the weights, not in the curves")
    if (damage := damage_of(Path(folder, BEST))) is not None:
        trainer.record_event("damaged", f"{damage}: until an epoch scores better, the last state stands in for it")
    return trainer, records


def _threads(saved: "Run") -> int | None:
    """As many as the run had; what a state of others says instead is met when it is loaded."""
    from teachkit.learn.state import MOST_THREADS

    machine = saved.state.get("machine")
    threads = machine.get("threads") if isinstance(machine, dict) else None
    return threads if type(threads) is int and 1 <= threads <= MOST_THREADS else None


def _sums(state: dict[str, Any]) -> dict[str, str]:
    """Of the pictures and labels that a state was trained and validated on, by its parts."""
    sums = {name: part.get("pictures") for name, part in state.items() if isinstance(part, dict)}
    return {name: value for name, value in sums.items() if value is not None}


def _left_to_do(trainer: "Trainer", folder: Path) -> bool:
    """Whether a run that has come to its end was killed before it said so, or before its pictures were drawn."""
    from teachkit.learn.log import read_log
    from teachkit.learn.run_folder import CURVES, DETECTIONS, LOG

    if not (folder / LOG).is_file():
        return False
    caption = f"Comment\0{_caption(trainer)}".encode()
    drawn = all(
        caption in piece(folder / name, 0, 1024) and piece(folder / name, -8, 4) == b"IEND"
        for name in (CURVES, DETECTIONS)
    )
    return not drawn or [record["kind"] for record in read_log(folder / LOG)][-1:] != ["end"]


def _caption(trainer: "Trainer") -> str:
    return f"state before step {trainer.step_number}."


def _tensorboard(settings: Settings, ranks: "Ranks", step: int = 0) -> "TensorBoard | None":
    from teachkit.commands.records import TensorBoard

    return TensorBoard(settings.tensorboard, step) if settings.tensorboard is not None and ranks.first else None


def _log_files(log: str | None, folder: str | None) -> list[Path]:
    """Into the saved run itself, so that its curves can be drawn after a resume, and where --log says."""
    files = ([Path(folder, "log.jsonl")] if folder else []) + ([Path(log)] if log else [])
    return list({file.resolve(): file for file in files}.values())


def _draw(trainer: "Trainer", history: "list[Record]", saver: "Checkpointer") -> None:
    """Pictures that cannot be drawn, or find no room, do not undo the training: --resume draws them later."""
    from teachkit.learn.run_folder import LOG, claim

    there = [LOG] if saver.saved_step is None else ["weights", LOG]
    try:
        for name, picture in _pictures(trainer, history):
            claim(saver.folder)  # somebody may have put a file there in the meantime
            write_whole(saver.folder / name, picture)
            there.append(name)
    except (OSError, ImportError, UserError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        print(one_line(f"warning: {reason}: not all pictures are drawn; the training is not harmed"), file=sys.stderr)
    print(one_line(f"{saver.folder}: {', '.join(there)}"))


def _pictures(trainer: "Trainer", history: "list[Record]") -> "Iterator[tuple[str, bytes]]":
    """Names and PNGs: the curves, and what the averaged weights find in the first pictures of the validation split.

    UserError where a run that diverged has nothing left to find anything with.
    """
    from teachkit.learn.run_folder import CURVES, DETECTIONS
    from teachkit.watch.figures import plots  # brings matplotlib: not before there is something to draw

    metadata = {"Software": SOFTWARE, "Comment": _caption(trainer)}
    yield CURVES, sealed(plots.curves(history).png(**metadata))
    data = trainer.validation_data
    batch = data.batch(0, 0)
    images = batch.images[:PICTURES_DRAWN]
    found = cast("Detector", trainer.ema).detect(images)
    grid = plots.detection_grid(images, found, data.classes, batch.ground_truth, title="found: solid, true: dashed")
    yield DETECTIONS, sealed(grid.png(**metadata))
