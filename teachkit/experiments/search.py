"""A search of small trainings, as lesson 10 makes it, for the learning rate and loss weights of the best mAP50."""

from collections.abc import Iterator

from torch import nn

from teachkit.errors import UserError, whole
from teachkit.experiments.small import BATCH_SIZE, COUNTS, for_exam, small_trainer, small_validation_batch
from teachkit.experiments.study import DivergedError, Train, join, work
from teachkit.learn.log import Record
from teachkit.learn.validation import SCORE_THRESHOLD
from teachkit.scoring import score
from teachkit.structures import LossWeights


def search(
    trials: int = 12, *, steps: int = 96, seed: int = 0, weights: bool = True, progress: bool = True
) -> list[Record]:
    """Small trainings one after the other, each from the same first weights → a record of each, see `work`.

    steps: of each; its epochs have 16. Ctrl-C ends the search. UserError if a number is out of range.
    """
    for name, value, least in (("trials", trials, 1), ("steps", steps, 1), ("seed", seed, 0)):
        whole(f"{name} of a search", value, least)
    train, epochs = _small_training(steps, seed)
    return work(join(), trials, train, epochs, seed=seed, weights=weights, progress=progress)


def best(records: list[Record]) -> Record:
    """The complete trial with the best mAP50, the first of equals. UserError if none is complete."""
    complete = [record for record in records if record["state"] == "complete"]
    if not complete:
        raise UserError("no trial of the search is complete: search longer, or with smaller rates")
    return max(complete, key=lambda record: record["map50"])


def again(record: Record, seed: int, *, steps: int = 96) -> float:
    """mAP50 with the settings of a trial and another seed: other first weights, the same validation batch."""
    train, _ = _small_training(steps, seed)
    try:
        return list(train(record["lr"], {name: record[name] for name in LossWeights().as_dict()}))[-1]
    except DivergedError:
        return 0.0


def _small_training(steps: int, seed: int) -> tuple[Train, int]:
    """And how many epochs it has."""
    epoch = COUNTS["train"] // BATCH_SIZE

    def train(rate: float, weights: dict[str, float]) -> Iterator[float]:
        trainer = small_trainer(rate, seed=seed)
        trainer.control.set(**weights)
        for step in range(1, steps + 1):
            trainer.step()
            if trainer.diverged is not None:
                raise DivergedError(trainer.diverged)
            if step % epoch == 0 or step == steps:
                yield _map50(trainer.model)

    return train, -(-steps // epoch)


def _map50(model: nn.Module) -> float:
    batch = small_validation_batch()
    detections = for_exam(model).detect(batch.images, SCORE_THRESHOLD)  # type: ignore[operator]
    return score(detections, batch.ground_truth).map50
