"""Recorded runs, for experiments that would take too long in a lesson. `make recordings` records them again.

`runs/` beside this file holds logs (`name.jsonl`, in the format of `--log`, shortened to what lessons draw) and saved
detectors (folders in the format of `--save`, with the best weights only).
"""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn.checkpoint import load_model
from teachkit.learn.log import Record

RUNS = Path(__file__).with_name("runs")


def records(name: str) -> list[Record]:
    """The log of a recorded run. UserError if there is no run of that name."""
    path = RUNS / f"{name}.jsonl"
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in RUNS.glob("*.jsonl"))) or "none"
        raise UserError(f"there is no recorded run {name!r}; there are: {there}; `make recordings` makes them")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@cache
def _loaded(name: str) -> Detector:
    if not (RUNS / name).is_dir():
        there = ", ".join(sorted(one.parent.name for one in RUNS.glob("*/best.pt"))) or "none"
        raise UserError(f"there is no saved detector {name!r}; there are: {there}; `make recordings` makes them")
    return load_model(RUNS / name, device="cpu")


def detector(name: str = "shapes") -> tuple[Detector, list[str]]:
    """A new copy of a trained detector on the CPU, "shapes" or "bccd", and its classes. UserError for another name."""
    model = deepcopy(_loaded(name))
    return model, model.classes


def trained_and_untrained() -> tuple[dict[str, Detector], list[str]]:
    """Two detectors of the built-in shapes, "trained" and "untrained", in eval mode, and their classes."""
    trained, classes = detector("shapes")
    return {"trained": trained, "untrained": Detector(len(classes), device="cpu").eval()}, classes
