"""Forward and backward pass of the criterion: ours, and Ultralytics' v8DetectionLoss, in turn on the same numbers."""

import argparse
import json
import os
import statistics
import sys

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
    if not peer_python:
        raise DidNotRunError("PEER_PYTHON names no Python that has ultralytics: see benchmarks/README.md")
    folder, met, kept = new_folder("criterion"), True, {}
    for size, images in CASES:
        output = folder / f"{size}.txt"
        sizes = ["--size", size, "--images", images, "--classes", classes, "--rounds", rounds + WARM_UP]
        command = [peer_python, "-m", "benchmarks.peer_criterion", *sizes]
        run(command, output, 600, PYTHONPATH=str(ROOT), YOLO_CONFIG_DIR=str(folder), YOLO_OFFLINE="true")
        pairs = json.loads(output.read_text().splitlines()[-1])[WARM_UP:]
        ratio = statistics.median(ours / peer for ours, peer in pairs)
        kept[str(size)] = pairs
        met &= verdict(
            f"{images} pictures of {size} px: {ratio:.2f} of the peer's time, at most {TARGET}", ratio <= TARGET
        )
    keep(folder, classes=classes, milliseconds=kept, target=TARGET)
    return met


if __name__ == "__main__":
    sys.exit(main())
