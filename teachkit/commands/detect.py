"""`detect`: pictures with what a saved run finds in them, drawn in their own size."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from teachkit.errors import UserError, one_line

if TYPE_CHECKING:
    from torch import Tensor

    from teachkit.feed.detector import Detector
    from teachkit.structures import Detections


def run(arguments: argparse.Namespace) -> int:
    """A picture that cannot be read is named, the others are drawn; exit 2 then."""
    from teachkit.feed.pictures import PictureError, read_picture
    from teachkit.learn.checkpoint import load_model
    from teachkit.watch.figures import plots

    sources = [Path(image) for image in arguments.images]
    targets = _targets(sources, Path(arguments.out))
    model, classes, size = load_model(arguments.weights, device=arguments.device)
    Path(arguments.out).mkdir(parents=True, exist_ok=True)
    failed = False
    for source, target in zip(sources, targets, strict=True):
        try:
            image = read_picture(source)
        except PictureError as error:
            print(one_line(error), file=sys.stderr)
            failed = True
            continue
        found = _find(model, image, size)
        target.write_bytes(plots.annotated(image, found, classes).png())
        names = ", ".join(
            f"{classes[label]} {score:.2f}" for label, score in zip(found.labels, found.scores, strict=True)
        )
        print(one_line(f"{target}: {names or 'nothing found'}"))
    return 2 if failed else 0


def _targets(sources: list[Path], out: Path) -> list[Path]:
    """One PNG for each picture. UserError where two pictures, or a picture and its own drawing, would be one file."""
    targets = [out / f"{source.stem}.png" for source in sources]
    for number, target in enumerate(targets):
        if target in targets[:number]:
            raise UserError(f"{sources[number]}: {target} would be written twice; give pictures of different names")
        if target.resolve() in {source.resolve() for source in sources}:
            raise UserError(f"{target}: is one of the pictures themselves; choose another --out")
    return targets


def _find(model: "Detector", image: "Tensor", size: tuple[int, int]) -> "Detections":
    """Detections in the picture's own pixels. image: uint8 [3, h, w]; size: (height, width) px the model knows."""
    from teachkit.feed.letterbox import Letterbox
    from teachkit.structures import Detections

    canvas = Letterbox.fit((image.shape[1], image.shape[2]), size)
    found = model.detect(canvas.image(image)[None].float() / 255)[0].to("cpu")
    return Detections(canvas.undo(found.boxes), found.scores, found.labels)
