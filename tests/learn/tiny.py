"""A detector so small that a step takes milliseconds, batches in a list, and trainers that keep their records."""

from typing import Any

import torch

from teachkit.feed.detector import Detector
from teachkit.learn.trainer import Trainer
from teachkit.structures import Batch, GroundTruth


def tiny_detector(seed: int = 0) -> Detector:
    return Detector(3, device="cpu", widths=(8, 8, 16), neck=8, seed=seed)


def make_batches(count: int = 4, size: int = 2, side: int = 32, seed: int = 0) -> list[Batch]:
    """Noise with one or two boxes in each picture."""
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for place in range(count):
        boxes, labels = [], []
        for image in range(size):
            left_top = torch.rand(1 + image % 2, 2, generator=generator) * side / 2
            sides = side / 4 + torch.rand(1 + image % 2, 2, generator=generator) * side / 4
            boxes.append(torch.cat([left_top, left_top + sides], 1))
            labels.append(torch.randint(3, (1 + image % 2,), generator=generator))
        images = torch.rand(size, 3, side, side, generator=generator)
        names = [f"picture-{place}-{image}.png" for image in range(size)]
        batches.append(Batch(images, GroundTruth.from_lists(boxes, labels), names))
    return batches


class Recorded(Trainer):
    """A trainer that keeps what it tells."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.records: list[dict[str, Any]] = []
        super().__init__(*arguments, **({"on_record": self.records.append} | settings))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]

    def events(self, what: str | None = None) -> list[dict[str, Any]]:
        return [record for record in self.of("event") if what in (None, record["what"])]


def same(a: Any, b: Any) -> bool:
    """Bit for bit, through nested dicts, lists and tuples."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records as two runs can have them in common."""
    unlike = ("seconds", "train_seconds", "rss_mb", "gpu_mb", "gpu_percent")
    return [{key: value for key, value in record.items() if key not in unlike} for record in records]
