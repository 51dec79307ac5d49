"""Two or more runs on the same axes: their curves, the settings that differ, and the detections of each."""

from collections.abc import Sequence
from typing import Any

from teachkit.errors import UserError
from teachkit.learn.checkpoint import load_model
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.replay.recording import Recording, detect_on, find_pictures, open_run
from teachkit.watch.timeline.timeline import Curve, Found
from teachkit.watch.widgets.playground import Playground, one_of, rounded

MOST = 6  # told apart by colour, dash and marker
DASHES = ("-", "--", "-.", ":", (0, (8, 2, 2, 2, 2, 2)), (0, (2, 4)))
MARKERS = ("o", "s", "^", "o", "s", "^")
LOSSES = {"total": "total loss", "box": "box loss", "cls": "class loss", "dfl": "DFL loss"}
SCORES = {"map50": "mAP50", "map": "mAP"}
PICTURES_SHOWN = 2
SAME_PICTURES = ("data", "val_split", "val_seed", "image_size")


class RunsSideBySide(Playground):
    """Overlays saved runs.

    sources: folders that `train --save` wrote, logs, names of recorded runs, or lists of records; names: of the runs,
    where theirs would say nothing. A loss and a score are chosen, the step is moved; the boxes are those that each run
    found by then, or at its end where only its weights are there. UserError for fewer than two runs.
    """

    _esm = front_end("widgets/runs_side_by_side.js")
    _css = front_end("widgets/runs_side_by_side.css")
    title = "Runs side by side"
    words = "Runs side by side: curves of several runs, what differs between them, and what each finds"

    def __init__(self, *sources: Any, names: Sequence[str] | None = None) -> None:
        if not 2 <= len(sources) <= MOST or (names is not None and len(names) != len(sources)):
            raise UserError(f"give 2 to {MOST} runs, and a name for each or none at all, not {len(sources)}")
        self.runs = [
            open_run(one, names[place] if names else f"run {place + 1}" if isinstance(one, list) else "")
            for place, one in enumerate(sources)
        ]
        self.last = max(int(run.timeline.curves["steps"].rows[-1][0] or 0) for run in self.runs)
        self.shown = _with_pictures(self.runs)
        self.levers = {
            "step": rounded("step", 0, self.last),
            "loss": one_of("loss", LOSSES),
            "score": one_of("score", SCORES),
        }
        super().__init__(step=self.last, loss="total", score="map50")

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        pictures = self.shown.pictures if self.shown is not None else None
        images = [] if pictures is None else [png(image) for image in pictures.images[:PICTURES_SHOWN]]
        truth = [] if pictures is None else [pictures.ground_truth.image(one)[0].tolist() for one in range(len(images))]
        runs = [
            {
                "name": run.name,
                "steps": run.timeline.curves["steps"].since(0),
                "validation": run.validation.since(0),
                "scores": run.timeline.curves["scores"].since(0),
                "boxes": bool(run.timeline.detections),
            }
            for run in self.runs
        ]
        content = {
            "runs": runs,
            "last": self.last,
            "losses": list(LOSSES.items()),
            "scores": list(SCORES.items()),
            "differences": differences(self.runs),
            "classes": [] if self.shown is None else self.shown.classes,
            "image_size": [1, 1] if pictures is None else list(pictures.images.shape[-2:]),
            "truth": truth,
        }
        return content, images

    def numbers(self) -> dict[str, Any]:
        step, loss, score = self.values["step"], self.values["loss"], self.values["score"]
        rows = [
            {
                "training": newest(run.timeline.curves["steps"], loss, step),
                "validation": newest(run.validation, loss, step),
                "score": newest(run.timeline.curves["scores"], score, step),
                "lr": newest(run.timeline.curves["steps"], "lr", step),
            }
            for run in self.runs
        ]
        words = "; ".join(
            f"{run.name}: {LOSSES[loss]} {_number(row['training'])}, on validation {_number(row['validation'])}, "
            f"{SCORES[score]} {_number(row['score'])}"
            for run, row in zip(self.runs, rows, strict=True)
        )
        return {"rows": rows, "found": [self._found(run) for run in self.runs], "words": f"Step {step}. {words}"}

    def _found(self, run: Recording) -> Found:
        """The run's detections on the pictures shown; those of its end if no others are known."""
        if not run.timeline.detections:
            return [[] for _ in range(PICTURES_SHOWN)]
        only_end = len(run.timeline.detections) == 1
        found = run.timeline.detections[0][1] if only_end else run.timeline.found_at(self.values["step"])
        return (found or [[] for _ in range(PICTURES_SHOWN)])[:PICTURES_SHOWN]

    def figure(self) -> NotebookFigure:
        figure = NotebookFigure(figsize=(11, 3.2), alt=self.words)
        axes = figure.subplots(1, 4)
        loss, score = self.values["loss"], self.values["score"]
        panels = [
            (f"{LOSSES[loss]}, training", "steps", loss),
            (f"{LOSSES[loss]}, validation", "validation", loss),
            (SCORES[score], "scores", score),
            ("learning rate", "steps", "lr"),
        ]
        for one, (title, part, column) in zip(axes, panels, strict=True):
            for place, run in enumerate(self.runs):
                curve = run.validation if part == "validation" else run.timeline.curves[part]
                rows = curve.since(0)
                values = [float("nan") if value is None else value for value in rows[column]]
                dots = MARKERS[place] if part in ("validation", "scores") else "none"
                style = {"color": PALETTE[place], "linestyle": DASHES[place], "marker": dots, "markersize": 3}
                one.plot(rows["step"], values, label=run.name, **style)
            one.axvline(self.values["step"], color=PALETTE[3], linewidth=1)
            one.set_title(title, fontsize=10)
            one.set(xlabel="step", yscale="linear" if part == "scores" else "log")
            one.grid(alpha=0.3)
        handles, labels = axes[0].get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
        return figure


