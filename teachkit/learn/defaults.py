"""What a training uses where nothing is said: fitted to the data set, and all of it in this one place."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

SHAPES_EPOCHS = 8
PICTURES_SHOWN = 18_000  # to a detector that learns a folder from scratch: 60 passes over 300 pictures
FEWEST_EPOCHS, MOST_EPOCHS = 10, 300


@dataclass(frozen=True)
class Settings:
    """The options of one training, named as on the command line; saved with the run. None, or 0 epochs: to suit the data set."""

    data: str
    train_split: str = "train"
    val_split: str = "val"
    image_size: int | None = None
    batch_size: int = 8
    optimizer: str = "adamw"
    lr: float | None = None
    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5
    seed: int = 0
    threads: int | None = None
    epochs: int = 0
    until: tuple[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def for_pictures(self, count: int) -> "Settings":
        """Epochs chosen for so many training pictures, and a folder named so that it is found from anywhere."""
        data = self.data if self.data == "shapes" else str(Path(self.data).resolve())
        return replace(self, data=data, epochs=self.epochs or epochs_for(data, count))


def epochs_for(data: str, pictures: int) -> int:
    """Passes that a set of so many pictures deserves."""
    if data == "shapes":
        return SHAPES_EPOCHS
    return max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(PICTURES_SHOWN / max(1, pictures))))
