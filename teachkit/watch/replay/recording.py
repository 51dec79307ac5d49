"""A recorded run that is opened to be shown: its curves, its settings, and its detections on pictures."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachkit.errors import UserError, one_line
from teachkit.experiments import recorded
from teachkit.feed.detector import Detector
from teachkit.feed.download import data_folder
from teachkit.feed.loader import first_images, load_data
from teachkit.learn.checkpoint import load_model
from teachkit.learn.log import Record, read_log
from teachkit.learn.run_folder import LOG, LOOKS
from teachkit.structures import LOSS_NAMES, Batch
from teachkit.watch.timeline.timeline import Curve, Found, Timeline, finite, rows_of

VALIDATION = ("step", "total", *LOSS_NAMES)
PICTURES_SHOWN = 4
LARGEST_SIDE = 1024  # px of a picture that is made or decoded for a replay
WHOLE = 10**9  # rows of a curve that is never thinned


@dataclass
class Recording:
    """What is known of a run. timeline: its curves, marks and detections; validation: its losses there, over steps.

    settings: of the start record; menus: rows of step, schedule, optimizer, in force from that step on; ghosts: earlier
    futures of a run that was branched; pictures: those that the detections are of; folder: where the weights are.
    """

    name: str
    timeline: Timeline = field(default_factory=lambda: Timeline(WHOLE))
    validation: Curve = field(default_factory=lambda: Curve(VALIDATION, WHOLE))
    settings: dict[str, Any] = field(default_factory=dict)
    menus: list[tuple[int, str, str]] = field(default_factory=list)
    end: str = ""
    ghosts: list[Timeline] = field(default_factory=list)
    pictures: Batch | None = None
    classes: list[str] = field(default_factory=list)
    folder: Path | None = None

    @property
    def steps(self) -> int:
        """The number of steps that can be shown."""
        return len(self.timeline.curves["steps"].rows)


def read_records(records: Sequence[Record], name: str) -> Recording:
    """records: what a Trainer hands out, or the lines of a log. UserError if there is no step among them."""
    recording = Recording(name)
    schedule, optimizer, last = "", "", 0
    for record in records:
        recording.timeline.take(record)
        match record["kind"]:
            case "start":
                recording.settings = dict(record.get("settings", {}))
                schedule = recording.settings.get("schedule", "")
                optimizer = recording.settings.get("optimizer", "")
                recording.menus.append((0, schedule, optimizer))
            case "step":
                last = record["step"]
            case "event" if record["what"] == "validated":
                _take_validation(recording, record, record["step"])
            case "event" if record["what"] in ("lr", "optimizer"):
                schedule, optimizer = record.get("schedule", schedule), record.get("optimizer", optimizer)
                recording.menus.append((record["step"], schedule, optimizer))
            case "epoch":
                scores = (finite(record, "map50"), finite(record, "map"))
                recording.timeline.curves["scores"].append(last, *scores)
                _take_validation(recording, record, last)
            case "look":
                recording.timeline.detections.append((record["step"], record["found"]))
            case "end":
                recording.end = record["reason"]
    if not recording.steps:
        raise UserError(f"{name}: no step is in this log: there is nothing to show")
    return recording


def _take_validation(recording: Recording, record: Record, step: int) -> None:
    recording.validation.append(step, *(finite(record, f"val_{name}") for name in VALIDATION[1:]))


def menus_over(timeline: Timeline, first: int, schedule: str, optimizer: str) -> list[tuple[int, str, str]]:
    """Schedule and optimizer from each step on: as they were at the first one, then as the marks change them."""
    menus = [(first, schedule, optimizer)]
    for mark in timeline.marks:
        schedule = str(mark.changes.get("schedule", "constant" if "lr" in mark.changes else schedule))
        optimizer = str(mark.changes.get("optimizer", optimizer))
        menus.append((mark.step, schedule, optimizer))
    return menus


def open_run(source: Any, name: str = "") -> Recording:
    """source: a folder that `--save` wrote, a log, the name of a recorded run, or a list of records.

    UserError if there is no such run.
    """
    if isinstance(source, (list, tuple)):
        return read_records(source, name or "run")
    path = Path(source)
    if path.is_dir():
        if not (path / LOG).exists():
            raise UserError(f"{path}: there is no {LOG} in it: give a folder that `train --save` wrote, or a log")
        looks = read_log(path / LOOKS) if (path / LOOKS).exists() else []
        recording = read_records([*read_log(path / LOG), *looks], name or path.name)
        recording.folder = path
        return recording
    if path.exists():
        return read_records(read_log(path), name or path.stem)
    if isinstance(source, str) and "/" not in source and "\\" not in source:
        return read_records(recorded.records(source), name or source)
    raise UserError(f"{path}: there is no such run: give a folder that `train --save` wrote, or a log")


def detect_on(model: Detector, pictures: Batch) -> Found:
    """What the model finds on each picture."""
    return [rows_of(one) for one in model.detect(pictures.images, limit=20)]


def find_pictures(recording: Recording, data: str | Path | None = None) -> None:
    """Adds the first validation pictures of the run, where they are at hand, and what the saved weights find on them.

    data: where they lie. Without it only the built-in scenes, made anew, and what is in our own data folder is taken,
    since a run of somebody else's may name any folder of this machine; a warning says so. A data set may have moved:
    then there are no pictures.
    """
    settings = recording.settings
    source, split, size = data or settings.get("data"), settings.get("val_split", "val"), settings.get("image_size")
    if source is None:
        return
    if not (data or _is_ours(source)):
        if recording.folder is not None:
            what = one_line(f"{recording.name}: no pictures, for {source} is not in our data folder: give --data")
            warnings.warn(what, stacklevel=3)
        return
    model = None
    if recording.folder is not None and any(recording.folder.glob("*.pt")):
        model = load_model(recording.folder, device="cpu")
        size = model.image_size
    seed = settings.get("val_seed", settings.get("seed", 0))
    try:
        if max(size if isinstance(size, list | tuple) else [size or 0]) > LARGEST_SIDE:
            return
        found = load_data(
            source,
            split,
            image_size=size,
            device="cpu",
            seed=seed,
            shuffle=False,
            augment=False,
            limit=PICTURES_SHOWN,
        )
    except (UserError, TypeError):  # TypeError: a size or a seed that is none
        return
    recording.pictures, recording.classes = first_images(found, PICTURES_SHOWN), list(found.classes)
    last = int(recording.timeline.curves["steps"].rows[-1][0] or 0)
    if model is not None and all(step < last for step, _ in recording.timeline.detections):
        recording.timeline.detections.append((last, detect_on(model, recording.pictures)))


def _is_ours(source: str | Path) -> bool:
    if source == "shapes":
        return True
    folder = Path(source)
    return "\0" not in str(source) and folder.is_dir() and data_folder().resolve() in folder.resolve().parents
