"""A data set before it is cut into batches: images, boxes, labels, and the problems found in them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from teachkit.errors import one_line
from teachkit.feed.pictures import read_picture


@dataclass(frozen=True)
class Problem:
    """One fault in a data set; str() is `file:line: what`. line: from 1, and 1 for an image or a whole file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return one_line(f"{self.file}:{self.line}: {self.what}")


@dataclass
class Examples:
    """N images with their objects.

    images: uint8 [3, h, w] RGB, or the path of a file that `image` decodes; boxes: float32 [n, 4] xyxy px of the
    upright image; labels: int64 [n], index into classes; names: of files or scenes; problems: what was left out.
    ValueError if the lists differ in length.
    """

    images: list[Tensor | Path]
    boxes: list[Tensor]
    labels: list[Tensor]
    names: list[str]
    classes: list[str]
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.boxes), len(self.labels), len(self.names)}
        if len(lengths) != 1:
            raise ValueError(f"images, boxes, labels and names must be equally many, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Tensor:
        """The image as uint8 [3, h, w] RGB. PictureError, which names the file, if it cannot be decoded."""
        image = self.images[index]
        return read_picture(image) if isinstance(image, Path) else image

    def subset(self, indices: Iterable[int]) -> "Examples":
        """The examples at these indices, in this order. Classes and problems stay the same."""
        chosen = list(indices)
        return Examples(
            images=[self.images[index] for index in chosen],
            boxes=[self.boxes[index] for index in chosen],
            labels=[self.labels[index] for index in chosen],
            names=[self.names[index] for index in chosen],
            classes=self.classes,
            problems=self.problems,
        )
