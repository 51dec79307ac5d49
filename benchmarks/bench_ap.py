"""AP of 5,000 pictures with 80 classes, in turn on the same numbers: ours, and faster-coco-eval, written in C++."""

import argparse
import json
import os
import statistics
import sys

from benchmarks.runs import ROOT, DidNotRunError, keep, new_folder, report, run, verdict

TARGET = 1.0  # of the peer's time
DIFFERENCE = 1e-6


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_ap", description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("PEER_PYTHON"), help="or the variable PEER_PYTHON")
    parser.add_argument("--images", type=int, default=5000, help="with 40 detections each")
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    return report(lambda: measure(options.peer_python, options.images, options.classes, options.rounds))


def measure(peer_python: str | None, images: int, classes: int, rounds: int) -> bool:
    if not peer_python:
        raise DidNotRunError("PEER_PYTHON names no Python that has faster-coco-eval: see benchmarks/README.md")
    folder = new_folder("ap")
    output = folder / "ap.txt"
    sizes = ["--images", images, "--classes", classes, "--rounds", rounds]
    run([peer_python, "-m", "benchmarks.peer_ap", *sizes], output, 600, PYTHONPATH=str(ROOT))
    told = json.loads(output.read_text().splitlines()[-1])
    ours, peer = told["map"]
    ratio = statistics.median(one / other for one, other in told["seconds"])
    keep(folder, images=images, classes=classes, **told, ratio=ratio, target=TARGET)
    same = verdict(
        f"mAP {ours:.7f}, the peer's {peer:.7f}, apart by at most {DIFFERENCE}", abs(ours - peer) <= DIFFERENCE
    )
    return verdict(f"{images} pictures: {ratio:.2f} of the peer's time, at most {TARGET:.0f}", ratio <= TARGET) and same


if __name__ == "__main__":
    sys.exit(main())
