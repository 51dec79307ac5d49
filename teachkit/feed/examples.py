"""A data set before it is cut into batches: images, boxes, labels, and the problems found in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from teachkit.errors import UserError, one_line
from teachkit.feed.pictures import read_picture


@dataclass(frozen=True)
class Problem:
    """One fault in a data set; str() is `file:line: what`. line: from 1, and 1 for an image or a whole file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return one_line(f"{self.file}:{self.line}: {self.what}")


class DataWarning(UserWarning):
    """Something of a data set was left out, or read otherwise than it might seem."""


@dataclass
class Examples:
    """N images with their objects.

    images: uint8 [3, h, w] RGB, or the path of a file that `image` decodes; boxes: float32 [n, 4] xyxy px of the
    upright image; labels: int64 [n], index into classes; names: of files or scenes; problems: what was left out;
    difficult: boxes and labels of objects that are neither learned from nor count as found or missed, [] for none;
    notes: what was read otherwise than it might seem.
    ValueError if the lists differ in length.
    """

    images: list[Tensor | Path]
    boxes: list[Tensor]
    labels: list[Tensor]
    names: list[str]
    classes: list[str]
    problems: list[Problem] = field(default_factory=list)
    difficult: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.boxes), len(self.labels), len(self.names)}
        if self.difficult:
            lengths.add(len(self.difficult))
        if len(lengths) != 1:
            raise ValueError(f"images, boxes, labels and names must be equally many, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.images)

    def with_classes(self, classes: Sequence[str]) -> "Examples":
        """The same with labels that count in these names. UserError if one of its own classes is none of them."""
        places = {name: place for place, name in enumerate(classes)}
        lost = [name for name in self.classes if name not in places]
        if lost:
            raise UserError(f"the classes {', '.join(lost[:10])} are none of {', '.join(classes):.500}")
        place = torch.tensor([places[name] for name in self.classes], dtype=torch.int64)
        difficult = [(boxes, place[labels]) for boxes, labels in self.difficult]
        return replace(
            self, labels=[place[labels] for labels in self.labels], difficult=difficult, classes=list(classes)
        )

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
            difficult=[self.difficult[index] for index in chosen if self.difficult],
            notes=self.notes,
        )
