"""`detect`: pictures with what a saved run finds in them, drawn in their own size."""

import argparse
import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from teachkit.errors import UserError, one_line
from teachkit.files import SOFTWARE, is_picture, refuse_foreign, sealed, write_output

if TYPE_CHECKING:
    from torch import Tensor

    from teachkit.feed.detector import Detector
    from teachkit.structures import Detections

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
DRAWING = "a drawing"


def run(arguments: argparse.Namespace) -> int:
    """A picture that cannot be read is named, the others are drawn; exit 2 then."""
    from teachkit.feed.pictures import PictureError, read_picture
    from teachkit.learn.checkpoint import load_model
    from teachkit.watch.figures import plots

    named = [pair for given in arguments.images for pair in _pictures(given)]
    sources = [source for source, _ in named]
    targets = _targets(named, Path(arguments.out))
    model = load_model(arguments.weights, device=arguments.device)
    failed = False
    for source, target in zip(sources, targets, strict=True):
        try:
            image = read_picture(source)
        except PictureError as error:
            print(one_line(error), file=sys.stderr)
            failed = True
            continue
        found = _find(model, image)
        drawn = plots.annotated(image, found, model.classes).png(Software=SOFTWARE)
        write_output(target, sealed(drawn), is_picture, DRAWING)
        names = ", ".join(
            f"{model.classes[label]} {score:.2f}" for label, score in zip(found.labels, found.scores, strict=True)
        )
        print(one_line(f"{target}: {names or 'nothing found'}"))
    return 2 if failed else 0


def _pictures(given: str) -> list[tuple[Path, Path]]:
    """The pictures that a file, a folder or a pattern stands for, and what each is called below --out."""
    from teachkit.feed.formats.tree import Tree

    if "://" in given:
        raise UserError(f"{given}: is an address: download the picture first, then give the file")
    path = Path(given)
    if path.is_dir():
        tree = Tree(path)
        found = [(tree.path(name), Path(name)) for name in tree.pictures]
    elif path.suffix.lower() in VIDEOS:
        frames = f"ffmpeg -i {given} -vf fps=1 frames/%04d.png"
        raise UserError(f"{given}: is a video: take pictures out of it first, for example with {frames}")
    elif path.exists() or not glob.has_magic(given):
        return [(path, Path(path.name))]
    else:
        found = [
            (Path(one), Path(Path(one).name)) for one in sorted(glob.glob(given, recursive=True)) if Path(one).is_file()
        ]
    if not found:
        raise UserError(f"{given}: there are no pictures {'in it' if path.is_dir() else 'that fit it'}")
    return found


def _targets(named: list[tuple[Path, Path]], out: Path) -> list[Path]:
    """One PNG for each picture. UserError where two pictures, or a picture and its own drawing, would be one file."""
    sources = [source for source, _ in named]
    targets = [out / name.with_suffix(".png") for _, name in named]
    pictures, before = {source.resolve() for source in sources}, set()
    for source, target in zip(sources, targets, strict=True):
        if target in before:
            raise UserError(f"{source}: {target} would be written twice; give pictures of different names")
        before.add(target)
        if target.resolve() in pictures:
            raise UserError(f"{target}: is one of the pictures themselves; choose another --out")
        refuse_foreign(target, is_picture, DRAWING)  # all of them before the first is drawn
    return targets


def _find(model: "Detector", image: "Tensor") -> "Detections":
    """Detections in the picture's own pixels. image: uint8 [3, h, w]."""
    from teachkit.feed.letterbox import Letterbox
    from teachkit.structures import Detections

    canvas = Letterbox.fit((image.shape[1], image.shape[2]), model.image_size)
    found = model.detect(canvas.image(image)[None].float() / 255)[0].to("cpu")
    return Detections(canvas.undo(found.boxes), found.scores, found.labels)
