"""A small search with Optuna: which rate and which loss weights find most objects after a short training.

The goal is objects found on the exam, never the total loss: its weights are what is searched, and a ruler must not be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

from teachkit.errors import UserError, whole
from teachkit.experiments.small import BATCH_SIZE, COUNTS, small_exam, small_trainer
from teachkit.learn.records import Record
from teachkit.scoring import objects_found
from teachkit.structures import LossWeights

RATES = (1e-5, 1e-1)  # searched on a logarithmic scale, as are factors of the usual loss weights
FACTORS = (0.1, 10.0)
UNDISTURBED = 3  # trials that the pruner lets run, to know what is usual


def search(
    trials: int = 12, *, steps: int = 96, seed: int = 0, weights: bool = True, progress: bool = True
) -> list[Record]:
    """Trials one after the other, each from the same first weights → a record for each, in their order.

    {"kind": "trial", "number", "lr", "box", "cls", "dfl", "marks" (objects found after each pass of 16 steps),
    "found", "objects", "state": "complete" | "pruned" | "diverged"}. weights: False searches the rate alone.
    Optuna (Akiba et al. 2019, arXiv 1907.10902) proposes by TPE (Bergstra et al. 2011), and prunes what is below the
    median of earlier trials after the same pass (after Golovin et al. 2017). Ctrl-C ends it. UserError if a number
    is out of range.
    """
    for name, value, least in (("trials", trials, 1), ("steps", steps, 1), ("seed", seed, 0)):
        whole(f"{name} of a search", value, least)
    optuna = _optuna()
    records: list[Record] = []
    with _quiet(optuna):
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=UNDISTURBED + 1),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNDISTURBED, n_warmup_steps=1),
        )
        for _ in tqdm(range(trials), unit="trial", disable=not progress):
            trial = study.ask()
            record = _train(trial, steps, seed, weights)
            records.append(record)
            if record["state"] == "pruned":
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, record["found"])
    return records


def best(records: list[Record]) -> Record:
    """The complete trial that found most; the earlier of equals. UserError if none is complete."""
    complete = [record for record in records if record["state"] == "complete"]
    if not complete:
        raise UserError("no trial of the search is complete: search longer, or with smaller rates")
    return max(complete, key=lambda record: record["found"])


def again(record: Record, seed: int, *, steps: int = 96) -> int:
    """Objects found with the settings of a trial, trained anew: other first weights, another order, the same exam."""
    factors = {f"{name} factor": record[name] / usual for name, usual in LossWeights().as_dict().items()}
    fixed = _optuna().trial.FixedTrial({"lr": record["lr"], **factors})
    return int(_train(fixed, steps, seed, True)["found"])


def _train(trial: Any, steps: int, seed: int, weights: bool) -> Record:
    rate = trial.suggest_float("lr", *RATES, log=True)
    usual = LossWeights().as_dict()
    chosen = {
        name: value * (trial.suggest_float(f"{name} factor", *FACTORS, log=True) if weights else 1)
        for name, value in usual.items()
    }
    record: Record = {"kind": "trial", "number": trial.number, "lr": rate, **chosen, "marks": [], "state": "complete"}
    trainer = small_trainer(rate, seed=seed)
    trainer.control.set(**chosen)
    exam, each_pass = small_exam(), COUNTS["train"] // BATCH_SIZE
    for step in range(1, steps + 1):
        trainer.step()
        if trainer.diverged is not None:
            record["state"] = "diverged"
            break
        if step % each_pass == 0 or step == steps:
            detections = trainer.model.detect(exam.images)  # type: ignore[operator]
            found, record["objects"] = objects_found([detections], [exam.ground_truth])
            record["marks"].append(found)
            trial.report(found, len(record["marks"]))
            if step < steps and trial.should_prune():
                record["state"] = "pruned"
                break
    record["found"] = 0 if record["state"] == "diverged" else record["marks"][-1]
    record.setdefault("objects", int(exam.ground_truth.mask.sum()))
    return record


def _optuna() -> Any:
    """Loaded by a search only: nothing else needs it."""
    try:
        import optuna
    except ImportError:
        raise UserError("a search needs Optuna: `pip install teachkit[search]`, or `pip install optuna`") from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Its line for each trial would drown the progress bar; whoever set the verbosity finds it again."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
