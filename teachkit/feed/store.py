"""Where the images of a loader are kept: all on the device, or in their files until a batch needs them."""

import warnings
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.examples import Examples, Problem
from teachkit.feed.formats.progress import watched
from teachkit.feed.letterbox import Letterbox
from teachkit.feed.pictures import PictureError
from teachkit.structures import GroundTruth

NO_LABELS = torch.zeros(0, dtype=torch.int64)
PIECE = 2**20  # bytes of a file that are summed at once
OBJECTS_STEP = 4  # objects are padded to a multiple of it, so that few different shapes occur


class Fitted(NamedTuple):
    """An image on its canvas. image: uint8 [3, H, W]; boxes: [n, 4] px of the canvas; labels: [n] int64.

    difficult: boxes and labels of the objects that do not count.
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    name: str
    difficult: tuple[Tensor, Tensor]


class Taken(NamedTuple):
    """B images. pixels: uint8 [B, 3, H, W] on the device; the rest: B of each, as in Fitted."""

    pixels: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    names: list[str]
    difficult: list[tuple[Tensor, Tensor]]


class InFiles:
    """Decodes and letterboxes images each time they are taken. workers: number of threads; 0: none."""

    def __init__(self, examples: Examples, image_size: tuple[int, int], device: torch.device, workers: int = 0) -> None:
        self.examples, self.image_size, self.device, self.workers = examples, image_size, device, workers
        self.names, self.labels, self.problems = examples.names, examples.labels, list(examples.problems)
        self.notes = examples.notes

    def take(self, indices: list[int]) -> Taken:
        """The images at these indices. One that cannot be decoded is left out, with a warning, and named in .problems.

        UserError if none is left.
        """
        known = len(self.problems)
        fitted = list(self.fitted(indices))
        for problem in self.problems[known:]:
            warnings.warn(f"{problem}; left out", stacklevel=2)
        if not fitted:
            raise UserError(f"{self.examples.images[indices[0]]}:1: cannot be decoded, nor can the rest of its batch")
        images, *rest = map(list, zip(*fitted, strict=True))
        return Taken(torch.stack(images).to(self.device), *rest)

    def content_sum(self) -> int:
        """Of the files' bytes, boxes and labels. To read them takes less time than to decode them once."""
        images = watched(self.examples.images, "comparing")
        sums = [_sum(image) if isinstance(image, Tensor) else _sum_of_file(image) for image in images]
        return _sum(torch.tensor(sums), *self.examples.boxes, *self.labels)

    def fitted(self, indices: Iterable[int]) -> Iterator[Fitted]:
        """One by one, in order. An image that cannot be decoded is left out and named in .problems."""
        return (one for one in self._decoded(indices) if one is not None)

    def _decoded(self, indices: Iterable[int]) -> Iterable[Fitted | None]:
        if self.workers:
            try:
                # Threads, not processes: decoding releases the interpreter's lock. No shared memory can run out, and no
                # killed process can block.
                with ThreadPoolExecutor(self.workers) as pool:
                    return list(pool.map(self._fit, indices))
            except RuntimeError as error:
                warnings.warn(f"no threads to be had ({error}): pictures are decoded without workers", stacklevel=2)
                self.workers = 0
        return map(self._fit, indices)

    def _fit(self, index: int) -> Fitted | None:
        examples = self.examples
        try:
            image = examples.image(index)
        except PictureError as error:
            problem = Problem(str(error.file), 1, error.reason)
            if problem not in self.problems:
                self.problems.append(problem)
            return None
        canvas = Letterbox.fit((image.shape[1], image.shape[2]), self.image_size)
        others, its_labels = examples.difficult[index] if examples.difficult else (torch.zeros(0, 4), NO_LABELS)
        return Fitted(
            canvas.image(image),
            canvas.boxes(examples.boxes[index]),
            examples.labels[index],
            examples.names[index],
            (canvas.boxes(others), its_labels),
        )


class Resident:
    """Decodes all images once and keeps them on the device as uint8."""

    def __init__(self, files: InFiles) -> None:
        pixels = torch.empty(len(files.names), 3, *files.image_size, dtype=torch.uint8)
        self.boxes: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.names: list[str] = []
        self.difficult: list[tuple[Tensor, Tensor]] = []
        for one in files.fitted(range(len(files.names))):
            pixels[len(self.names)] = one.image
            self.boxes.append(one.boxes)
            self.labels.append(one.labels)
            self.names.append(one.name)
            self.difficult.append(one.difficult)
        self.pixels = pixels.to(files.device)  # one unused row at the end for each broken image
        self.problems, self.notes = files.problems, files.notes

    def content_sum(self) -> int:
        """Of the pixels, boxes and labels; the same in every process."""
        return _sum(self.pixels[: len(self.names)].cpu(), *self.boxes, *self.labels)

    def fingerprints(self) -> set[int]:
        """A hash of each image's pixels, valid within this process."""
        return {hash(one.numpy().tobytes()) for one in self.pixels[: len(self.names)].cpu()}

    def take(self, indices: list[int]) -> Taken:
        """The images at these indices."""
        chosen = torch.tensor(indices, device=self.pixels.device)
        return Taken(
            self.pixels.index_select(0, chosen),
            [self.boxes[index] for index in indices],
            [self.labels[index] for index in indices],
            [self.names[index] for index in indices],
            [self.difficult[index] for index in indices],
        )


def _sum(*tensors: Tensor) -> int:
    total = 0
    for one in tensors:
        total = zlib.crc32(one.contiguous().numpy().tobytes(), total)
    return total


def _sum_of_file(file: Path) -> int:
    """0 where it is none, or cannot be read: that is told when it is decoded."""
    total = 0
    with suppress(OSError):
        if file.is_file():
            with open(file, "rb") as content:
                while piece := content.read(PIECE):
                    total = zlib.crc32(piece, total)
    return total


def padded(boxes: list[Tensor], labels: list[Tensor]) -> GroundTruth:
    """B lists of boxes [n, 4] px and labels [n] → GroundTruth, M a multiple of OBJECTS_STEP and not 0."""
    counts = [len(one) for one in labels]
    most = max(OBJECTS_STEP, -(-max(counts) // OBJECTS_STEP) * OBJECTS_STEP)
    mask = torch.arange(most) < torch.tensor(counts)[:, None]  # [B, M]
    all_boxes, all_labels = torch.cat(boxes), torch.cat(labels)
    truth = GroundTruth(all_boxes.new_zeros(*mask.shape, 4), all_labels.new_zeros(mask.shape), mask)
    truth.boxes[mask], truth.labels[mask] = all_boxes, all_labels
    return truth
