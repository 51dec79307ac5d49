"""Both sides of bench_ap, run by the peer's own Python from the root of the project.

Prints one JSON object: the mAP of ours and of the peer, and seconds of a processor of each round, in turn.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from teachkit.scoring.precision import score
from teachkit.structures import Detections, GroundTruth

SIDE, DETECTIONS, MOST_OBJECTS, IMAGES_OF_A_BATCH = 640, 40, 14, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = [picture(rng, options.classes) for _ in range(options.images)]
    sides = Ours(images, options.classes), Peer(images, options.classes)
    answers = [side.score() for side in sides]
    print(json.dumps({"map": answers, "seconds": [[seconds(side) for side in sides] for _ in range(options.rounds)]}))


def picture(rng: np.random.Generator, classes: int) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """True boxes [n, 4] px, their labels, then boxes near them, labels and scores of 40 detections."""
    count = rng.integers(1, MOST_OBJECTS)
    corners, sides = rng.uniform(0, 440, (count, 2)), rng.uniform(10, 200, (count, 2))
    boxes, labels = quarters(np.concatenate([corners, corners + sides], 1)), rng.integers(0, classes, count)
    near = rng.integers(0, count, DETECTIONS)
    found = boxes[near] + rng.normal(0, 12, (DETECTIONS, 4))
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    guesses = np.where(rng.random(DETECTIONS) < 0.7, labels[near], rng.integers(0, classes, DETECTIONS))
    return boxes, labels, quarters(found), guesses, rng.random(DETECTIONS)


def quarters(px: NDArray) -> NDArray:
    """Which float32 and float64 hold alike."""
    return (4 * px).round() / 4


class Ours:
    def __init__(self, images: list[Any], classes: int) -> None:
        self.names = [str(label) for label in range(classes)]
        parts = [images[first : first + IMAGES_OF_A_BATCH] for first in range(0, len(images), IMAGES_OF_A_BATCH)]
        self.truth = [
            GroundTruth.from_lists(_tensors(*(one[0] for one in part)), _tensors(*(one[1] for one in part)))
            for part in parts
        ]
        self.found = [[Detections(*_tensors(one[2], one[4], one[3])) for one in part] for part in parts]

    def score(self) -> float:
        return score(self.found, self.truth, self.names).map


class Peer:
    """faster-coco-eval, which counts in C++; of objects of all sizes only, and without its printing."""

    def __init__(self, images: list[Any], classes: int) -> None:
        from faster_coco_eval import COCO

        truths, self.found = [], []
        for image, (boxes, labels, found, guesses, scores) in enumerate(images):
            for label, (x, y, w, h) in zip(labels.tolist(), _xywh(boxes), strict=True):
                box = {"id": len(truths) + 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
                truths.append({"image_id": image, "category_id": label, **box})
            self.found += [
                {"image_id": image, "category_id": label, "bbox": box, "score": value}
                for label, box, value in zip(guesses.tolist(), _xywh(found), scores.tolist(), strict=True)
            ]
        self.truth = COCO()
        self.truth.dataset = {
            "images": [{"id": image, "width": SIDE, "height": SIDE} for image in range(len(images))],
            "categories": [{"id": label, "name": str(label)} for label in range(classes)],
            "annotations": truths,
        }
        self.truth.createIndex()
        self.loaded = self.truth.loadRes(self.found)  # its own form of the detections; not part of its time

    def score(self) -> float:
        from faster_coco_eval import COCOeval_faster

        run = COCOeval_faster(self.truth, self.loaded, "bbox")
        run.params.areaRng, run.params.areaRngLbl, run.params.maxDets = run.params.areaRng[:1], ["all"], [100]
        run.evaluate()
        run.accumulate()
        precision = run.eval["precision"]
        return float(precision[precision > -1].mean())


def seconds(side: Ours | Peer) -> float:
    began = time.process_time()
    side.score()
    return time.process_time() - began


def _tensors(*arrays: NDArray) -> list[torch.Tensor]:
    return [torch.from_numpy(one) for one in arrays]


def _xywh(boxes: NDArray) -> list[list[float]]:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).tolist()


if __name__ == "__main__":
    main()
