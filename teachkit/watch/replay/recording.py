"""A run that is over, opened to be looked at: its curves, its settings, and what it found on pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.learn.checkpoint import load_model
from teachkit.learn.log import read_log
from teachkit.learn.records import Record
from teachkit.structures import LOSS_NAMES, Batch
from teachkit.watch.cockpit.marks import ALARMS, changes_told
from teachkit.watch.cockpit.start_up import first_images
from teachkit.watch.cockpit.timeline import Curve, Found, Story, rows_of

LOG = "log.jsonl"
VALIDATION = ("step", "total", *LOSS_NAMES)
PICTURES_SHOWN = 4


@dataclass
class Recording:
    """What is known of a run. story: its curves, marks and looks; validation: its losses there, over steps.

    settings: of the start record; menus: rows of step, schedule, optimizer, from that step on; pictures: those that the
    looks were at; folder: where the weights are.
    """

    name: str
    story: Story
    validation: Curve
    settings: dict[str, Any] = field(default_factory=dict)
    menus: list[tuple[int, str, str]] = field(default_factory=list)
    end: str = ""
    pictures: Batch | None = None
    classes: list[str] = field(default_factory=list)
    folder: Path | None = None

    @property
    def steps(self) -> int:
        """How many there are to look at."""
        return len(self.story.curves["steps"].rows)


def endless_story() -> Story:
    """One whose curves are never thinned."""
    story = Story()
    for curve in story.curves.values():
        curve.limit = 10**9
    return story


def read_records(records: Sequence[Record], name: str) -> Recording:
    """records: what a Trainer hands out, or the lines of a log. UserError if there is no step among them."""
    told = Recording(name, endless_story(), Curve(VALIDATION, limit=10**9))
    schedule, optimizer, changes, last = "", "", list[str](), -1
    for record in records:
        match record["kind"]:
            case "start":
                told.settings = dict(record.get("settings", {}))
                schedule, optimizer = told.settings.get("schedule", ""), told.settings.get("optimizer", "")
                told.menus.append((0, schedule, optimizer))
            case "step":
                last = record["step"]
                _take_step(told.story, record)
                if changes:
                    told.story.mark(last, ", ".join(changes))
                    changes = []
            case "event":
                changes += changes_told(record)
                if record["what"] in ALARMS:
                    told.story.mark(record["step"], ALARMS[record["what"]], alarm=True)
                elif record["what"] == "validated":
                    told.story.curves["scores"].append(record["step"], _of(record, "map50"), _of(record, "map"))
                    told.validation.append(record["step"], *(_of(record, f"val_{one}") for one in VALIDATION[1:]))
                elif record["what"] in ("lr", "optimizer"):
                    schedule, optimizer = record.get("schedule", schedule), record.get("optimizer", optimizer)
                    told.menus.append((record["step"], schedule, optimizer))
            case "epoch":
                told.story.curves["scores"].append(max(0, last), _of(record, "map50"), _of(record, "map"))
                told.validation.append(max(0, last), *(_of(record, f"val_{one}") for one in VALIDATION[1:]))
            case "look":
                told.story.looks.append((record["step"], record["found"]))
            case "end":
                told.end = record["reason"]
    if not told.steps:
        raise UserError(f"{name}: no step is in this log: there is nothing to show")
    return told


def _take_step(story: Story, record: Record) -> None:
    numbers = [_of(record, one) for one in ("total", *LOSS_NAMES, "lr")]
    weights = [record.get("weights", {}).get(one) for one in LOSS_NAMES]
    story.curves["steps"].append(record["step"], *numbers, *weights)


def _of(record: Record, name: str) -> float | None:
    value = record.get(name)
    return None if value is None or not math.isfinite(value) else value


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
        told = read_records(read_log(path / LOG), name or path.name)
        told.folder = path
        return told
    if path.exists():
        return read_records(read_log(path), name or path.stem)
    if isinstance(source, str) and "/" not in source and "\\" not in source:
        return read_records(recorded.records(source), name or source)
    raise UserError(f"{path}: there is no such run: give a folder that `train --save` wrote, or a log")


def look_at(model: Detector, pictures: Batch) -> Found:
    """What it finds on each picture."""
    return [rows_of(one) for one in model.detect(pictures.images, limit=20)]


def find_pictures(told: Recording) -> None:
    """The first of the run's validation pictures, where they are at hand; and what the saved weights find on them.

    The built-in scenes are made anew; a folder may have moved since: then there are no pictures, and nothing breaks.
    """
    source, split = told.settings.get("data"), told.settings.get("val_split", "val")
    size, seed = told.settings.get("image_size"), told.settings.get("val_seed", told.settings.get("seed", 0))
    if source is None or (source != "shapes" and not Path(source).is_dir()):
        return
    model = None
    if told.folder is not None and any(told.folder.glob("*.pt")):
        model, _, size = load_model(told.folder, device="cpu")
    try:
        data = load_data(source, split, image_size=size, device="cpu", seed=seed, shuffle=False, augment=False)
    except UserError:
        return
    told.pictures, told.classes = first_images(data, PICTURES_SHOWN), list(data.classes)
    if model is not None and not told.story.looks:
        last = told.story.curves["steps"].rows[-1][0]
        told.story.looks = [(int(last or 0), look_at(model, told.pictures))]
