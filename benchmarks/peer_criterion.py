"""Both sides of bench_criterion, run by the peer's own Python from the root of the project.

Prints one JSON object: milliseconds of each round, ours and the peer's in turn, on the same numbers, with one thread
or on the GPU.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import Tensor

from teachkit.boxes import anchor_points
from teachkit.punish.criterion import Criterion
from teachkit.structures import GroundTruth, Predictions
from tests.punish.golden_cases import Case
from tests.punish.make_golden import peer_model

STRIDES, BINS, OBJECTS = (8, 16, 32), 16, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True, help="px")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ours, peer = sides(options.size, options.images, options.classes, options.device)
    assert abs(ours() - peer()) < 1e-3, "the two compute different losses"
    clock = time.thread_time if options.device == "cpu" else time.perf_counter
    print(json.dumps([[milliseconds(ours, clock), milliseconds(peer, clock)] for _ in range(options.rounds)]))


def milliseconds(side: Callable[[], float], clock: Callable[[], float]) -> float:
    """Of a side, which waits for its device at its end."""
    begin = clock()
    side()
    return 1000 * (clock() - begin)


def sides(size: int, images: int, classes: int, device: str) -> tuple[Callable[[], float], Callable[[], float]]:
    """Forward and backward pass of each criterion, in the layout that its own detector gives → the box loss."""
    from ultralytics.utils.loss import v8DetectionLoss

    generator = torch.Generator().manual_seed(size)
    points, strides = (one.to(device) for one in anchor_points((size, size), STRIDES))
    cls_logits = (torch.randn(images, len(points), classes, generator=generator) - 3).to(device)
    box_logits = (2 * torch.randn(images, len(points), 4, BINS, generator=generator)).to(device)
    boxes, labels = (one.to(device) for one in objects(size, images, classes, generator))
    case = Case(0, (size, size), STRIDES, classes, (OBJECTS,) * images, size)
    criterion, theirs = Criterion(), v8DetectionLoss(peer_model(case).to(device))
    truth = GroundTruth(boxes, labels, torch.ones(images, OBJECTS, dtype=torch.bool, device=device))
    sizes, centres = boxes[..., 2:] - boxes[..., :2], (boxes[..., 2:] + boxes[..., :2]) / 2
    their_truth = {
        "batch_idx": torch.arange(images, device=device).repeat_interleave(OBJECTS).float(),
        "cls": labels.flatten()[:, None].float(),
        "bboxes": torch.cat([centres, sizes], -1).flatten(0, 1) / size,
    }
    maps = [torch.zeros(images, 1, size // stride, size // stride, device=device) for stride in STRIDES]
    their_boxes, their_scores = box_logits.flatten(2).mT.contiguous(), cls_logits.mT.contiguous()

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize()

    def ours() -> float:
        losses = criterion(Predictions(leaf(cls_logits), leaf(box_logits), points, strides), truth)
        losses.backward()
        wait()
        return float(losses.box.detach())

    def peer() -> float:
        predictions = {"boxes": leaf(their_boxes), "scores": leaf(their_scores), "feats": maps}
        losses, _ = theirs(predictions, their_truth)
        losses.sum().backward()
        wait()
        return float(losses[0].detach()) / 7.5 / images

    return ours, peer


def leaf(values: Tensor) -> Tensor:
    return values.detach().requires_grad_()


def objects(size: int, images: int, classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Boxes [B, OBJECTS, 4] px, sides of an eighth to a half of the picture, and labels [B, OBJECTS]."""
    sides = size * (0.125 + 0.375 * torch.rand(images, OBJECTS, 2, generator=generator))
    corners = (size - sides) * torch.rand(images, OBJECTS, 2, generator=generator)
    labels = torch.randint(0, classes, (images, OBJECTS), generator=generator)
    return torch.cat([corners, corners + sides], -1), labels


if __name__ == "__main__":
    main()
