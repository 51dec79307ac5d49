"""From a data set to batches on the device: letterboxed, shuffled, augmented. Any batch can be made again."""

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from teachkit.errors import UserError, as_path, one_line, whole
from teachkit.feed.augment import AugmentSettings
from teachkit.feed.augment import augment as augmented
from teachkit.feed.device import pick_device
from teachkit.feed.examples import DataWarning, Examples, Problem
from teachkit.feed.formats import TRAINING_SPLITS, read_folder
from teachkit.feed.formats.layout import same_split
from teachkit.feed.paste import rarity
from teachkit.feed.pictures import picture_size
from teachkit.feed.scenes import COUNTS, SceneSettings, make_scenes
from teachkit.feed.seeds import shifted
from teachkit.feed.store import InFiles, Resident, padded
from teachkit.structures import Batch, GroundTruth, share_of

RESIDENT_BYTES = 2**30  # of pixels kept on the device; the images of larger data sets stay in their files
SMALL_SIDE, LARGE_SIDE = 128, 256  # px of the longer side if no image size is given
CANVAS_STEP, PICTURES_LOOKED_AT = 32, 256  # then the shorter side is a multiple of 32 px that holds the first 256
UNAUGMENTED_EPOCHS = 3  # while all images are new to the detector, augmentation gains nothing


