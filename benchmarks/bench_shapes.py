"""Time from process start to mAP50 ≥ 0.90 on the built-in set: ours, and YOLO11n from scratch, on the same files."""

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.runs import (
    ROOT,
    TEACHKIT,
    DidNotRunError,
    Record,
    keep,
    new_folder,
    read_log,
    report,
    run,
    seconds_until,
    summary,
    use_two_cores,
    verdict,
)

TARGET, TRAINING_TARGET = 1 / 25, 1 / 45
PICTURES = {"train": 1000, "val": 200}
PEER_VERSION = "8.4."
PEER_LIMIT, OUR_LIMIT = 1800.0, 300.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_shapes", description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("PEER_PYTHON"), help="or the variable PEER_PYTHON")
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument(
        "--our-seeds", type=int, default=3, help="a run of each before the first peer run, and after each"
    )
    parser.add_argument("--goal", type=float, default=0.9, help="mAP50 to reach; the targets are set for 0.9")
    options = parser.parse_args(argv)
    return report(lambda: measure(options.peer_python, options.peer_runs, options.our_seeds, options.goal))


def measure(peer_python: str | None, peer_runs: int, our_seeds: int, goal: float) -> bool:
    if not peer_python:
        raise DidNotRunError(
            "PEER_PYTHON names no Python that has ultralytics: benchmarks/README.md says how to make one"
        )
    use_two_cores()
    folder = new_folder("shapes")
    data = export(folder)
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    training: dict[str, list[float]] = {"ours": [], "peer": []}
    for side in ["ours"] * our_seeds + (["peer"] + ["ours"] * our_seeds) * peer_runs:
        number = len(seconds[side])
        if side == "ours":
            took = ours(folder, data, number, number % our_seeds, goal)
        else:
            took = peer(peer_python, folder, data, number, goal)
        seconds[side].append(took)
        epochs = read_log(folder / f"{side}{number}.jsonl", "epoch")
        training[side].append(next(one["train_seconds"] for one in epochs if reaches(goal)(one)))
        print(
            f"{side} {number}: mAP50 ≥ {goal:.2f} after {took:.1f} s, {training[side][-1]:.1f} s of training",
            flush=True,
        )
    version = read_log(folder / "peer0.jsonl", "start")[0]["version"]
    print(f"ours: {summary(seconds['ours'])}; Ultralytics {version} YOLO11n from scratch: {summary(seconds['peer'])}")
    cold, alone = (statistics.median(one["ours"]) / statistics.median(one["peer"]) for one in (seconds, training))
    keep(folder, goal=goal, seconds=seconds, training=training, ratio=cold, training_ratio=alone, peer=version)
    rows = [("ours / peer", cold, TARGET), ("the training alone", alone, TRAINING_TARGET)]
    return all(
        [verdict(f"{what} = 1/{1 / ratio:.1f}, at most 1/{1 / most:.0f}", ratio <= most) for what, ratio, most in rows]
    )


def export(folder: Path) -> Path:
    """The built-in set as files, for both sides."""
    data = folder / "shapes"
    run([*TEACHKIT, "data", "export", "shapes", data, "--format", "yolo"], folder / "export.txt", limit=120)
    for split, count in PICTURES.items():
        found = len(list((data / "images" / split).glob("*")))
        if found != count:
            raise DidNotRunError(f"{data} holds {found} pictures in {split}, not {count}")
    return data


def ours(folder: Path, data: Path, number: int, seed: int, goal: float) -> float:
    log = folder / f"ours{number}.jsonl"
    command = [*TEACHKIT, "train", "--data", data, "--until", f"map50={goal}", "--seed", seed, "--log", log]
    return seconds_until(reaches(goal), command, log, log.with_suffix(".txt"), OUR_LIMIT)


def peer(python: str, folder: Path, data: Path, number: int, goal: float) -> float:
    log = folder / f"peer{number}.jsonl"
    command = [python, ROOT / "benchmarks" / "peer_yolo.py", data / "data.yaml", log, folder / f"peer{number}"]
    # its own settings folder, and no network: neither fonts nor statistics
    quiet = {
        "YOLO_CONFIG_DIR": str(folder),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "WANDB_MODE": "disabled",
    }
    try:
        took = seconds_until(reaches(goal), command, log, log.with_suffix(".txt"), PEER_LIMIT, **quiet)
    except OSError as error:
        raise DidNotRunError(f"the peer's Python does not start: {error}") from None
    version = read_log(log, "start")[0]["version"]
    if not version.startswith(PEER_VERSION):
        raise DidNotRunError(f"the peer is Ultralytics {version}; the target is set for {PEER_VERSION}x")
    return took


def reaches(goal: float) -> Callable[[Record], bool]:
    def reached(record: Record) -> bool:
        return record["kind"] == "epoch" and (record["map50"] or 0) >= goal

    return reached


if __name__ == "__main__":
    sys.exit(main())
