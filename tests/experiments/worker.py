"""A worker of a study, whose trainings only sleep: `python -m tests.experiments.worker JOURNAL TRIALS TRAINED`."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from teachkit.experiments.study import join, work

EPOCHS = 3


def train(rate: float, weights: dict[str, float]) -> Iterator[float]:
    for epoch in range(EPOCHS):
        time.sleep(0.1)
        yield min(1.0, rate * weights["box"] * (epoch + 1))
    with open(sys.argv[3], "a") as trained:
        trained.write(f"{rate!r}\n")


def main() -> None:
    journal, trials = sys.argv[1:3]
    work(join("shared", str(Path(journal))), int(trials), train, EPOCHS + 1, shared=True, progress=False)


if __name__ == "__main__":
    main()
