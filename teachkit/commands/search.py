"""The command `search`: a worker of a study, which tries learning rates and loss weights; then the results."""

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachkit.commands.defaults import Settings
from teachkit.commands.training import data_of, trainer_of
from teachkit.errors import UserError, one_line
from teachkit.files import SOFTWARE, is_picture, refuse_foreign, sealed, write_output

if TYPE_CHECKING:
    from teachkit.experiments.study import Train
    from teachkit.feed.loader import Loader
    from teachkit.learn.log import Record

SHARED = ("epochs", "batch_size", "image_size", "optimizer", "train_split", "val_split", "seed")
NEW_ON_RESUME = {"data", "trials", "study", "storage", "resume", "device", "threads", "save"}
PLOTS = ("optimization_history", "intermediate_values", "slice", "timeline")
COLUMNS = "trial  state     epochs  mAP50      lr       box      cls      dfl"


def run(arguments: argparse.Namespace) -> int:
    from teachkit.experiments.search import best
    from teachkit.experiments.study import agree, join, unbroken, work
    from teachkit.learn.interrupts import endings_as_interrupts

    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise UserError("the workers of a study are started each by itself, and not by torchrun")
    given = {name: value for name, value in vars(arguments).items() if value is not None and name != "command"}
    name = given["resume"] if isinstance(given.get("resume"), str) else given["study"]
    save = Path(given["save"]) if "save" in given else None
    if save is not None:
        _refuse_foreign(save)
    with endings_as_interrupts(), unbroken():
        study = join(name, given["storage"], new="resume" not in given)
        settings, trials = _settings(given, study.user_attrs)
        training, validation = data_of(settings, given.get("device", "auto"))
        settings = replace(settings.for_pictures(len(training.names)), image_size=max(training.image_size))
        training.batch_size = settings.batch_size
        agree(study, {key: getattr(settings, key) for key in SHARED} | {"pictures": _sum(training)})
        study.set_user_attr("data", settings.data)
        study.set_user_attr("trials", trials)
        train = _training(settings, training, validation, given.get("device", "auto"))
        bar = sys.stderr.isatty()
        records = work(study, trials, train, settings.epochs, seed=settings.seed, shared=True, progress=bar, told=_tell)
    print("\n".join([COLUMNS, *map(_row, records)]))
    winner = best(records)
    options = " ".join(f"--{name} {winner[name]:.3g}" for name in ("lr", "box", "cls", "dfl"))
    print(f"best: trial {winner['number']}, mAP50 {winner['map50']:.3f}, with: train {options}")
    if save is not None:
        _draw(study, save)
    return 0


def _settings(given: dict[str, Any], begun: dict[str, Any]) -> tuple[Settings, int]:
    """And how many trials there are to be. UserError if a study that is gone on with is to become another one."""
    names = (*SHARED, "data", "threads")
    settings = {name: value for name, value in given.items() if name in names}
    if "resume" not in given:
        return Settings(**settings), given["trials"]
    if refused := ", ".join(f"--{name.replace('_', '-')}" for name in sorted(set(given) - NEW_ON_RESUME)):
        raise UserError(f"a study goes on as it began: --resume does not go with {refused}")
    if missing := ", ".join(name for name in (*SHARED, "data", "trials") if name not in begun):
        raise UserError(f"this study was not begun by `search`, or not for long: it does not say its {missing}")
    kept = {name: begun[name] for name in (*SHARED, "data")}
    return Settings(**{**kept, **settings}), given.get("trials", begun["trials"])


def _sum(training: "Loader") -> str | None:
    from teachkit.learn.data_cursor import DataCursor

    sum_of_all: str | None = DataCursor(training).state_dict()["pictures"]
    return sum_of_all


def _training(settings: Settings, training: "Loader", validation: "Loader", device: str) -> "Train":
    """A training as `train` does it, but for the rate and the weights; its averaged weights are scored."""
    from teachkit.experiments.study import DivergedError
    from teachkit.learn.guard import NotFiniteError

    def train(rate: float, weights: dict[str, float]) -> Iterator[float]:
        chosen = replace(settings, lr=rate, box=weights["box"], cls=weights["cls"], dfl=weights["dfl"])
        trainer = trainer_of(chosen, training, validation, device, None)
        trainer.progress.plan(None, settings.epochs, 0, len(training))
        trainer.on_record = lambda record: None
        for _ in range(settings.epochs):
            while (epoch := trainer.epoch) == trainer.progress.closed_epochs:
                trainer.step()
                if trainer.diverged is not None:
                    raise DivergedError(trainer.diverged)
            trainer.progress.closed_epochs = epoch
            try:
                yield trainer.validate()["map50"]
            except NotFiniteError as error:
                raise DivergedError(str(error)) from None

    return train


def _tell(record: "Record") -> None:
    from tqdm import tqdm

    tqdm.write(_row(record), file=sys.stderr)


def _row(record: "Record") -> str:
    map50 = "     –" if record["map50"] is None else f"{record['map50']:6.3f}"
    chosen = "".join(f"{record[name]:9.3g}" if record["lr"] else "        –" for name in ("lr", "box", "cls", "dfl"))
    return f"{record['number']:5}  {record['state']:9} {len(record['map50_each_epoch']):6} {map50}{chosen}"


# plots


def _refuse_foreign(folder: Path) -> None:
    for name in PLOTS:
        refuse_foreign(folder / f"{name}.png", is_picture, "a plot of a study")


def _draw(study: Any, folder: Path) -> None:
    """As Optuna draws them."""
    import io

    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from optuna.visualization import matplotlib as plots

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plots are experimental to Optuna, and an axis may have one value
        for name in PLOTS:
            axes = np.ravel(getattr(plots, f"plot_{name}")(study))
            picture = io.BytesIO()
            axes[0].figure.savefig(picture, format="png", dpi=120, bbox_inches="tight", metadata={"Software": SOFTWARE})
            write_output(folder / f"{name}.png", sealed(picture.getvalue()), is_picture, "a plot of a study")
    print(one_line(f"{folder}: {', '.join(f'{name}.png' for name in PLOTS)}"))
