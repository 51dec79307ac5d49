"""A study with Optuna: which learning rate and loss weights reach the best mAP50.

The total loss cannot be the objective, since the search changes its weights; nor can the number of objects found, which
a flood of boxes raises. Any number of workers may share one study; no trial is lost, and none is made twice.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

from teachkit.errors import UserError
from teachkit.files import FULL
from teachkit.learn.log import Record
from teachkit.structures import LossWeights

RATES = (1e-5, 1e-1)  # searched on a logarithmic scale, like the factors of the usual loss weights
FACTORS = (0.1, 10.0)
UNPRUNED = 3  # trials that always run to the end: the pruner needs their median
LOOK = 1.0  # s between two looks at trials that other workers make
SEEDS = 2**32  # as many are there for a sampler

Train = Callable[[float, dict[str, float]], Iterator[float]]  # learning rate, loss weights → mAP50 after each epoch


class DivergedError(ArithmeticError):
    """Raised by a training that comes to no score any more."""


class SurplusError(Exception):
    """Two workers have begun the last trial at once, and this is the later one."""


def join(name: str | None = None, where: str | None = None, *, new: bool = True) -> Any:
    """The study of that name. where: a file or the URL of a database; None for this process alone.

    new: make it where there is none. UserError if there is none all the same, or if `where` cannot be opened.
    """
    optuna = import_optuna()
    with _quiet(optuna), unbroken():
        if where is None:
            return optuna.create_study(study_name=name, direction="maximize")
        from teachkit.experiments.storages import open_storage, without_password

        storage = open_storage(where)
        if not new and name not in optuna.get_all_study_names(storage):
            raise UserError(f"{without_password(where)}: there is no study {name!r} to go on with")
        return optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)


def agree(study: Any, about: dict[str, Any]) -> None:
    """Keeps plain values that all workers of a study have in common. UserError if it was begun with others."""
    begun = study.user_attrs
    for key, value in about.items():
        if begun.get(key, value) != value:
            what = (
                f"the study {study.study_name!r} was begun with another {key} ({begun[key]!s:.40}, not {value!s:.40})"
            )
            raise UserError(f"{what}: take the same, or another name")
        if key not in begun:
            study.set_user_attr(key, value)


def work(
    study: Any,
    trials: int,
    train: Train,
    epochs: int,
    *,
    seed: int = 0,
    weights: bool = True,
    shared: bool = False,
    progress: bool = True,
    told: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Trains until the study has so many trials, those of other workers counted → a record of each, in their order.

    {"kind": "trial", "number", "lr", "box", "cls", "dfl", "map50_each_epoch", "map50" (at the end; 0 if it diverged),
    "state": "complete" | "pruned" | "diverged" | "failed" | "running" | "waiting"}; failed ones are not counted.
    epochs: of `train`; weights: False searches the rate alone; shared: by several workers, who are never to propose the
    same; told: gets the record of each trial made here.

    Optuna (Akiba et al. 2019, arXiv 1907.10902) proposes values by TPE (Bergstra et al. 2011). It prunes a trial below
    the median of earlier trials at the same epoch (Golovin et al. 2017).
    """
    optuna = import_optuna()
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=1)

    def sampler(number: int) -> Any:
        return optuna.samplers.TPESampler(seed=(seed + 1_000_003 * number) % SEEDS, n_startup_trials=UNPRUNED + 1)

    def objective(trial: Any) -> float:
        if trial.number not in [one.number for one in counted(study, trials)]:
            raise SurplusError
        if shared:  # drawn by the number of the trial, whichever worker makes it
            study.sampler = sampler(trial.number)
        return train_trial(trial, train, epochs, weights)

    study.sampler = sampler(0)
    with _quiet(optuna), unbroken(), tqdm(total=trials, unit="trial", disable=not progress) as bar:
        while (state := state_of(study, trials)) != "done":
            if state == "open":
                make_one(study, objective, told)
            else:
                time.sleep(LOOK)
            bar.update(sum(one.state.is_finished() for one in counted(study, trials)) - bar.n)
        return [record_of(trial) for trial in study.get_trials(deepcopy=False)]


def make_one(study: Any, objective: Callable[[Any], float], told: Callable[[Record], None]) -> None:
    def tell(_: Any, trial: Any) -> None:
        if trial.state.name != "FAIL":
            told(record_of(trial))

    try:
        study.optimize(objective, 1, catch=(SurplusError,), callbacks=[tell])
    except ValueError as error:
        # After a long sleep of this machine: another worker has given the trial up, and makes it again.
        if "Cannot tell a FAIL trial" not in str(error):
            raise


def counted(study: Any, trials: int) -> list[Any]:
    """The first so many trials that have not failed. What comes after them is not trained."""
    return [one for one in study.get_trials(deepcopy=False) if one.state.name != "FAIL"][:trials]


def state_of(study: Any, trials: int) -> str:
    """ "open": there is a trial to make; "taken": other workers make the last ones; "done"."""
    import_optuna().storages.fail_stale_trials(study)
    found = counted(study, trials)
    if len(found) < trials or any(one.state.name == "WAITING" for one in found):
        return "open"
    return "done" if all(one.state.is_finished() for one in found) else "taken"


def train_trial(trial: Any, train: Train, epochs: int, weights: bool) -> float:
    """The mAP50 after the last epoch; 0 if the training diverges. TrialPruned if it lies below the median."""
    rate = trial.suggest_float("lr", *RATES, log=True)
    for name in LossWeights().as_dict() if weights else ():
        trial.suggest_float(f"{name} factor", *FACTORS, log=True)
    map50 = math.nan
    try:
        for epoch, map50 in enumerate(train(rate, weights_of(trial.params)), start=1):
            if math.isnan(map50):
                raise UserError("mAP50 is undefined: there is no object in the validation pictures")
            trial.report(map50, epoch)
            if epoch < epochs and trial.should_prune():
                raise import_optuna().TrialPruned
    except DivergedError as error:
        trial.set_user_attr("diverged", str(error))
        return 0.0
    return map50


def weights_of(params: dict[str, float]) -> dict[str, float]:
    return {name: usual * params.get(f"{name} factor", 1) for name, usual in LossWeights().as_dict().items()}


def record_of(trial: Any) -> Record:
    """Of one of Optuna's trials, see `work`. What is not known yet is None."""
    name = {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower())
    scores = [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
    return {
        "kind": "trial",
        "number": trial.number,
        "lr": trial.params.get("lr"),
        **weights_of(trial.params),
        "map50_each_epoch": scores,
        "state": "diverged" if "diverged" in trial.user_attrs else name,
        "map50": trial.values[0] if trial.values else scores[-1] if scores else None,
    }


# Optuna


def import_optuna() -> Any:
    """Optuna, which only a search needs. UserError if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise UserError("a search needs Optuna: `pip install teachkit[search]`, or `pip install optuna`") from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Silences Optuna's line for each trial, which would hide the progress bar. The old verbosity comes back."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def unbroken() -> Iterator[None]:
    """UserError where the storage breaks off, or its disk is full."""
    broken = import_optuna().exceptions.StorageInternalError
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or error.filename:
            raise
        raise UserError(f"the storage of the study has no room left ({error.strerror}): make room") from None
    except Exception as error:
        reason: BaseException | None = error
        while reason is not None and not isinstance(reason, broken):  # Optuna stumbles over it once more
            reason = reason.__context__
        if reason is None:
            raise
        from teachkit.experiments.storages import reason_of

        raise UserError(f"the storage of the study cannot be reached any more ({reason_of(reason)})") from None
