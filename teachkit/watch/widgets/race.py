"""The same detector three times, from one seed on the same batches, at three rates. No thread, no widget."""

from teachkit.experiments.small import (
    BATCH_SIZE,
    COUNTS,
    small_detections,
    small_trainer,
    small_validation_batch,
    usual_rate,
)
from teachkit.learn.log import Record
from teachkit.scoring import f1_score
from teachkit.structures import LOSS_NAMES
from teachkit.watch.timeline.timeline import Rows, rows_of

LANES = ("low", "usual", "high")
EPOCH = COUNTS["train"] // BATCH_SIZE  # steps
STEPS = 20 * EPOCH  # of a whole race: where its schedule ends
DETECT_EVERY = 4  # steps
MOST_BOXES = 12


def lane_rates(optimizer: str, factor: float) -> dict[str, float]:
    """Lane → rate: the usual rate divided by the factor, the usual rate, and the usual rate times the factor."""
    usual = usual_rate(optimizer)
    return {"low": usual / factor, "usual": usual, "high": usual * factor}


class Race:
    """One training a lane. `step` takes a step in each lane that has not diverged.

    found: the surest boxes on the first validation picture, see `small_detections`; f1: see `small_f1`; lr: in force
    at the last step.
    """

    def __init__(self, optimizer: str, factor: float, schedule: str, seed: int = 0) -> None:
        self.rates = lane_rates(optimizer, factor)
        self.trainers = {
            lane: small_trainer(rate, optimizer, schedule, seed, epochs=STEPS // EPOCH)
            for lane, rate in self.rates.items()
        }
        for trainer in self.trainers.values():
            trainer.on_record = _ignore  # else the trainer would warn of what is shown here anyway
        self.losses: dict[str, dict[str, list[float]]] = {lane: {name: [] for name in LOSS_NAMES} for lane in LANES}
        self.lr = dict(self.rates)
        self.found: dict[str, Rows] = {lane: [] for lane in LANES}
        self.f1: dict[str, float] = {lane: 0.0 for lane in LANES}
        self.steps = 0

    @property
    def over(self) -> bool:
        return self.steps >= STEPS

    def ended(self, lane: str) -> str:
        """Why the lane has ended, "" if it has not."""
        return self.trainers[lane].diverged or ""

    def step(self) -> None:
        for lane, trainer in self.trainers.items():
            if trainer.diverged is None:
                record = trainer.step()
                self.lr[lane] = record["lr"]
                for name in LOSS_NAMES:
                    self.losses[lane][name].append(record[name])
        self.steps += 1
        if self.steps % DETECT_EVERY == 0:
            self.detect()

    def detect(self) -> None:
        """Scores the three detectors, and keeps the boxes of the same exam on the picture that is shown."""
        for lane, trainer in self.trainers.items():
            detections = small_detections(trainer.model)
            self.f1[lane] = f1_score(detections, small_validation_batch().ground_truth)
            self.found[lane] = rows_of(detections[0])[:MOST_BOXES]


def _ignore(record: Record) -> None:
    pass
