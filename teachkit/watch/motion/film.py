"""A training as a film: what the recorded runs of one experiment predicted on one picture, played together."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch

from teachkit.experiments import recorded
from teachkit.experiments.small import small_validation_batch
from teachkit.feed.loader import load_data
from teachkit.feed.scenes import CLASSES
from teachkit.learn.log import Record
from teachkit.structures import Batch
from teachkit.watch.figures.colours import NO_CLASS, PALETTE, class_styles
from teachkit.watch.figures.images import as_bytes, rgba
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.chart import Axis, LineStyle
from teachkit.watch.widgets.gallery import Outline, Style, Tile, gallery_figure
from teachkit.watch.widgets.playground import Playground, one_of, rounded

PICTURES = 4
STILLS = 4  # frames of the static image
MARKED = 40  # points of a curve; the markers of more would run into each other
LOOKS: tuple[tuple[tuple[float, ...], str], ...] = (
    ((), "circle"),
    ((10, 5), "square"),
    ((12, 4, 3, 4), "triangle"),
)  # dash and marker of each plan

Frame = list[list[list[float]]]  # of each picture its boxes: xyxy px and, if they have one, the number of the class


@dataclass(frozen=True)
class Plan:
    """One recorded run. frames: what it predicted after each of `steps`; curve: (step, score)."""

    name: str
    steps: list[int]
    frames: list[Frame]
    curve: list[tuple[int, float]]


@dataclass(frozen=True)
class Film:
    """classes: of its boxes; none where they have no class."""

    title: str
    measure: str
    pictures: Batch
    plans: list[Plan]
    classes: tuple[str, ...] = ()


def _loss_weights() -> Film:
    runs = [
        Plan(run["plan"], run["steps"], run["boxes"], list(zip(run["steps"], run["overlap"], strict=True)))
        for run in recorded.records("film")
    ]
    return Film("Three sets of loss weights, one film", "mean IoU in the exam", small_validation_batch(), runs)


def _few_or_many() -> Film:
    exam = next(iter(load_data("shapes", "val", PICTURES, limit=PICTURES, device="cpu")))
    names = {"few_pictures_0": "32 pictures", "many_pictures_0": "1,000 pictures"}
    plans = [_of_log(name, recorded.records(run)) for run, name in names.items()]
    return Film("32 pictures or 1,000, one film", "mAP50 in the exam", exam, plans, CLASSES)


def _of_log(name: str, records: list[Record]) -> Plan:
    looks = [one for one in records if one["kind"] == "look"]
    last = {one["epoch"]: one["step"] for one in records if one["kind"] == "step"}
    curve = [(last[one["epoch"]], one["map50"]) for one in records if one["kind"] == "epoch"]
    frames = [[[box[:5] for box in picture] for picture in one["found"]] for one in looks]
    return Plan(name, [one["step"] for one in looks], frames, curve)


def _look(plan: Plan, colour: str, dash: tuple[float, ...], marker: str) -> LineStyle:
    return LineStyle(plan.name, colour, dash, marker if len(plan.curve) <= MARKED else "")


FILMS: dict[str, Callable[[], Film]] = {"loss weights": cache(_loss_weights), "pictures": cache(_few_or_many)}


class TrainingFilm(Playground):
    """One picture under several recorded runs, frame by frame, with a score of each run below.

    film: a name of FILMS; frame: from 0; picture: one of the first four of the exam, from 0. "loss weights" shows the
    box at the anchor point next to each true object's centre, "pictures" what was found above a score of 0.25.
    UserError for another film or a value out of range.
    """

    _esm = front_end("motion/film.js")
    _css = front_end("motion/film.css")
    words = "A training as a film: the boxes of several recorded runs on one picture, played together"

    def __init__(self, film: str, frame: int = 0, picture: int = 0) -> None:
        self.film = FILMS[one_of("film", list(FILMS))(film)]()
        self.title = self.film.title
        looks = zip(self.film.classes, class_styles(self.film.classes), strict=True)
        found = {name: Style(look.colour, look.dash) for name, look in looks}
        self.styles = (found or {"predicted": Style(NO_CLASS)}) | {"truth": Style("#FFFFFF", (6, 5))}
        self.last = len(self.film.plans[0].frames) - 1
        self.levers = {
            "frame": rounded("frame", 0, self.last),
            "picture": rounded("picture", 0, PICTURES - 1),
        }
        super().__init__(frame=frame, picture=picture)

    def at(self, frame: int) -> dict[str, float]:
        """plan → its score at that frame: the last one known by then, NaN before the first."""
        told = {}
        for plan in self.film.plans:
            known = [value for step, value in plan.curve if step <= plan.steps[frame]]
            told[plan.name] = known[-1] if known else float("nan")
        return told

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        images = self.film.pictures.images[:PICTURES]
        truth = [self.film.pictures.ground_truth.image(one)[0].tolist() for one in range(PICTURES)]
        last = self.film.plans[0].steps[-1]
        best = max(value for plan in self.film.plans for _, value in plan.curve)
        looks = zip(self.film.plans, PALETTE, LOOKS, strict=False)
        content = {
            "styles": {name: {"colour": one.colour, "dash": list(one.dash)} for name, one in self.styles.items()},
            "classes": self.film.classes,
            "columns": len(self.film.plans),
            "plans": [asdict(plan) for plan in self.film.plans],
            "image_size": list(images.shape[-2:]),
            "truth": truth,
            "pictures": PICTURES,
            "chart": {
                "styles": {plan.name: asdict(_look(plan, colour, *more)) for plan, colour, more in looks},
                "across": asdict(Axis("step", (0, last))),
                "up": asdict(Axis("", (0, round(best + 0.1, 1)))),
                "title": self.film.measure,
                "caption": self.film.measure,
            },
        }
        return content, [rgba(as_bytes(image)) for image in images]

    def numbers(self) -> dict[str, Any]:
        frame = self.values["frame"]
        scores = ", ".join(f"{name} {value:.2f}" for name, value in self.at(frame).items())
        return {"words": f"After step {self.film.plans[0].steps[frame]}, {self.film.measure}: {scores}."}

    def figure(self) -> NotebookFigure:
        """A strip of frames, a row for each run."""
        stills = torch.linspace(0, self.last, STILLS).round().int().tolist()
        tiles = [self._tile(plan, frame) for plan in self.film.plans for frame in stills]
        told = f"{self.title}. {TrainingFilm._ended(self)}"
        return gallery_figure(tiles, self.styles, STILLS, self.title, told, 8)

    def _ended(self) -> str:
        return ", ".join(f"{name} ends at {value:.2f}" for name, value in self.at(self.last).items())

    def _tile(self, plan: Plan, frame: int) -> Tile:
        picture = self.values["picture"]
        truth = self.film.pictures.ground_truth.image(picture)[0].tolist()
        named = self.film.classes
        boxes = plan.frames[frame][picture]
        outlines = [Outline(box[:4], named[int(box[4])] if named else "predicted") for box in boxes]
        outlines += [Outline(box, "truth", strong=False) for box in truth]
        image = as_bytes(self.film.pictures.images[picture])
        return Tile((plan.name, frame), image, f"{plan.name}, step {plan.steps[frame]}", outlines)