class Loader:
    """Batches on the device: each `for` loop is one epoch. A batch depends only on seed, epoch and its index.

    image_size: px, the side of a square or (height, width); shuffle: anew in each epoch, else in order;
    augment: None for none; workers: threads that decode; resident_bytes: most bytes of pixels kept on the device.
    share: (r, n) for rank r's images of each batch, of n ranks; set by a Trainer that trains as several.
    UserError if a setting is out of range or no image can be used.
    """

    def __init__(
        self,
        examples: Examples,
        split: str = "train",
        batch_size: int = 16,
        image_size: int | tuple[int, int] = SMALL_SIDE,
        device: str | torch.device = "auto",
        seed: int = 0,
        *,
        shuffle: bool = True,
        augment: AugmentSettings | None = None,
        workers: int = 0,
        resident_bytes: int = RESIDENT_BYTES,
    ) -> None:
        self.split, self.seed, self.batch_size = split, whole("seed", seed, 0), whole("batch_size", batch_size, 1)
        self.image_size, self.device = _height_and_width(image_size), pick_device(device)
        self.classes, self.shuffle, self.augment = examples.classes, shuffle, augment
        files = InFiles(examples, self.image_size, self.device, whole("workers", workers, 0))
        fits = 3 * self.image_size[0] * self.image_size[1] * len(examples) <= resident_bytes
        self._pictures = Resident(files) if fits else files
        if not self.names:
            raise UserError(f"the split {split!r} has no pictures that can be used")
        self._order: tuple[int, list[int]] | None = None
        self._rarity: Tensor | None = None
        self._next, self._resumed = (0, 0), False
        self.share = (0, 1)

    @property
    def names(self) -> list[str]:
        """The names of the images, unshuffled."""
        return self._pictures.names

    @property
    def problems(self) -> list[Problem]:
        """What was left out so far, and why."""
        return self._pictures.problems

    @property
    def notes(self) -> list[str]:
        """What was read otherwise than it might seem."""
        return self._pictures.notes

    @cached_property
    def content_sum(self) -> int:
        """The same for the same pictures and labels, wherever they lie."""
        return self._pictures.content_sum()

    def shared_with(self, other: "Loader") -> int:
        """How many images both have: by pixels at the same image size, or by names if the images stay in files."""
        if isinstance(self._pictures, Resident) and isinstance(other._pictures, Resident):
            return len(self._pictures.fingerprints() & other._pictures.fingerprints())
        return len(set(self.names) & set(other.names))

    def __len__(self) -> int:
        """The number of batches in an epoch, with a smaller last one."""
        return -(-len(self.names) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """One epoch, or the rest of one after `load_state_dict`."""
        epoch, start = self._next
        if start and not self._resumed:  # the last loop was broken off
            epoch, start = epoch + 1, 0
        self._resumed = False
        beside, process = self._beside(epoch), os.getpid()
        ahead: Future[Batch] | None = None
        foreseen: tuple[object, ...] = ()
        try:
            for place in range(start, len(self)):
                asked = self._what_makes_a_batch()
                if beside and os.getpid() != process:  # a forked child has no such thread
                    beside = ahead = None
                batch = self.batch(epoch, place) if ahead is None or asked != foreseen else ahead.result()
                self._next = (epoch, place + 1) if place + 1 < len(self) else (epoch + 1, 0)
                ahead, foreseen = None, asked
                if beside and start < place < len(self) - 1:  # who takes a second batch will want a third
                    with suppress(RuntimeError):  # no thread can be started: the batch is made at its turn
                        ahead = beside.submit(self.batch, epoch, place + 1)
                yield batch
        finally:
            if beside and os.getpid() == process:
                beside.shutdown(wait=False, cancel_futures=True)

    def _beside(self, epoch: int) -> ThreadPoolExecutor | None:
        """A thread that makes the next batch while the last one is learned from, if that is worth one.

        Pictures in memory that nothing is done to are there sooner than a thread has changed. None beside a GPU, which
        may capture a graph.
        """
        if self.device.type != "cpu" or self.augment is None or self.augment.at(epoch) is None:
            return None
        return ThreadPoolExecutor(1, "next-batch", torch.set_num_threads, (torch.get_num_threads(),))

    def _what_makes_a_batch(self) -> tuple[object, ...]:
        """What may be changed between two batches."""
        return self.seed, self.batch_size, self.shuffle, self.augment, self.share

    def batch(self, epoch: int, place: int, share: tuple[int, int] | None = None) -> Batch:
        """Batch number `place` of `epoch`, both from 0, or a share of it. IndexError if there is no such batch."""
        if not 0 <= place < len(self):
            raise IndexError(f"there is no batch {place}: a pass has {len(self)}")
        indices = self._shuffled(epoch)[place * self.batch_size : (place + 1) * self.batch_size]
        own = share_of(len(indices), self.share if share is None else share)
        is_whole = own == slice(0, len(indices))
        batch = self._taken(indices) if is_whole else self._share_taken(indices[own])
        augment = None if self.augment is None else self.augment.at(epoch)
        if augment is None or not len(batch):
            return batch
        generator = self._generator(epoch, place + 1)
        total = len(batch) if is_whole else len(indices)
        sources = self._source_images(total, generator) if augment.paste else None
        return augmented(batch, augment, generator, sources, None if is_whole else (total, own))

    def state_dict(self) -> dict[str, int]:
        """Epoch and place (its index in the epoch) of the next batch."""
        return {"epoch": self._next[0], "place": self._next[1]}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next `for` loop starts at that batch. ValueError if there is no such batch."""
        epoch, place = state["epoch"], state["place"]
        if epoch < 0 or not 0 <= place < len(self):
            raise ValueError(f"there is no place {place} in epoch {epoch}: a pass has {len(self)} batches")
        self._next, self._resumed = (epoch, place), True

    def _taken(self, indices: list[int]) -> Batch:
        taken = self._pictures.take(indices)
        truth = padded(taken.boxes, taken.labels)
        if any(len(labels) for _, labels in taken.difficult):
            truth.ignored = padded(*map(list, zip(*taken.difficult, strict=True)))
        truth = truth.to(self.device)
        return Batch(taken.pixels.to(torch.float32).div_(255), truth, taken.names)

    def _share_taken(self, indices: list[int]) -> Batch:
        """The same where the share is empty, or none of it can be decoded: a batch of no images."""
        with suppress(UserError):
            if indices:
                return self._taken(indices)
        truth = GroundTruth(torch.zeros(0, 4, 4), torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0, 4) > 0)
        return Batch(torch.zeros(0, 3, *self.image_size), truth, []).to(self.device)

    def _source_images(self, count: int, generator: torch.Generator) -> Batch | None:
        """Images to paste objects from, rare classes preferred; None if they cannot be decoded."""
        if self._rarity is None:
            self._rarity = rarity(self._pictures.labels)
        with suppress(UserError):
            return self._taken(self._rarity.multinomial(count, replacement=True, generator=generator).tolist())
        return None

    def _shuffled(self, epoch: int) -> list[int]:
        """Indices of all images in the order of this epoch."""
        if not self.shuffle:
            return list(range(len(self.names)))
        known = self._order  # read once: another thread may ask for another epoch
        if known is None or known[0] != epoch:
            known = epoch, torch.randperm(len(self.names), generator=self._generator(epoch, 0)).tolist()
            self._order = known
        return known[1]

    def _generator(self, epoch: int, stream: int) -> torch.Generator:
        """Random numbers of an epoch: stream 0 shuffles it, stream place + 1 augments a batch."""
        mixed = np.random.SeedSequence([shifted(self.seed), epoch, stream]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


def load_data(
    source: str | Path,
    split: str = "train",
    batch_size: int = 16,
    image_size: int | tuple[int, int] | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    *,
    augment: bool | AugmentSettings | None = None,
    shuffle: bool | None = None,
    strict: bool = False,
    limit: int | None = None,
    count: int | None = None,
    scenes: SceneSettings | None = None,
    workers: int = 0,
    longest: int | None = None,
    divide: bool = False,
    classes: Sequence[str] | None = None,
) -> Loader:
    """A Loader of one split. source: "shapes" for the built-in scenes; a VOC, COCO or YOLO folder; a data.yaml.

    image_size: px, the side of a square or (height, width), to which images are letterboxed; None: as small as the
    shapes of the images allow, with a longer side of `longest`, else 128, or 256 if images are larger;
    seed: of the scenes, the order and the augmentation; augment: True, False, settings, or None: for "train" and
    "trainval" only, from the fourth epoch on; shuffle: None for these splits only; strict: stop at the first problem;
    limit: use only the first images; count, scenes: number and settings of the scenes; workers: see Loader;
    divide: take a fifth of train, for train as for val, if there is no val; classes: whose order labels follow.
    One DataWarning if anything was left out. UserError if the data cannot be read or a setting is out of range.
    """
    if not isinstance(split, str):
        raise UserError(f"split must be a name, not {split!r:.60}")
    if not isinstance(augment, AugmentSettings | bool | None):
        raise UserError(f"augment must be True, False or AugmentSettings, not {augment!r:.60}")
    training = same_split(split) in TRAINING_SPLITS
    if limit is not None:
        whole("limit", limit, 1)
    if source == "shapes":
        examples, image_size = _made(split, longest if image_size is None else image_size, seed, limit, count, scenes)
    else:
        if not as_path("the source of the data", source).exists():
            raise UserError(f'{source}: there is no such folder; give one in VOC, COCO or YOLO form, or "shapes"')
        if count is not None or scenes is not None:
            raise UserError(f'count and scenes are for source "shapes" only, not for {source}')
        examples = read_folder(source, split=split, strict=strict, divide=divide)
        _tell(examples, source, split)
    examples = examples.subset(range(len(examples))[:limit])
    if classes is not None:
        try:
            examples = examples.with_classes(classes)
        except UserError as error:
            raise UserError(f"{source}: {error}") from None
    if augment is None or isinstance(augment, bool):
        unaugmented_epochs = UNAUGMENTED_EPOCHS if augment is None else 0
        augment = (
            AugmentSettings(unaugmented_epochs=unaugmented_epochs)
            if (training if augment is None else augment)
            else None
        )
    return Loader(
        examples,
        split,
        batch_size,
        _canvas_for(examples, longest) if image_size is None else image_size,
        device,
        seed,
        shuffle=training if shuffle is None else shuffle,
        augment=augment,
        workers=workers,
    )


def _tell(examples: Examples, source: str | Path, split: str) -> None:
    told = list(examples.notes)
    if examples.problems:
        told.insert(0, f"{len(examples.problems)} problems, the first: {examples.problems[0]}")
    if told:
        all_of_it = f"see all: python -m teachkit data check {source}"
        warnings.warn(one_line(f"{source}, {split}: {'; '.join(told)}; {all_of_it}"), DataWarning, stacklevel=3)


def _made(
    split: str,
    image_size: int | tuple[int, int] | None,
    seed: int,
    limit: int | None,
    count: int | None,
    scenes: SceneSettings | None,
) -> tuple[Examples, int | tuple[int, int]]:
    """Scenes drawn at the wanted image size, not scaled to it, and no more of them than needed; and the image size."""
    if scenes is None:
        side = SMALL_SIDE if image_size is None else min(_height_and_width(image_size))
        scenes = SceneSettings(image_size=min(max(side, 64), 1024))
    if limit is not None and split in COUNTS:
        count = min(limit, COUNTS[split] if count is None else count)
    return make_scenes(count, seed, scenes, split=split), scenes.image_size if image_size is None else image_size


def _canvas_for(examples: Examples, longest: int | None) -> tuple[int, int]:
    """(height, width) px that fit the shapes of the first images: grey costs as much time as other pixels."""
    shapes = [
        picture_size(image) if isinstance(image, Path) else tuple(image.shape[1:])
        for image in examples.images[:PICTURES_LOOKED_AT]
    ]
    if longest is None:
        longest = SMALL_SIDE if max(map(max, shapes)) <= SMALL_SIDE else LARGE_SIDE
    if _height_and_width(longest)[0] % CANVAS_STEP:
        raise UserError(f"the longer side of the pictures must be a multiple of {CANVAS_STEP} px, not {longest}")
    height, width = (max(shape[axis] / max(shape) for shape in shapes) * longest for axis in (0, 1))
    return math.ceil(height / CANVAS_STEP) * CANVAS_STEP, math.ceil(width / CANVAS_STEP) * CANVAS_STEP


def _height_and_width(image_size: object) -> tuple[int, int]:
    pair = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    with suppress(ValueError):  # another length than two, or no whole numbers
        height, width = (whole("a side", side, 16) for side in pair)
        if max(height, width) <= 4096:
            return height, width
    raise UserError(f"image_size must be a side, or (height, width), of 16 … 4096 px, not {image_size!r}")


def first_images(data: Iterable[Batch], count: int) -> Batch:
    """The first `count` images of the first batch of the data; all of that batch if it holds fewer."""
    return next(iter(data)).take(slice(count))
