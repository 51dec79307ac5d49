"""Writes the sample of the built-in set again, in all three forms: python -m data.write_sample"""

import shutil
from pathlib import Path

from teachkit.feed.examples import Examples
from teachkit.feed.formats import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes

SAMPLE = Path(__file__).resolve().parent / "sample"


def scenes_of_the_sample() -> dict[str, Examples]:
    """Without sensor noise, which PNG cannot make smaller: the sample is to stay below 1 MB."""
    settings = SceneSettings(noise=0)
    return {split: make_scenes(count, settings=settings, split=split) for split, count in (("train", 12), ("val", 4))}


if __name__ == "__main__":
    shutil.rmtree(SAMPLE, ignore_errors=True)
    for form in ("voc", "coco", "yolo"):
        write_folder(scenes_of_the_sample(), SAMPLE / form, form)
