"""The playgrounds of the site: what each has to know to answer as the kernel does, its graphs, and its pictures."""

import inspect
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from teachkit.analysis.surfaces import LOST
from teachkit.feed.augment import flip
from teachkit.feed.scenes import CLASSES, SceneObject, SceneSettings, draw_scene
from teachkit.learn.log import as_json
from teachkit.page import playground_graphs as graphs
from teachkit.page.trace import Program, Tensors, write_json
from teachkit.structures import LOSS_NAMES
from teachkit.watch.figures.images import as_bytes, png
from teachkit.watch.motion.descent import NEAR, START, TALL, WIDE, DescentPlayground
from teachkit.watch.motion.film import PICTURES, TrainingFilm
from teachkit.watch.timeline.marks import word
from teachkit.watch.widgets.assigner import MOST_ROWS, AssignerPlayground
from teachkit.watch.widgets.augment import AugmentPlayground
from teachkit.watch.widgets.batch_size import BatchPlayground
from teachkit.watch.widgets.chart import ChartPlayground
from teachkit.watch.widgets.confidence import ConfidencePlayground
from teachkit.watch.widgets.data_quality import SCENES, SEED, DataQualityPlayground
from teachkit.watch.widgets.dfl import BINS, LEAST_SHARE, SHAPES, DFLPlayground, shares_of
from teachkit.watch.widgets.iou import FLAT, STOPS, IoUPlayground
from teachkit.watch.widgets.loss_weights import LossWeightsPlayground
from teachkit.watch.widgets.optimizer import RULES, SURFACES, OptimizerPlayground
from teachkit.watch.widgets.patience import PatiencePlayground
from teachkit.watch.widgets.playground import Playground
from teachkit.watch.widgets.runs_side_by_side import LOSSES, SCORES, RunsSideBySide
from teachkit.watch.widgets.search import SearchPlayground
from teachkit.watch.widgets.threshold import DRAWN, ThresholdPlayground


@dataclass
class Content:
    """traced: the graphs by name; rules: constants of a rule; tensors, pictures: what it reads and shows."""

    traced: Mapping[str, graphs.Traced] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    tensors: Tensors = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)


def iou(_: Playground) -> Content:
    return Content({"iou": graphs.trace_iou()}, {"flat": FLAT, "stops": STOPS})


def dfl(_: Playground) -> Content:
    none = torch.ones(BINS, dtype=torch.float64)
    fixed = [name for name in SHAPES if name not in ("hand", "target")]
    shapes = {name: [shares_of(name, k, none, none).tolist() for k in range(BINS - 1)] for name in fixed}
    return Content({"dfl": graphs.trace_dfl()}, {"least_share": LEAST_SHARE, "shapes": shapes})


def confidence(_: Playground) -> Content:
    return Content({"confidence": graphs.trace_confidence()})


def optimizer(_: Playground) -> Content:
    starts = {name: one.start for name, one in SURFACES.items()}
    return Content(graphs.traced_surfaces(), {"starts": starts, "names": RULES, "lost": LOST})


def assigner(playground: Playground) -> Content:
    shown = cast(AssignerPlayground, playground)
    largest = described(shown.levers["topk"])["high"]
    inside = graphs.candidates(next(iter(shown.predictions.values())), shown.truth)[0].sum(-1).tolist()
    strides = next(iter(shown.predictions.values())).strides.tolist()
    rules = {"most_rows": MOST_ROWS, "inside": inside, "strides": strides, "labels": shown.truth.labels[0].tolist()}
    tensors = {
        f"{model}.{name}": getattr(one, name).detach()
        for model, one in shown.predictions.items()
        for name in ("boxes", "cls_logits")
    }
    return Content({"assigner": graphs.trace_assigner(shown, largest)}, rules, tensors)


