"""What the page works out by rules of its own, beside the graphs: the same as the library's, asked in node."""

import math

import numpy as np
import pytest
import torch

from teachkit.feed.decode import decode
from teachkit.learn.schedule import SCHEDULES, usual_warmup
from teachkit.learn.trend import Trend
from teachkit.scoring import score
from teachkit.structures import LOSS_NAMES, Detections, GroundTruth, Predictions
from tests.page.engine import asked


def test_schedules_give_the_factors_of_the_library():
    total, steps = 640, list(range(0, 700, 7))
    script = """
        const { SCHEDULES, usualWarmup } = await import("LIVE/schedules.js");
        answer = Object.fromEntries(data.names.map((name) => [name,
          data.steps.map((step) => SCHEDULES[name](step, data.total, usualWarmup(data.total)))]));"""
    factors = asked(script, {"names": list(SCHEDULES), "steps": steps, "total": total})
    for name, schedule in SCHEDULES.items():
        assert factors[name] == pytest.approx([schedule(step, total, usual_warmup(total)) for step in steps], rel=1e-12)


def random_looks(seed: int, pictures: int = 6, points: int = 40, classes: int = 3):
    """Crowded boxes with scores, some of them equal, and a truth or two in each picture."""
    dice = np.random.default_rng(seed)
    corners = dice.integers(0, 40, (pictures, points, 2)).astype(float)
    boxes = np.concatenate([corners, corners + dice.integers(4, 24, (pictures, points, 2))], -1)
    scores = np.round(dice.random((pictures, points, classes)) ** 3, 2)
    truths = [
        [[*boxes[picture, at], int(dice.integers(classes))] for at in range(picture % 3)] for picture in range(pictures)
    ]
    return boxes, scores, truths


class Stored(Predictions):
    """Predictions whose boxes and scores are given."""

    def __init__(self, boxes: torch.Tensor, scores: torch.Tensor) -> None:
        points = boxes.shape[1]
        super().__init__(scores, torch.zeros(*boxes.shape, 2), torch.zeros(points, 2), torch.ones(points))
        self.__dict__.update(boxes=boxes, scores=scores)


@pytest.mark.parametrize("seed", range(8))
def test_detections_and_scores_are_those_of_the_library(seed):
    boxes, scores, truths = random_looks(seed)
    script = """
        const { detections, meanAveragePrecision } = await import("LIVE/scores.js");
        const flat = (list) => Float64Array.from(list.flat(Infinity));
        const settings = { threshold: 0.05, overlap: 0.5, limit: 5 };
        const found = detections(flat(data.boxes), flat(data.scores), data.boxes.length, 3, settings);
        answer = { found, scores: meanAveragePrecision(found, data.truths, 3) };"""
    answer = asked(script, {"boxes": boxes.tolist(), "scores": scores.tolist(), "truths": truths})
    predictions = Stored(torch.tensor(boxes), torch.tensor(scores))
    found = decode(predictions, (64, 64), 0.05, 0.5, 5)
    for ours, theirs in zip(answer["found"], found, strict=True):
        rows = [
            [*box, label, one]
            for box, one, label in zip(
                theirs.boxes.tolist(), theirs.scores.tolist(), theirs.labels.tolist(), strict=True
            )
        ]
        clipped = [[*(min(64.0, max(0.0, side)) for side in row[:4]), *row[4:]] for row in ours]
        assert sorted(clipped) == sorted(rows)
        assert [row[5] for row in ours] == sorted((row[5] for row in ours), reverse=True)
    ours = [
        Detections(
            torch.tensor([row[:4] for row in rows]).reshape(-1, 4),
            torch.tensor([row[5] for row in rows]),
            torch.tensor([int(row[4]) for row in rows], dtype=torch.int64),
        )
        for rows in answer["found"]
    ]
    truth = GroundTruth.from_lists(
        [torch.tensor([row[:4] for row in rows]).reshape(-1, 4) for rows in truths],
        [torch.tensor([row[4] for row in rows], dtype=torch.int64) for rows in truths],
    )
    wanted = score(ours, truth, ["a", "b", "c"])
    assert answer["scores"]["map"] == pytest.approx(wanted.map, abs=1e-9)
    assert answer["scores"]["map50"] == pytest.approx(wanted.map50, abs=1e-9)


def runs() -> dict[str, list[dict[str, float]]]:
    """Losses of runs that end well, break at once, break later, and fall silent."""
    dice = np.random.default_rng(1)
    noise = lambda: math.exp(0.1 * dice.standard_normal())  # noqa: E731
    good = [{name: (0.3 + 3 / (1 + step / 10)) * noise() for name in LOSS_NAMES} for step in range(120)]
    return {
        "good": good,
        "broken later": good[:60] + [{name: 12 * noise() for name in LOSS_NAMES} for _ in range(60)],
        "broken at once": [{"box": 0.0, "cls": 4 if step == 0 else 90 * noise(), "dfl": 0.0} for step in range(60)],
        "silent": good[:30] + [dict.fromkeys(LOSS_NAMES, 1e-5) for _ in range(20)],
        "small and growing": [{"box": 0.001 * step, "cls": 3.0 * noise(), "dfl": 0.002 * step} for step in range(120)],
    }


@pytest.mark.parametrize("name", runs())
def test_a_run_is_called_diverged_at_the_same_step_in_the_same_words(name):
    weights = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
    trend, wanted = Trend(), []
    for step, losses in enumerate(runs()[name]):
        found = trend.update(step, losses, weights, objects=True)
        wanted += [[step, finding.message] for finding in found if finding.what == "diverged"]
    script = """
        const { Trend } = await import("LIVE/trend.js");
        const trend = new Trend();
        const told = data.losses.map((losses, step) => [step, trend.update(step, losses, data.weights)]);
        answer = told.filter(([, words]) => words);"""
    assert asked(script, {"losses": runs()[name], "weights": weights}) == wanted
    assert bool(wanted) == (name not in ("good", "small and growing"))
