"""A detector's errors by type, on their pictures, with precision, recall and the confusion matrix."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from matplotlib.patheffects import withStroke

from teachkit.scoring import ERROR_TYPES, ImageErrors, classify_errors, confusion_matrix, score
from teachkit.structures import Batch, Detections
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.figures.letters import name_ticks
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.examined import examine
from teachkit.watch.widgets.gallery import Gallery, Outline, Style, Tile, draw_tiles
from teachkit.watch.widgets.playground import between, one_of

ALL_ERRORS, ALL_CLASSES = "all errors", "all classes"
PAGE = 6  # pictures at a time
CURVE_POINTS = 300  # more cannot be seen
CASING = [withStroke(linewidth=3.2, foreground="#1b2430")]  # a bright line stands out on white, too
CROWDED = 6  # outlines in a picture above which names would hide it


class ErrorsBrowser(Gallery):
    """model: a Detector; data: pictures with labels it was not trained on, as from load_data.

    Detections above the threshold are sorted by `scoring.classify_errors`; curves are those of `scoring.score`, the
    matrix that of `scoring.confusion_matrix`, all at an overlap of 0.5.
    """

    _esm = front_end("widgets/errors_browser.js")
    _css = front_end("widgets/errors_browser.css")
    title = "Errors, kind by kind"
    words = "A detector's errors on real pictures, sorted by kind: run the notebook to browse them"
    STYLES: ClassVar[dict[str, Style]] = {
        "right": Style("#009E73"),
        "duplicate": Style("#56B4E9", (2, 4)),
        "misplaced": Style("#E69F00", (10, 5)),
        "wrong class": Style("#CC79A7", (10, 4, 2, 4)),
        "background": Style("#D55E00", (4, 4)),
        "missed": Style("#FFFFFF", (7, 5)),
    }

    def __init__(self, model: Any, data: Iterable[Batch], **values: Any) -> None:
        self.seen = examine(data, model)
        self.classes = self.seen.classes
        self.detections: list[Detections] = self.seen.detections or []
        self.truth = self.seen.ground_truth
        self.scores = score(self.detections, self.truth, self.classes)
        self.levers = {
            "threshold": between("threshold", 0.01, 0.99),
            "kind": one_of("kind", [ALL_ERRORS, *ERROR_TYPES]),
            "cls": one_of("class", [ALL_CLASSES, *self.classes]),
            "page": between("page", 0, 1e6),
        }
        self._sorted: tuple[float, list[Detections], list[ImageErrors]] | None = None
        super().__init__(**({"threshold": 0.25, "kind": ALL_ERRORS, "cls": ALL_CLASSES, "page": 0} | values))

    def set(self, **values: Any) -> None:
        super().set(**({"page": 0} | values))  # another kind or threshold begins with its first pictures

    def errors(self) -> tuple[list[Detections], list[ImageErrors]]:
        """What is above the threshold, and its kinds, image by image."""
        threshold = self.values["threshold"]
        if self._sorted is None or self._sorted[0] != threshold:
            kept = [one.take(one.scores > threshold) for one in self.detections]
            self._sorted = threshold, kept, classify_errors(kept, self.truth)
        return self._sorted[1:]

    def counts(self) -> dict[str, int]:
        """How many of each kind, of the chosen class: what was claimed, but for what was missed."""
        totals = dict.fromkeys(ERROR_TYPES, 0)
        for image, (found, errors) in enumerate(zip(*self.errors(), strict=True)):
            for kind, label in zip(errors.types, found.labels.tolist(), strict=True):
                totals[kind] += self._chosen_class(label)
            totals["missed"] += sum(self._chosen_class(int(self.seen.labels[image][one])) for one in errors.missed)
        return totals

    def confusion(self) -> np.ndarray:
        """[C + 1, C + 1]: true class by claimed class; last row: nothing there; last column: missed."""
        return confusion_matrix(self.errors()[0], self.truth, len(self.classes))

    def points(self) -> dict[str, tuple[float, float]]:
        """Recall and precision of each class at the threshold; precision is NaN where nothing was claimed."""
        points = {}
        for name, ranking in self.scores.rankings.items():
            hits = ranking.hits[0][ranking.scores > self.values["threshold"]]
            recall = hits.sum() / ranking.truths if ranking.truths else float("nan")
            points[name] = float(recall), float(hits.mean()) if len(hits) else float("nan")
        return points

    def _chosen_class(self, label: int) -> bool:
        return self.values["cls"] in (ALL_CLASSES, self.classes[label])

    def _chosen(self, kind: str, label: int) -> bool:
        wanted = self.values["kind"]
        return (kind == wanted or (wanted == ALL_ERRORS and kind != "right")) and self._chosen_class(label)

    def outlines(self, image: int) -> list[Outline]:
        """The outlines of one picture, the chosen ones strong."""
        found, errors = self.errors()[0][image], self.errors()[1][image]
        outlines = []
        boxes, scores, labels = found.boxes.tolist(), found.scores.tolist(), found.labels.tolist()
        for box, certainty, label, kind, about in zip(
            boxes, scores, labels, errors.types, errors.truth.tolist(), strict=True
        ):
            text = f"{self.classes[label]} {certainty:.2f}"
            if kind == "wrong class":
                text += f", is {self.classes[int(self.seen.labels[image][about])]}"
            outlines.append(Outline(box, kind, text, self._chosen(kind, label)))
        for place in errors.missed.tolist():
            label = int(self.seen.labels[image][place])
            text = f"{self.classes[label]} missed"
            outlines.append(
                Outline(self.seen.boxes[image][place].tolist(), "missed", text, self._chosen("missed", label))
            )
        if sum(one.strong for one in outlines) > CROWDED:
            return [Outline(one.box, one.style, "", one.strong) for one in outlines]
        return outlines

    def order(self) -> list[tuple[int, int]]:
        """(number of chosen errors, picture) for each picture that has any, most first."""
        found, errors = self.errors()
        counted = []
        for image, (one, its) in enumerate(zip(found, errors, strict=True)):
            mine = sum(map(self._chosen, its.types, one.labels.tolist()))
            mine += sum(self._chosen("missed", int(self.seen.labels[image][place])) for place in its.missed)
            if mine:
                counted.append((mine, image))
        return sorted(counted, key=lambda pair: (-pair[0], pair[1]))

    def page(self, of: int) -> int:
        return min(int(self.values["page"]), max(0, (of - 1) // PAGE))

    def tiles(self) -> list[Tile]:
        order = self.order()
        first = PAGE * self.page(len(order))
        return [
            Tile(image, self.seen.images[image], f"{self.seen.names[image]}: {count}", self.outlines(image))
            for count, image in order[first : first + PAGE]
        ]

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content, buffers = super().setup()
        curves = {name: self._thinned(name) for name in self.classes}
        fixed = {"classes": self.classes, "kinds": [ALL_ERRORS, *ERROR_TYPES], "curves": curves, "page": PAGE}
        return content | fixed | {"ap": {name: one.map50 for name, one in self.scores.per_class.items()}}, buffers

    def _thinned(self, name: str) -> dict[str, list[float]]:
        """At most CURVE_POINTS points of the class's curve, evenly spaced, with the last one."""
        curve = self.scores.curve(name)
        places = np.unique(np.linspace(0, len(curve.scores) - 1, CURVE_POINTS).round().astype(int))
        places = places if len(curve.scores) else places[:0]
        return {"recall": curve.recall[places].tolist(), "precision": curve.precision[places].tolist()}

    def numbers(self) -> dict[str, Any]:
        counts, pictures = self.counts(), len(self.order())
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return {
            "counts": counts,
            "pictures": pictures,
            "shown_page": self.page(pictures),
            "points": {name: list(point) for name, point in self.points().items()},
            "matrix": self.confusion().tolist(),
            "words": f"threshold {self.values['threshold']:.2f}: {words}; {pictures} pictures",
        }

    def figure(self) -> NotebookFigure:
        words = self.numbers()["words"]
        figure = NotebookFigure(figsize=(10, 9.4), alt=f"{self.title}. {words}")
        parts: Any = figure.subfigures(2, 1, height_ratios=(2.2, 1))
        above, below = parts
        above.suptitle(f"{self.values['kind']}, {self.values['cls']}, {words}", fontsize=9, parse_math=False)
        draw_tiles(above, self.tiles(), self.STYLES, 3)
        curve, table = below.subplots(1, 2)
        points = self.points()
        for name, style in zip(self.classes, class_styles(self.classes), strict=True):
            line = self._thinned(name)
            label = f"{name}, AP50 {self.scores.per_class[name].map50:.2f}"
            look: Any = {"color": style.colour, "path_effects": CASING, "linewidth": 2}
            curve.plot(line["recall"], line["precision"], linestyle=style.line, label=label, **look)
            curve.plot(*points[name], marker=style.letter, markersize=9, mec="black", clip_on=False, **look)
        curve.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        curve.legend(fontsize=9, loc="lower left")
        curve.grid(alpha=0.3)
        draw_matrix(table, self.confusion(), self.classes)
        return figure


def draw_matrix(axes: Any, matrix: np.ndarray, classes: list[str]) -> None:
    """Counts in cells, darker the larger their share of the row. matrix: [C + 1, C + 1], as of `confusion_matrix`."""
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.4)
    for (row, column), count in np.ndenumerate(matrix):
        if (row, column) != (len(classes), len(classes)):
            axes.text(column, row, str(count), ha="center", va="center", fontsize=9)
    for place, style in enumerate(class_styles(classes)):  # of the class, where it is taken for itself
        axes.plot(place - 0.32, place - 0.28, style.letter, color=style.colour, mec="black", markersize=6)
    name_ticks(axes.xaxis, [*classes, "missed"], fontsize=9)
    name_ticks(axes.yaxis, [*classes, "nothing"], fontsize=9)
    axes.set(xlabel="taken for", ylabel="really is")
