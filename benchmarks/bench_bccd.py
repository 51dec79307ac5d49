"""Real photographs: mAP50 on BCCD's test split, scored once, after training on trainval."""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.runs import (
    ROOT,
    TEACHKIT,
    DidNotRunError,
    keep,
    new_folder,
    read_log,
    report,
    run,
    use_two_cores,
    verdict,
)

TARGET_MAP50, TARGET_SECONDS = 0.90, 120.0
LIMIT = 900.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_bccd", description=__doc__)
    kept = Path(os.environ.get("TEACHKIT_DATA", ROOT / "data")) / "bccd"
    parser.add_argument("--data", type=Path, default=kept, help="bccd in TEACHKIT_DATA, else in data/")
    return report(lambda: measure(parser.parse_args(argv).data))


def measure(data: Path) -> bool:
    if not (data / "Annotations").is_dir():
        raise DidNotRunError(f"{data} holds no BCCD pictures: python -m teachkit data get bccd")
    use_two_cores()
    folder = new_folder("bccd")
    seconds = train(folder, data)
    scores = evaluate(folder, data)
    classes = ", ".join(f"{name} {one['map50']:.3f}" for name, one in scores["per_class"].items())
    print(f"BCCD test split: mAP50 {scores['map50']:.3f}, mAP {scores['map']:.3f}; at 0.50 {classes}")
    keep(folder, train_seconds=seconds, test=scores)
    enough = verdict(f"mAP50 {scores['map50']:.3f}, at least {TARGET_MAP50:.2f}", scores["map50"] >= TARGET_MAP50)
    soon = verdict(f"{seconds:.1f} s of training, at most {TARGET_SECONDS:.0f} s", seconds <= TARGET_SECONDS)
    return enough and soon


def train(folder: Path, data: Path) -> float:
    """Seconds of training. Only the training options that the target names are given; val chooses the best weights."""
    log = folder / "train.jsonl"
    splits = ["--train-split", "trainval", "--val-split", "val"]
    command = [
        *TEACHKIT,
        "train",
        "--data",
        data,
        *splits,
        "--image-size",
        "256",
        "--log",
        log,
        "--save",
        folder / "run",
    ]
    run(command, folder / "train.txt", LIMIT)
    return read_log(log, "epoch")[-1]["train_seconds"]


def evaluate(folder: Path, data: Path) -> dict:
    output = folder / "test.json"
    run(
        [*TEACHKIT, "evaluate", "--data", data, "--split", "test", "--weights", folder / "run", "--json"], output, LIMIT
    )
    return json.loads(output.read_text())


if __name__ == "__main__":
    sys.exit(main())
