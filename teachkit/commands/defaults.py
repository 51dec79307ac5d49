"""Defaults of a training, chosen to suit the data set."""

import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from teachkit.errors import UserError

SHAPES_EPOCHS = 8
PICTURES_SHOWN = 5_000  # to a detector that learns a folder from scratch: 17 passes over BCCD's 292 pictures
FEWEST_EPOCHS, MOST_EPOCHS = 8, 300
BATCH_SIZE = 7  # of 4 to 8 pictures the one that reaches mAP50 .90 on the built-in set the soonest
FEW_PICTURES = 500  # up to which more weight decay keeps them from being learned by heart
CALM = 6  # the last of so many parts of the passes is calm
FEW_DECAY = {"adamw": 0.3, "sgd": 5e-3}
# What AdamW learns the fastest with: classes weigh more than in YOLOv8, and fewer anchor points answer for an object,
# of which a lower exponent asks less overlap: early boxes are poor. benchmarks/README.md says what each is worth.
RECIPE = {"lr": 6e-3, "warmup": 60, "box": 5.0, "cls": 2.0, "dfl": 2.0, "topk": 5, "beta": 2.5, "norm_momentum": 0.15}
LARGEST = 2**63  # number that a setting may be; a seed
LARGE_SIDE = 256  # px: larger pictures have more to tell apart, and get a wider detector
WIDER = {"widths": (24, 64, 128), "neck": 64}


@dataclass(frozen=True)
class Settings:
    """The options of a training, named as on the command line and saved with the run. None or 0: to suit the data.

    precision: "float32" or "bfloat16", of the network while it learns; "" leaves the detector as it is made.
    topk, beta: of the assigner; norm_momentum: of the running statistics of norms; where they and lr, warmup and loss
    weights are None, as before a recipe was saved with a run, the library's usual ones hold.
    """

    data: str
    train_split: str = "train"
    val_split: str = "val"
    image_size: int | None = None
    batch_size: int = 0
    optimizer: str = "adamw"
    lr: float | None = None
    warmup: int | None = None
    box: float | None = None
    cls: float | None = None
    dfl: float | None = None
    topk: int | None = None
    beta: float | None = None
    norm_momentum: float | None = None
    seed: int = 0
    threads: int | None = None
    precision: Literal["", "float32", "bfloat16"] = ""
    epochs: int = 0
    until: tuple[str, float] | None = None
    tensorboard: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these that are not None."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @classmethod
    def of_run(cls, saved: dict[str, Any], where: object) -> "Settings":
        """Of a saved run. A warning names what a later version has more; UserError, naming it, for another type."""
        kinds = get_type_hints(cls)
        if more := ", ".join(sorted(f"{name!s:.40}" for name in saved if name not in kinds)):
            warnings.warn(f"{where}: settings of another version are left out: {more}", stacklevel=3)
        known = {name: value for name, value in saved.items() if name in kinds}
        for name, value in known.items():
            if not _is_of(value, kinds[name]):
                raise UserError(f"{where}: its setting {name} cannot be {value!r:.40}: train again")
        return cls(**known)

    def for_pictures(self, count: int) -> "Settings":
        """The same with what was left out, for `count` training images, and with the absolute path of the data."""
        data = self.data if self.data == "shapes" else str(Path(self.data).resolve())
        recipe: dict[str, Any] = RECIPE if self.optimizer == "adamw" else {}
        chosen = {**recipe, **self.given(*recipe)}
        epochs = self.epochs or epochs_for(data, count)
        return replace(self, data=data, batch_size=self.batch_size or BATCH_SIZE, epochs=epochs, **chosen)


def _is_of(value: Any, kind: Any) -> bool:
    """Whether it is of an annotated type; a whole number is a float too, no bool is a number, and none is below 0."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_is_of, value, parts))
    if choices := get_args(kind):
        return any(_is_of(value, one) for one in choices)
    if type(value) not in ((int, float) if kind is float else (kind,)):
        return False
    return not isinstance(value, int | float) or 0 <= value < LARGEST


def epochs_for(data: str, pictures: int) -> int:
    """Epochs for a set of `pictures` images."""
    if data == "shapes":
        return SHAPES_EPOCHS
    return max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(PICTURES_SHOWN / max(1, pictures))))


def augmentation_for(pictures: int, epochs: int) -> dict[str, Any]:
    """Settings of the augmentation for `pictures` training images, on top of the usual ones.

    Small sets also get vertical flips and objects pasted in from other images, and in the last sixth of the training no
    zoom or colour changes. Objects that always stand upright lose less by the flips than small sets gain.
    """
    if pictures >= FEW_PICTURES:
        return {}
    return {"vertical_flip": 0.5, "paste": 1.0, "calm_from": epochs - round(epochs / CALM)}


def detector_for(image_size: tuple[int, int]) -> dict[str, Any]:
    """Settings of the detector for images of (height, width) px; empty for the usual ones."""
    return dict(WIDER) if max(image_size) >= LARGE_SIDE else {}


def weight_decay_for(optimizer: str, pictures: int) -> float | None:
    """Weight decay for `pictures` training images; None for the optimizer's usual one."""
    return FEW_DECAY.get(optimizer) if pictures < FEW_PICTURES else None
