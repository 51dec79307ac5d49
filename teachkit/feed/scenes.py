"""The built-in data set: scenes drawn in memory from a seed, with the same bytes on every machine."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from teachkit.errors import UserError, whole
from teachkit.feed.examples import Examples
from teachkit.feed.formats.progress import watched
from teachkit.feed.scenery.dice import Dice, raw_bytes, raw_numbers
from teachkit.feed.scenery.shapes import PAINTS, Shape, paint, scrap, shape
from teachkit.feed.scenery.textures import expose, ground, ground_bytes

CLASSES = ("ball", "square", "triangle", "star")
COUNTS = {"train": 1000, "val": 200, "test": 200}  # default number of scenes of each split
MOST_OBJECTS, MOST_SCRAPS = 60, 12
MOST_BYTES, MANY = 2**33, 10**4  # of all scenes, which are made in memory; from so many on a bar shows how far it is
PLACES = 16  # random places tried for an object
WIDEST_TURN = 0.2  # tangent of half the angle: 23° to either side
# Raw numbers reserved for the ground, each scrap and each object: changing one setting leaves the rest as it was.
GROUND_DRAWS, SCRAP_DRAWS, OBJECT_DRAWS = 16, 8, 16 + 2 * PLACES


@dataclass(frozen=True)
class SceneSettings:
    """The settings of the built-in scenes. UserError if one is out of range.

    image_size: px, 64 … 1024; objects: fewest and most per scene (fewer where there is no room);
    size: shortest and longest side of an object, as a share of the image side, 1/16 … 3/4;
    clutter: strength of the ground's texture and number of scraps, 0–1;
    noise: standard deviation of the sensor noise, pixels being 0–1;
    imbalance: each class is rarer than the one before by this share, 0–1;
    wrong_labels, missing_boxes: share of the objects with the label of another class, or without a box, 0–1;
    loose_boxes: each side of a box lies too far out, by up to this share of the object's side, 0–1.
    """

    image_size: int = 128
    objects: tuple[int, int] = (1, 6)
    size: tuple[float, float] = (1 / 8, 1 / 2)
    clutter: float = 0.5
    noise: float = 0.03
    imbalance: float = 0.0
    wrong_labels: float = 0.0
    missing_boxes: float = 0.0
    loose_boxes: float = 0.0

    def __post_init__(self) -> None:
        if type(self.image_size) is not int or not 64 <= self.image_size <= 1024:
            raise UserError(f"image_size of the scenes must be a whole number, 64 … 1024 px, not {self.image_size!r}")
        match self.objects:
            case (int(fewest), int(most)) if 0 <= fewest <= most <= MOST_OBJECTS:
                pass
            case _:
                raise UserError(
                    f"objects must be fewest and most, whole numbers 0 … {MOST_OBJECTS}, not {self.objects!r}"
                )
        match self.size:
            case (int() | float() as shortest, int() | float() as longest) if 1 / 16 <= shortest <= longest <= 3 / 4:
                pass
            case _:
                raise UserError(f"size must be the shortest and the longest share, 1/16 … 3/4, not {self.size!r}")
        for field in fields(self)[3:]:
            value = getattr(self, field.name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise UserError(f"{field.name} of the scenes must be a number from 0 to 1, not {value!r}")


@dataclass
class SceneObject:
    """An object of a scene, and what decides how it is annotated."""

    form: Shape
    kind: int
    colour: NDArray[np.float32]
    x: int
    y: int
    faults: list[float]  # random numbers in 0–1 that decide the faults of its annotation

    def box(self, looseness: float, size: int) -> tuple[float, float, float, float]:
        """The box in px around the silhouette, hidden parts too, up to `looseness` too large, cut at the image."""
        height, width = self.form.inside.shape
        left, top, right, bottom = (looseness * draw for draw in self.faults[3:])
        return (
            max(self.x - left * width, 0),
            max(self.y - top * height, 0),
            min(self.x + width + right * width, size),
            min(self.y + height + bottom * height, size),
        )

    def label(self, wrong_labels: float) -> int:
        wrong, other = self.faults[1:3]
        shift = 1 + int(other * (len(CLASSES) - 1)) if wrong < wrong_labels else 0
        return (self.kind + shift) % len(CLASSES)


def make_scenes(
    count: int | None = None, seed: int = 0, settings: SceneSettings | None = None, *, split: str = "train"
) -> Examples:
    """Scenes 0 … count − 1 of the split "train", "val" or "test"; "trainval" joins the first two.

    count: scenes of each split, None: 1,000 for train, 200 for val and test. A scene depends only on seed, split and
    number; no two splits share one. UserError for another split, a seed or count that is no whole number ≥ 0, or more
    scenes than fit in 8 GiB.
    """
    settings = SceneSettings() if settings is None else settings
    splits = ["train", "val"] if split == "trainval" else [split]
    if not set(splits) <= set(COUNTS):
        raise UserError(f"the built-in scenes have no split {split!r}: choose train, val, trainval or test")
    whole("seed of the scenes", seed, 0)
    if count is not None:
        whole("count of the scenes", count, 0, MOST_BYTES // (3 * settings.image_size**2 * len(splits)))
    wanted = [(one, number) for one in splits for number in range(COUNTS[one] if count is None else count)]
    pixels = np.empty((len(wanted), 3, settings.image_size, settings.image_size), np.uint8)
    boxes, labels = [], []
    shown = watched(wanted, "drawing") if len(wanted) >= MANY else wanted
    for place, (one, number) in enumerate(shown):
        pixels[place], objects = draw_scene([seed, list(COUNTS).index(one), number], settings)
        its_boxes, its_labels = _annotate(objects, settings)
        boxes.append(its_boxes)
        labels.append(its_labels)
    names = [f"{one}_{number:04d}" for one, number in wanted]
    return Examples(list(torch.from_numpy(pixels)), boxes, labels, names, list(CLASSES))


def draw_scene(entropy: list[int], settings: SceneSettings) -> tuple[NDArray[np.uint8], list[SceneObject]]:
    """Pixels uint8 [3, size, size] and the objects, in the order in which they were painted.

    entropy: seed, number of the split, number of the scene.
    """
    size = settings.image_size
    fewest, most = settings.objects
    unit = size / 128  # px of a fine line
    edge = 8 + int(4 * unit)  # px around the image, for outlines and shadows that reach beyond it
    parts = (
        GROUND_DRAWS,
        ground_bytes(size + 2 * edge) // 8 + 1,
        MOST_SCRAPS * SCRAP_DRAWS,
        1,
        most * OBJECT_DRAWS,
        3 * size * size // 4 + 1,
    )
    raw, ends = raw_numbers(entropy, sum(parts)), [0, *accumulate(parts)]
    for_ground, for_clouds, for_scraps, for_number, for_objects, for_noise = (
        raw[start:end] for start, end in pairwise(ends)
    )
    canvas = ground(Dice(for_ground), raw_bytes(for_clouds), size + 2 * edge, 0.25 + 0.75 * settings.clutter)
    for draws in for_scraps.reshape(MOST_SCRAPS, SCRAP_DRAWS)[: int(settings.clutter * MOST_SCRAPS)]:
        scrap(canvas, Dice(draws), unit)
    wanted = fewest + Dice(for_number).below(most - fewest + 1)
    objects = list(_objects(for_objects.reshape(most, OBJECT_DRAWS)[:wanted], settings, unit))
    for one in objects:
        paint(canvas, one.form, one.x + edge, one.y + edge, one.colour, unit)
    return expose(canvas[:, edge : edge + size, edge : edge + size], raw_bytes(for_noise), settings.noise), objects


def _objects(draws: NDArray[np.uint64], settings: SceneSettings, unit: float) -> Iterator[SceneObject]:
    """Objects that leave at least half of each earlier one visible. draws: [wanted, OBJECT_DRAWS] raw numbers."""
    owner = np.zeros(
        (settings.image_size, settings.image_size), np.uint8
    )  # the number of the object that each pixel shows, 0: ground
    spare = np.zeros(len(draws) + 1, np.int64)  # pixels of each object that may still be covered
    spare[0] = owner.size
    for number, raw in enumerate(draws, start=1):
        dice = Dice(raw)
        kind = _kind(dice.uniform(), settings.imbalance)
        form = _form(dice, CLASSES[kind], settings, unit)
        colour = np.array(PAINTS[dice.below(len(PAINTS))], np.float32) / np.float32(255)
        faults = [dice.uniform() for _ in range(7)]
        place = _place(dice, form.inside, owner, spare)
        if place is None:
            continue
        x, y = place
        rows, columns = form.inside.shape
        owner[y : y + rows, x : x + columns][form.inside] = number
        spare[number] = np.count_nonzero(form.inside) // 2
        yield SceneObject(form, kind, colour, x, y, faults)


def _kind(draw: float, imbalance: float) -> int:
    """A class at random: each is 1 − imbalance times as likely as the one before. draw: 0–1."""
    ends, share, end = [], 1.0, 0.0
    for _ in CLASSES:
        end += share  # sum() and ** would differ between machines in the last bit
        share *= 1 - imbalance
        ends.append(end)
    return next((kind for kind, its_end in enumerate(ends) if draw * end < its_end), 0)


def _form(dice: Dice, kind: str, settings: SceneSettings, unit: float) -> Shape:
    shortest, longest = (share * settings.image_size for share in settings.size)
    draw, stretch = dice.uniform(), dice.uniform(-0.2, 0.2)
    least = min(shortest + 3, longest)  # the tips of a star are thinner than a pixel
    side = least + (longest - least) * draw * draw  # more small objects than large ones
    other = max(side * (1 - abs(stretch)), least)
    width, height = (side, other) if stretch < 0 else (other, side)
    return shape(kind, width, height, dice.turn(WIDEST_TURN), margin=4 + int(2 * unit))


def _place(
    dice: Dice, inside: NDArray[np.bool_], owner: NDArray[np.uint8], spare: NDArray[np.int64]
) -> tuple[int, int] | None:
    """The first of PLACES random places that covers no object beyond its spare pixels; None if there is none."""
    rows, columns = inside.shape
    for _ in range(PLACES):
        x, y = dice.below(len(owner) - columns + 1), dice.below(len(owner) - rows + 1)
        hidden = np.bincount(owner[y : y + rows, x : x + columns][inside], minlength=len(spare))
        if (hidden <= spare).all():
            spare -= hidden
            return x, y
    return None


def _annotate(objects: list[SceneObject], settings: SceneSettings) -> tuple[Tensor, Tensor]:
    """Boxes [n, 4] px and labels [n], with the faults of the settings."""
    known = [one for one in objects if one.faults[0] >= settings.missing_boxes]
    boxes = [one.box(settings.loose_boxes, settings.image_size) for one in known]
    labels = [one.label(settings.wrong_labels) for one in known]
    return (
        torch.from_numpy(np.array(boxes, np.float32).reshape(-1, 4)),
        torch.from_numpy(np.array(labels, np.int64)),
    )
