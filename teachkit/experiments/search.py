"""A small search with Optuna: which learning rate and loss weights reach the best mAP50 after a short training.

The total loss cannot be the objective, since the search changes its weights; nor can the number of objects found, which
a flood of boxes raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from tqdm.auto import tqdm

from teachkit.errors import UserError, whole
from teachkit.experiments.small import BATCH_SIZE, COUNTS, for_exam, small_trainer, small_validation_batch
from teachkit.learn.log import Record
from teachkit.learn.validation import SCORE_THRESHOLD
from teachkit.scoring import score
from teachkit.structures import LossWeights

RATES = (1e-5, 1e-1)  # searched on a logarithmic scale, like the factors of the usual loss weights
FACTORS = (0.1, 10.0)
UNPRUNED = 3  # trials that always run to the end: the pruner needs their median


def search(
    trials: int = 12, *, steps: int = 96, seed: int = 0, weights: bool = True, progress: bool = True
) -> list[Record]:
    """Runs trials one after the other, each from the same first weights → a record of each, in their order.

    {"kind": "trial", "number", "lr", "box", "cls", "dfl", "map50_each_epoch" (after each 16 steps), "map50" (at
    the end; 0 if it diverged), "state": "complete" | "pruned" | "diverged"}.
    weights: False searches the rate alone. Optuna (Akiba et al. 2019, arXiv 1907.10902) proposes values by TPE
    (Bergstra et al. 2011). It prunes a trial below the median of earlier trials at the same epoch (Golovin et al.
    2017). Ctrl-C ends the search. UserError if a number is out of range.
    """
    for name, value, least in (("trials", trials, 1), ("steps", steps, 1), ("seed", seed, 0)):
        whole(f"{name} of a search", value, least)
    optuna = _optuna()
    records: list[Record] = []
    with _quiet(optuna):
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=UNPRUNED + 1),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=1),
        )
        for _ in tqdm(range(trials), unit="trial", disable=not progress):
            trial = study.ask()
            record = _train(trial, steps, seed, weights)
            records.append(record)
            if record["state"] == "pruned":
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, record["map50"])
    return records


def best(records: list[Record]) -> Record:
    """The complete trial with the best mAP50, the first of equals. UserError if none is complete."""
    complete = [record for record in records if record["state"] == "complete"]
    if not complete:
        raise UserError("no trial of the search is complete: search longer, or with smaller rates")
    return max(complete, key=lambda record: record["map50"])


def again(record: Record, seed: int, *, steps: int = 96) -> float:
    """mAP50 with the settings of a trial and another seed: other first weights, the same validation batch."""
    factors = {f"{name} factor": record[name] / usual for name, usual in LossWeights().as_dict().items()}
    fixed = _optuna().trial.FixedTrial({"lr": record["lr"], **factors})
    return float(_train(fixed, steps, seed, True)["map50"])


def _train(trial: Any, steps: int, seed: int, weights: bool) -> Record:
    rate = trial.suggest_float("lr", *RATES, log=True)
    usual = LossWeights().as_dict()
    chosen = {
        name: value * (trial.suggest_float(f"{name} factor", *FACTORS, log=True) if weights else 1)
        for name, value in usual.items()
    }
    record: Record = {
        "kind": "trial",
        "number": trial.number,
        "lr": rate,
        **chosen,
        "map50_each_epoch": [],
        "state": "complete",
    }
    trainer = small_trainer(rate, seed=seed)
    trainer.control.set(**chosen)
    epoch = COUNTS["train"] // BATCH_SIZE
    for step in range(1, steps + 1):
        trainer.step()
        if trainer.diverged is not None:
            record["state"] = "diverged"
            break
        if step % epoch == 0 or step == steps:
            record["map50_each_epoch"].append(_map50(trainer.model))
            trial.report(record["map50_each_epoch"][-1], len(record["map50_each_epoch"]))
            if step < steps and trial.should_prune():
                record["state"] = "pruned"
                break
    record["map50"] = 0.0 if record["state"] == "diverged" else record["map50_each_epoch"][-1]
    return record


def _map50(model: nn.Module) -> float:
    batch = small_validation_batch()
    detections = for_exam(model).detect(batch.images, SCORE_THRESHOLD)  # type: ignore[operator]
    return score(detections, batch.ground_truth).map50


def _optuna() -> Any:
    """Imports Optuna, which only a search needs. UserError if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise UserError("a search needs Optuna: `pip install teachkit[search]`, or `pip install optuna`") from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Silences Optuna's line for each trial, which would hide the progress bar. The old verbosity comes back."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