def threshold(playground: Playground) -> Content:
    from torchvision import ops  # half a second to load

    shown = cast(ThresholdPlayground, playground)
    truth = shown.batch.ground_truth
    objects = [torch.cat([boxes, labels[:, None]], 1).tolist() for boxes, labels in map(truth.image, range(len(truth)))]
    size = cast(tuple[int, int], tuple(shown.batch.images.shape[-2:]))
    tensors: Tensors = {}
    for model, one in shown.predictions.items():
        tensors |= {f"{model}.boxes": ops.clip_boxes_to_image(one.boxes.detach(), size)}
        tensors |= {f"{model}.scores": one.scores.detach()}
    return Content({}, {"objects": objects, "drawn": DRAWN}, tensors)


def loss_weights(playground: Playground) -> Content:
    shown = cast(LossWeightsPlayground, playground)
    measured = {
        model: {
            "raw": {name: float(getattr(one.losses, name)) for name in LOSS_NAMES},
            "norms": one.pulls.norms,
            "cosines": [[a, b, cosine] for (a, b), cosine in one.pulls.cosines.items()],
        }
        for model, one in shown.measured.items()
    }
    return Content({}, {"measured": measured, "words": {name: word(name) for name in LOSS_NAMES}})


def augment(playground: Playground) -> Content:
    shown = cast(AugmentPlayground, playground)
    _, boxes = flip(shown.image[None].float(), shown.boxes[None], torch.tensor([True]))
    names = [shown.classes[int(label)] for label in shown.labels]
    rules = {"names": names, "boxes": {"no": shown.boxes.tolist(), "yes": boxes[0].tolist()}, "tiles": True}
    rules |= {"size": list(shown.image.shape[1:])}
    return Content(graphs.traced_views(shown), rules, pictures=[png(shown.image.float() / 255)])


def data_quality(_: Playground) -> Content:
    """Over the imbalance in hundredths: what else the knobs do, they do to the annotations of the same objects."""
    scenes: list[Any] = []
    pictures: list[bytes] = []
    for number in range(SCENES):
        looks: list[dict[str, Any]] = []
        last: NDArray[np.uint8] = np.empty(0, np.uint8)
        for step in range(101):
            pixels, objects = draw_scene([SEED, 0, number], SceneSettings(imbalance=step / 100))
            if step and (pixels == last).all():
                continue
            last = pixels
            looks.append({"from": step / 100, "picture": len(pictures), "objects": list(map(annotation, objects))})
            pictures.append(webp(pixels.transpose(1, 2, 0)))
        scenes.append(looks)
    rules = {"scenes": scenes, "classes": list(CLASSES), "size": SceneSettings().image_size, "tiles": True}
    return Content({}, rules, pictures=pictures)


def annotation(one: SceneObject) -> dict[str, Any]:
    height, width = one.form.inside.shape
    return {"box": [one.x, one.y, width, height], "kind": one.kind, "faults": one.faults}


