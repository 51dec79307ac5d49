"""A worker of a study, whose trainings only sleep."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from teachkit.experiments.study import join, work

EPOCHS = 3


def train(trained: Path, rate: float, weights: dict[str, float]) -> Iterator[float]:
    for epoch in range(EPOCHS):
        time.sleep(0.1)
        yield min(1.0, rate * weights["box"] * (epoch + 1))
    with trained.open("a") as file:
        file.write(f"{rate!r}\n")


def main(journal: Path, trials: int, trained: Path) -> None:
    work(join("shared", str(journal)), trials, partial(train, trained), EPOCHS + 1, shared=True, progress=False)
