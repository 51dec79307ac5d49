from collections.abc import Callable
from typing import Any

import pytest
import torch

from teachkit.feed.detector import Detector
from teachkit.feed.loader import first_images
from teachkit.feed.scenes import CLASSES, SceneSettings, make_scenes
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.structures import Batch, GroundTruth
from teachkit.watch.cockpit.session import Session


def batches(count: int, seed: int) -> list[Batch]:
    """Batches of four small scenes."""
    scenes = make_scenes(4 * count, seed=seed, settings=SceneSettings(image_size=64, objects=(1, 3)))
    images = torch.stack([scenes.image(index) for index in range(len(scenes))]).float() / 255
    return [
        Batch(
            images[start : start + 4],
            GroundTruth.from_lists(scenes.boxes[start : start + 4], scenes.labels[start : start + 4]),
            scenes.names[start : start + 4],
        )
        for start in range(0, len(scenes), 4)
    ]


TRAINING, VALIDATION = batches(6, seed=0), batches(2, seed=1)


@pytest.fixture
def make_trainer() -> Callable[..., Trainer]:
    def make(**settings: Any) -> Trainer:
        model = Detector(len(CLASSES), device="cpu", widths=(8, 8, 16), neck=16)
        return Trainer(
            model,
            Criterion(),
            TRAINING,
            VALIDATION,
            **({"schedule": "constant", "clip": float("inf"), "threads": 1} | settings),
        )

    return make


@pytest.fixture
def make_session(make_trainer: Callable[..., Trainer]) -> Callable[..., Session]:
    def make(trainer: Trainer | None = None, **settings: Any) -> Session:
        return Session(trainer or make_trainer(), first_images(VALIDATION, 2), TRAINING[0], list(CLASSES), **settings)

    return make
