"""Lesson 11: its pictures or their stand-in; counting, error types, and reading a confusion matrix."""

import functools
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachkit.exercises.answers import check_choices, check_numbers
from teachkit.exercises.lesson import Verdict, exercise
from teachkit.experiments.small import SCENES
from teachkit.feed.download import data_folder
from teachkit.feed.examples import DataWarning
from teachkit.feed.formats import write_folder
from teachkit.feed.loader import Loader, load_data
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.structures import Batch

STAND_IN = {"train": 60, "val": 60, "test": 72}  # scenes
CROWDED = SceneSettings(objects=(9, 16), size=(0.125, 0.3))
BROUGHT = {"train": 96, "val": 12}  # so few to choose by that a warning is due


@dataclass(frozen=True)
class PictureSet:
    """real: blood cells, else the stand-in; detector: name of the recorded one; counted: the class to count."""

    folder: Path
    real: bool
    detector: str
    counted: str
    image_size: int

    def load(self, split: str, **settings: Any) -> Loader:
        """One split at the image size of the recorded detector, without shuffling and augmentation by default."""
        usual = {"image_size": self.image_size, "shuffle": False, "augment": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # the lesson shows itself what was left out
            return load_data(self.folder, split, **(usual | settings))

    def to_count(self) -> tuple[Batch, str | None]:
        """Six pictures for a count by hand, and the class to count; of the stand-in crowded scenes, all objects."""
        if self.real:
            return next(iter(self.load("val", batch_size=6))), self.counted
        scenes = make_scenes(6, 1, CROWDED, split="val")
        return next(iter(Loader(scenes, "val", 6, self.image_size, "cpu", shuffle=False))), None


def picture_set() -> PictureSet:
    """BCCD if it lies in `data_folder()`, else a stand-in with the same faults in its labels."""
    folder = data_folder() / "bccd"
    if (folder / "Annotations").is_dir():
        return PictureSet(folder, True, "bccd", "RBC", 256)
    return PictureSet(Path(_stand_in().name) / "shapes", False, "shapes", "ball", 128)


@functools.cache
def _stand_in() -> tempfile.TemporaryDirectory[str]:
    """Built-in scenes as a VOC folder with two broken boxes, one in train and one in val."""
    temporary = tempfile.TemporaryDirectory(prefix="teachkit-")
    folder = Path(temporary.name) / "shapes"
    write_folder({split: make_scenes(count, split=split) for split, count in STAND_IN.items()}, folder, "voc")
    lists = folder / "ImageSets" / "Main"
    names = {split: (lists / f"{split}.txt").read_text(encoding="utf-8").split() for split in ("train", "val")}
    (lists / "trainval.txt").write_text("\n".join(names["train"] + names["val"]) + "\n", encoding="utf-8")
    for split in ("train", "val"):
        label = folder / "Annotations" / f"{names[split][7]}.xml"
        text = label.read_text(encoding="utf-8")
        broken = text.partition("<xmin>")[2].partition("<")[0]
        whole = text.partition("<xmax>")[2].partition("<")[0]
        label.write_text(text.replace(f"<xmax>{whole}<", f"<xmax>{broken}<", 1), encoding="utf-8")
    return temporary


def brought_along() -> Path:
    """A folder as somebody brings it along: YOLO form, 64 px, few pictures to validate on, and a box without width."""
    return Path(_brought().name) / "my_pictures"


@functools.cache
def _brought() -> tempfile.TemporaryDirectory[str]:
    temporary = tempfile.TemporaryDirectory(prefix="teachkit-")
    folder = Path(temporary.name) / "my_pictures"
    write_folder(
        {split: make_scenes(count, 3, SCENES, split=split) for split, count in BROUGHT.items()}, folder, "yolo"
    )
    label = sorted((folder / "labels" / "train").iterdir())[7]
    first, *others = label.read_text(encoding="utf-8").splitlines()
    name, x, y, _, height = first.split()
    label.write_text("\n".join([f"{name} {x} {y} 0 {height}", *others]) + "\n", encoding="utf-8")
    return temporary


COUNTS = {  # mean absolute error of (3, 5, 2, 4) found where (4, 4, 2, 2) are
    0.5: "this is the mean of +1, −1 … with their signs: too many here has made up for too few there",
    4.0: "this is the sum over the pictures; divide by how many they are",
    1.22: "this is the root of the mean square; absolute means the size of each error, not its square",
    0.75: "this is the share of pictures with a wrong count; a count that is off by two counts twice",
}
MATRIX = {
    (0.847, 0.833): "the two are swapped: recall is along the row of what is there, precision down the column",
    (0.833, 0.962): "precision takes in what was seen where nothing is: the last row of the column counts too",
    (0.962, 0.847): "recall takes in what was missed: the last column of the row counts too",
    (0.962, 0.962): "what was missed belongs to recall, and what was seen where nothing is belongs to precision",
}
CASES = {
    "a": "duplicate",
    "b": "wrong class",
    "c": "misplaced",
    "d": "background",
    "e": "missed",
}
KINDS = {
    "duplicate": "a duplicate overlaps its object well enough, but the object has been claimed by a surer box",
    "wrong class": "wrong class: the object that it overlaps most has another name",
    "misplaced": "misplaced: the right object, but an overlap below 0.5",
    "background": "background: a box that overlaps nothing by even 0.1",
    "missed": "missed is the one kind that belongs to an object, not to a box",
    "right": "right: an overlap of 0.5 or more with an object of its class that is still free",
}


@exercise("11", "the error of a count")
def check_count_error(answer: Any) -> Verdict:
    """answer: mean absolute error where 3, 5, 2, 4 cells are found in pictures that have 4, 4, 2, 2."""
    return check_numbers(
        answer,
        (1.0,),
        COUNTS,
        open_="write a number in place of None",
        praise="|3 − 4| + |5 − 4| + |2 − 2| + |4 − 2| = 4 cells in four pictures: one each.",
        hint="take the size of the error in each picture, then the mean of the four",
    )


@exercise("11", "threshold and report")
def check_report(answer: Any) -> Verdict:
    """answer: (threshold chosen, error reported) from the table of the lesson."""
    return check_numbers(
        answer,
        (0.5, 3.8),
        {
            (0.4, 3.5): "this threshold was chosen on test: then test is no exam any more, and its error is too good",
            (0.5, 3.2): "this is the error on val, where the threshold was chosen; report what it comes to on test",
            (0.4, 3.4): "val is best at another threshold, and what is reported has to come from test",
        },
        open_="write (threshold, error) in place of None",
        praise="chosen where val is best, reported from test, even though test would have liked 0.4 better.",
        hint="choose the threshold with the smallest error on val; report the error on test at that threshold",
    )


@exercise("11", "reading a confusion matrix")
def check_matrix(answer: Any) -> Verdict:
    """answer: (recall, precision) of the first class of the lesson's matrix."""
    return check_numbers(
        answer,
        (50 / 60, 50 / 59),
        MATRIX,
        open_="write (recall, precision) in place of None",
        praise="50 of the 60 in the row are found, and 50 of the 59 in the column are right.",
        hint="divide the diagonal's 50 by the sum of its row for recall, by the sum of its column for precision",
        within=0.005,
    )


@exercise("11", "kinds of error")
def check_kinds(answers: Any) -> Verdict:
    """answers: letter of a case → its kind; None if open."""
    return check_choices(
        answers,
        CASES,
        KINDS,
        lambda letter, kind: f"{letter} is not {kind}. {KINDS[kind]}",
        "four kinds belong to a box, and one to an object without one.",
    )
