"""Writes what the live pages are built from: python -m teachkit.page FOLDER.

python -m teachkit.page --compare SITE/live writes it anew elsewhere and says what a built site has otherwise.
"""

import filecmp
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from teachkit.experiments.small import SIDE, small_scenes
from teachkit.feed.scenes import CLASSES
from teachkit.learn.optimizer import DEFAULTS
from teachkit.learn.schedule import SCHEDULES
from teachkit.page.playgrounds import PLAYGROUNDS, write_playground
from teachkit.page.trace import write_json
from teachkit.page.training import recorded_program, training_program
from teachkit.structures import LossWeights
from teachkit.watch.cockpit.frames import OPTIMIZERS, SLIDER_RATES
from teachkit.watch.cockpit.presets import PRESETS
from teachkit.watch.replay.page import page

COLUMNS, QUALITY = 19, 80  # of the sheet of pictures; WebP's


def facts() -> dict[str, Any]:
    """What the page has to know beside the graphs. train, val: of each picture its objects, [x1, y1, x2, y2, label]."""
    return {
        "title": "A detector learns to see",
        "side": SIDE,
        "classes": list(CLASSES),
        "train": objects("train"),
        "val": objects("val"),
        "weights": LossWeights().as_dict(),
        "usual_rates": {name: rate for name, (rate, _) in DEFAULTS.items()},
        "rates": SLIDER_RATES,
        "schedules": [[name, name.replace("_", " ")] for name in SCHEDULES],
        "optimizers": [[name, OPTIMIZERS[name]] for name in DEFAULTS],
        "presets": [
            {"name": name, "hint": one.hint, "rate": one.rate, "weights": one.weights} for name, one in PRESETS.items()
        ],
    }


def objects(split: str) -> list[list[list[float]]]:
    scenes = small_scenes(split)
    rows = zip(scenes.boxes, scenes.labels, strict=True)
    return [torch.cat([boxes, labels[:, None]], 1).tolist() for boxes, labels in rows]


def sheet() -> Image.Image:
    """All pictures side by side and row by row, those to train on first."""
    scenes = [small_scenes(split) for split in ("train", "val")]
    pictures = [one.image(place) for one in scenes for place in range(len(one))]
    rows = [torch.cat(pictures[start : start + COLUMNS], 2) for start in range(0, len(pictures), COLUMNS)]
    pixels: Tensor = torch.cat(rows, 1)  # [3, rows · 64, 19 · 64]
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    training_program().write(folder / "training")
    write_json(folder / "facts.json", facts())
    (folder / "replay.html").write_bytes(page(facts()["title"], "the run"))
    for name in ("shapes", "bccd"):
        program, about = recorded_program(name)
        program.write(folder / name)
        write_json(folder / f"{name}.facts.json", about)
    (folder / "playgrounds").mkdir(exist_ok=True)
    for name in PLAYGROUNDS:
        write_playground(name, folder / "playgrounds")
    sheet().save(folder / "scenes.webp", quality=QUALITY, method=6)


def differences(exported: Path, live: Path) -> list[str]:
    """Files of the first folder that the second one lacks or has otherwise."""
    names = sorted(one.relative_to(exported).as_posix() for one in exported.rglob("*") if one.is_file())
    alike, _, _ = filecmp.cmpfiles(exported, live, names, shallow=False)
    return [name for name in names if name not in alike]


def compare(live: Path) -> None:
    """SystemExit, with a line on stderr, where a site runs other graphs than today's code makes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        if others := differences(Path(folder), live):
            sys.exit(
                f"{live}: today's code exports {', '.join(others)} otherwise: build the site anew with `make site`"
            )


if __name__ == "__main__":
    compare(Path(sys.argv[2])) if sys.argv[1] == "--compare" else write(Path(sys.argv[1]))
