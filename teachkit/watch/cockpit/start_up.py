"""Builds a session with good defaults: the built-in shapes, the default detector, a constant rate."""

from typing import Any

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.feed.loader import Loader, first_images, load_data
from teachkit.learn.resources import choose_threads, use_threads
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.watch.cockpit.session import Session

SESSION_SETTINGS = ("validate_every", "share_every", "keep_every", "memory")


def build_trainer(
    data: str = "shapes",
    *,
    batch_size: int = 16,
    device: str = "auto",
    seed: int = 0,
    images: int | None = None,
    validation_images: int = 64,
    augment: bool | None = None,
    **settings: Any,
) -> Trainer:
    """images: how many are trained on, None for all; augment: of training, see `load_data`; settings: of the `Trainer`.

    By default the schedule is constant and nothing is clipped, so that the sliders alone decide.
    """
    use_threads(choose_threads())  # from the first scene on: more only wait for each other, and cost 2 s at start

    def load(split: str, size: int, most: int | None, augment: bool | None = None) -> Loader:
        made, read = (most, None) if data == "shapes" else (None, most)
        return load_data(
            data, split, batch_size=size, device=device, seed=seed, augment=augment, count=made, limit=read
        )

    training, validation = load("train", batch_size, images, augment), list(load("val", 16, validation_images))
    model = Detector(len(training.classes), device=device, seed=seed)
    settings = {"schedule": "constant", "clip": None} | settings
    return Trainer(model, Criterion(), training, validation, **settings)


def build_session(
    trainer: Trainer | None = None, *, pictures: int = 2, classes: list[str] | None = None, **settings: Any
) -> Session:
    """A session around the trainer, or around one that `build_trainer` makes.

    settings: those of `Session`; without a trainer those of `build_trainer`, too. UserError for one that is neither.
    """
    session_settings = {name: settings.pop(name) for name in SESSION_SETTINGS if name in settings}
    if trainer is None:
        trainer = build_trainer(**settings)
    elif settings:
        raise UserError(f"{', '.join(settings)}: set it on the trainer that is handed over")
    training = trainer.cursor.data
    shown = training if trainer.validation_data is None else trainer.validation_data
    probe = first_images(training, 8)  # half a batch tells the shares as well, in half the time
    names = classes or getattr(training, "classes", None)
    if names is None:
        raise UserError("this training data does not tell its classes: hand over classes=[name, …]")
    return Session(trainer, first_images(shown, pictures), probe, list(names), **session_settings)
