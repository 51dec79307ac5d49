"""Forward and backward pass of the criterion: ours, and Ultralytics' v8DetectionLoss, in turn on the same numbers."""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

from benchmarks.runs import ROOT, DidNotRunError, keep, new_folder, report, run, verdict

TARGET = 0.5
CASES = ((128, 16), (256, 8), (640, 8))  # px, images
WARM_UP = 3


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_criterion", description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("PEER_PYTHON"), help="or the variable PEER_PYTHON")
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args(argv)
    return report(lambda: measure(options.peer_python, options.classes, options.rounds))


def measure(peer_python: str | None, classes: int, rounds: int) -> bool:
    folder, met, kept = new_folder("criterion"), True, {}
    for size, images in CASES:
        pairs = timed(peer_python, folder, size, images, classes, rounds)
        ratio = statistics.median(ours / peer for ours, peer in pairs)
        kept[str(size)] = pairs
        met &= verdict(
            f"{images} pictures of {size} px: {ratio:.2f} of the peer's time, at most {TARGET}", ratio <= TARGET
        )
    keep(folder, classes=classes, milliseconds=kept, target=TARGET)
    return met


def timed(
    peer_python: str | None,
    folder: Path,
    size: int,
    images: int,
    classes: int = 4,
    rounds: int = 30,
    device: str = "cpu",
) -> list[list[float]]:
    """Milliseconds of ours and of the peer's in each round. DidNotRunError without a peer."""
    if not peer_python:
        raise DidNotRunError("PEER_PYTHON names no Python that has ultralytics: see benchmarks/README.md")
    output = folder / f"criterion{size}.txt"
    sizes = ["--size", size, "--images", images, "--classes", classes, "--rounds", rounds + WARM_UP, "--device", device]
    command = [peer_python, "-m", "benchmarks.peer_criterion", *sizes]
    try:
        run(command, output, 600, PYTHONPATH=str(ROOT), YOLO_CONFIG_DIR=str(folder), YOLO_OFFLINE="true")
    except OSError as error:
        raise DidNotRunError(f"the peer's Python does not start: {error}") from None
    return json.loads(output.read_text().splitlines()[-1])[WARM_UP:]


if __name__ == "__main__":
    sys.exit(main())
