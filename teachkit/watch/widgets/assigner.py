"""The assigner on a real picture: the anchor points of each object, as top-k, alpha and beta move."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.patches import Rectangle
from torch import nn

from teachkit.boxes import ciou
from teachkit.errors import UserError
from teachkit.experiments.recorded import trained_and_untrained
from teachkit.feed.scenes import make_scenes
from teachkit.punish.assigner import TaskAlignedAssigner, candidates
from teachkit.structures import Assignment, Batch, GroundTruth, Predictions
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.figures.images import png
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of, rounded

MOST_ROWS = 8  # of the table of points


def first_scene() -> tuple[Batch, list[str]]:
    """A built-in validation scene with three objects or more."""
    scenes = make_scenes(16, seed=7)
    place = next(place for place, boxes in enumerate(scenes.boxes) if len(boxes) >= 3)
    truth = GroundTruth.from_lists([scenes.boxes[place]], [scenes.labels[place]])
    return Batch(scenes.image(place)[None].float() / 255, truth, [scenes.names[place]]), scenes.classes


class AssignerPlayground(Playground):
    """One real picture, and the task-aligned assigner of the criterion at work on a detector's predictions.

    models: name → detector, by default "trained" (on the built-in shapes) and "untrained"; batch: its first image is
    taken, by default a built-in scene; topk, alpha, beta: of `TaskAlignedAssigner`. UserError if the picture is empty.
    """

    _esm = front_end("widgets/assigner.js")
    _css = front_end("widgets/assigner.css")
    title = "Who is punished? The assigner on a real picture"
    words = "A picture with its true boxes, and the anchor points that answer for each of them"

    def __init__(
        self,
        models: Mapping[str, nn.Module] | None = None,
        batch: Batch | None = None,
        classes: Sequence[str] | None = None,
        *,
        topk: int = 10,
        alpha: float = 0.5,
        beta: float = 6.0,
    ) -> None:
        if models is None:
            models, names = trained_and_untrained()
            classes = names if classes is None else classes
        scene, names = first_scene() if batch is None else (batch, list(classes or []))
        boxes, labels = scene.ground_truth.image(0)
        if not models or not len(boxes):
            raise UserError("an assignment needs a detector and a picture with an object in it")
        self.images, self.truth = scene.images[:1], GroundTruth.from_lists([boxes], [labels])
        self.classes = names or [f"class {one}" for one in range(int(labels.max()) + 1)]
        with torch.no_grad():  # asked once: the levers change who is punished, not what was predicted
            self.predictions: dict[str, Predictions] = {name: one(self.images) for name, one in models.items()}
        self.objects = [f"{place + 1}: {self.classes[int(label)]}" for place, label in enumerate(labels)]
        self.levers = {
            "topk": rounded("top-k", 1, 30),
            "alpha": between("alpha", 0, 3),
            "beta": between("beta", 0, 10),
            "model": one_of("model", list(models)),
            "object": rounded("object", 1, len(labels)),
        }
        super().__init__(topk=topk, alpha=alpha, beta=beta, model=next(iter(models)), object=1)

    def assignment(self) -> Assignment:
        """By the assigner that the criterion uses, with the settings as they stand."""
        assigner = TaskAlignedAssigner(self.values["topk"], self.values["alpha"], self.values["beta"])
        return assigner(self.predictions[self.values["model"]], self.truth)

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        first = next(iter(self.predictions.values()))
        content = {
            "classes": self.classes,
            "image_size": list(self.images.shape[-2:]),
            "truth": self.truth.boxes[0].tolist(),
            "objects": self.objects,
            "labels": self.truth.labels[0].tolist(),
            "models": list(self.predictions),
            "points": first.anchor_points.tolist(),
        }
        return content, [png(self.images[0])]

    def numbers(self) -> dict[str, Any]:
        """points: [x, y, object from 0, target score, row of the chosen object or -1] of the positive ones."""
        predictions, assignment = self.predictions[self.values["model"]], self.assignment()
        target = assignment.target_scores[0].sum(-1)  # [A]
        owner, positive = assignment.object[0], assignment.positive[0]
        inside = candidates(predictions, self.truth)[0]  # [M, A]
        overlap = ciou(self.truth.boxes[0][:, None], predictions.boxes[0][None]).clamp(min=0)  # [M, A]
        chosen = self.values["object"] - 1
        score = predictions.scores[0, :, int(self.truth.labels[0, chosen])]  # [A]
        mine = (positive & (owner == chosen)).nonzero()[:, 0]
        places = mine[target[mine].argsort(descending=True)].tolist()
        rows: list[dict[str, Any]] = [
            {
                "score": float(score[one]),
                "overlap": float(overlap[chosen, one]),
                "metric": float(score[one] ** self.values["alpha"] * overlap[chosen, one] ** self.values["beta"]),
                "target": float(target[one]),
                "stride": float(predictions.strides[one]),
                "box": predictions.boxes[0, one].tolist(),
            }
            for one in places[:MOST_ROWS]
        ]
        order = {one: row for row, one in enumerate(places)}
        best = max((row["overlap"] for row in rows), default=0.0)
        return {
            "points": [
                [*predictions.anchor_points[one].tolist(), int(owner[one]), float(target[one]), order.get(one, -1)]
                for one in positive.nonzero()[:, 0].tolist()
            ],
            "rows": rows,
            "more": max(0, len(places) - MOST_ROWS),
            "inside": int(inside[chosen].sum()),
            "positive": int(positive.sum()),
            "all": len(positive),
            "counts": [int((positive & (owner == one)).sum()) for one in range(len(self.objects))],
            "words": f"{int(positive.sum())} of {len(positive)} anchor points answer for an object. "
            f"Object {self.objects[chosen]}: {len(places)} points, best target {rows[0]['target'] if rows else 0:.2f}, "
            f"best overlap {best:.2f}.",
        }

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(5.4, 5), alt=f"{self.words}. {now['words']}", photo=True)
        axes = figure.subplots()
        axes.imshow(self.images[0].permute(1, 2, 0).cpu().numpy())
        axes.axis("off")
        boxes, styles = self.truth.boxes[0].tolist(), class_styles(self.classes)
        for place, (x1, y1, x2, y2) in enumerate(boxes):
            style = styles[int(self.truth.labels[0, place])]
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="white", linestyle="--"))
            mine = [point for point in now["points"] if point[2] == place]
            axes.scatter(
                [one[0] for one in mine], [one[1] for one in mine], [10 + 120 * one[3] for one in mine],
                color=style.colour, marker=style.letter, edgecolors="black",
            )  # fmt: skip
        write_names(axes, [(box, name, "white") for box, name in zip(boxes, self.objects, strict=True)])
        axes.set_title(f"top-k {self.values['topk']}, alpha {self.values['alpha']:g}, beta {self.values['beta']:g}")
        return figure