def webp(pixels: NDArray[np.uint8]) -> bytes:
    """pixels: [H, W, 3]. A tenth of a PNG; that it is not the same in each pixel changes no number."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=80, method=6)
    return file.getvalue()


def runs_side_by_side(playground: Playground) -> Content:
    shown = cast(RunsSideBySide, playground)
    looks = [run.timeline.detections for run in shown.runs]
    return Content({}, {"looks": looks, "losses": LOSSES, "scores": SCORES})


def descent(_: Playground) -> Content:
    return Content({}, {"start": START, "wide": WIDE, "tall": TALL, "near": NEAR})


def film(playground: Playground) -> Content:
    images = cast(TrainingFilm, playground).film.pictures.images[:PICTURES]
    return Content({}, {"tiles": True}, pictures=[webp(as_bytes(one).permute(1, 2, 0).numpy()) for one in images])


def table(playground: Playground) -> Content:
    """All answers of a playground whose settings are few: the answers, and which belongs to which settings.

    Lines share their points: of each line its stretches of them, [first, behind the last].
    """
    chart = cast(ChartPlayground, playground)
    choices: dict[str, list[Any]] = {name: list(numbers) for name, _, numbers in chart.sliders}
    choices |= {name: list(menu) for name, _, menu in chart.menus}
    first, places = chart.values, []
    answers: dict[str, int] = {}
    points: dict[str, int] = {}
    for setting in itertools.product(*choices.values()):
        chart.values = dict(zip(choices, setting, strict=True))
        answer = as_json(chart.numbers())
        for line in answer["lines"]:
            line["points"] = stretches([points.setdefault(json.dumps(one), len(points)) for one in line["points"]])
        text = json.dumps(answer, ensure_ascii=False)
        places.append(answers.setdefault(text, len(answers)))
    chart.values = first
    told = {"answers": list(map(json.loads, answers)), "points": list(map(json.loads, points))}
    return Content({}, {"choices": choices, "places": places, **told})


def stretches(numbers: list[int]) -> list[list[int]]:
    """[3, 4, 5, 9] → [[3, 6], [9, 10]]"""
    found: list[list[int]] = []
    for one in numbers:
        if found and found[-1][1] == one:
            found[-1][1] += 1
        else:
            found.append([one, one + 1])
    return found


# name → the widget of the lessons, and what its page holds
PLAYGROUNDS: dict[str, tuple[Callable[[], Playground], Callable[[Playground], Content]]] = {
    "iou": (IoUPlayground, iou),
    "assigner": (AssignerPlayground, assigner),
    "confidence": (ConfidencePlayground, confidence),
    "augment": (AugmentPlayground, augment),
    "data_quality": (DataQualityPlayground, data_quality),
    "dfl": (DFLPlayground, dfl),
    "loss_weights": (LossWeightsPlayground, loss_weights),
    "optimizer": (OptimizerPlayground, optimizer),
    "threshold": (ThresholdPlayground, threshold),
    "patience": (PatiencePlayground, table),
    "batch_size": (BatchPlayground, table),
    "search": (SearchPlayground, table),
    "runs_side_by_side": (
        partial(RunsSideBySide, "few_pictures_0", "many_pictures_0", names=["32 pictures", "1,000 pictures"]),
        runs_side_by_side,
    ),
    "descent": (DescentPlayground, descent),
    "film_of_weights": (partial(TrainingFilm, "loss weights"), film),
    "film_of_pictures": (partial(TrainingFilm, "pictures"), film),
}


def write_playground(name: str, folder: Path) -> None:
    """name.json: title, first values, levers, set-up, constants, graphs; name.bin: their numbers, then the pictures."""
    make, fill = PLAYGROUNDS[name]
    widget, program = make(), Program()
    content, (setup, shown) = fill(widget), widget.setup()
    pictures = content.pictures or shown
    for graph, (work, inputs) in content.traced.items():
        program.trace(graph, partial(prefixed, graph, work), {f"{graph}.{key}": one for key, one in inputs.items()})
    program.tensors |= {key: one.clone() for key, one in content.tensors.items()}
    written, numbers = program.content()
    ends = list(itertools.accumulate(map(len, pictures), initial=len(numbers)))
    facts = {
        "title": widget.title,
        "first": widget.values,
        "levers": {lever: described(check) for lever, check in widget.levers.items()},
        "setup": setup,
        "rules": content.rules,
    }
    widget.close()
    write_json(folder / f"{name}.json", {"facts": as_json(facts), "program": written, "pictures": ends})
    (folder / f"{name}.bin").write_bytes(numbers + b"".join(pictures))


def prefixed(name: str, work: Callable[[], Tensors]) -> dict[str, Tensor]:
    return {f"{name}.{key}": one for key, one in work().items()}


def described(check: Callable[[Any], Any]) -> dict[str, Any]:
    """The rule of a lever, as data: those of playground.py and chart.py tell it by what they hold."""
    held = dict(inspect.getclosurevars(check).nonlocals)
    if "numbers" in held:
        return {"kind": "box", "sides": [described(one) for one in held["numbers"]]}
    if "check" in held:
        return {**described(held["check"]), "kind": "rounded"}
    if not held or "self" in held:
        return {"kind": check.__name__}
    known = {name: list(one) if name == "choices" else one for name, one in held.items()}
    return {"kind": check.__qualname__.split(".")[0], **known}