def newest(curve: Curve, column: str, step: int) -> float | None:
    """The value of the last row at or before the step; None where there is none."""
    place = curve.columns.index(column)
    rows = [row for row in curve.rows if row[0] is not None and row[0] <= step]
    return rows[-1][place] if rows else None


def differences(runs: Sequence[Recording]) -> list[list[str]]:
    """Rows of a setting's name and its value in each run, for the settings that differ."""
    tables = []
    for run in runs:
        weights = {f"{name} weight": value for name, value in (run.settings.get("weights") or {}).items()}
        plain = {name: value for name, value in run.settings.items() if name not in ("weights", *weights)}
        changes = ", ".join(f"{mark.step}: {mark.label}" for mark in run.timeline.marks[:8] if not mark.alarm)
        incidents = ", ".join(f"{mark.step}: {mark.label}" for mark in run.timeline.marks[:8] if mark.alarm)
        rest = {"steps": run.steps, "end": run.end, "changed on the way": changes, "incidents": incidents}
        tables.append(plain | weights | rest)
    names = list(dict.fromkeys(name for table in tables for name in table))
    rows = [[name, *(_shown(table.get(name)) for table in tables)] for name in names]
    return [row for row in rows if len(set(row[1:])) > 1]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _with_pictures(runs: Sequence[Recording]) -> Recording | None:
    """The first run whose validation pictures are at hand; others keep their detections if those are the same."""
    for run in runs:
        find_pictures(run)
    first = next((run for run in runs if run.pictures is not None), None)
    for run in runs:
        if first is None or run is first:
            continue
        same = all(run.settings.get(name) == first.settings.get(name) for name in SAME_PICTURES)
        if run.pictures is None or not same or run.classes != first.classes:
            run.timeline.detections = []
            _detect_anew(run, first)
    return first


def _detect_anew(run: Recording, first: Recording) -> None:
    """Replaces the detections by those of the saved weights, if there are any and they have the same classes."""
    if run.folder is None or not any(run.folder.glob("*.pt")) or first.pictures is None:
        return
    model = load_model(run.folder, device="cpu")
    if model.classes == first.classes:
        run.timeline.detections = [(run.steps, detect_on(model, first.pictures))]
