"""On a GPU: the step plain and as a graph, the time to a good score, a sweep, bfloat16, and the criterion."""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import teachkit as tk
from benchmarks.bench_criterion import CASES, timed
from benchmarks.runs import DidNotRunError, keep, new_folder, report, verdict
from teachkit.experiments.sweep import in_one_pass
from teachkit.learn.trainer import Trainer

STEPS, WARM_UP, GOAL = 200, 20, 0.90
SECONDS_TARGET = 1.0
RATES = [7e-4 * 2**power for power in range(8)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_gpu", description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("PEER_PYTHON"), help="or the variable PEER_PYTHON")
    options = parser.parse_args(argv)
    return report(lambda: measure(options.peer_python))


def measure(peer_python: str | None) -> bool:
    if not torch.cuda.is_available():
        raise DidNotRunError("no CUDA GPU is here")
    print(torch.cuda.get_device_name())
    milliseconds = {name: step_time(graphed) for name, graphed in (("plain", False), ("graphed", True))}
    seconds, score = seconds_to_goal(graphed=True)
    together, alone = sweep_time(RATES), sweep_time(RATES[:1])
    scores = {name: seconds_to_goal(graphed=False, half=half)[1] for name, half in (("bf16", True), ("float32", False))}
    for name, one in milliseconds.items():
        print(f"        {name}: {one:.2f} ms a step")
    print(f"        host waits in a graphed step: {'none' if waits_never() else 'some'}")
    print(f"        {len(RATES)} rates take {together / alone:.2f} × the time of one")
    print("        mAP50 after 8 epochs: " + ", ".join(f"{name} {one:.3f}" for name, one in scores.items()))
    folder = new_folder("gpu")
    criterion = against_peer(peer_python, folder)
    kept = {"milliseconds": milliseconds, "seconds": seconds, "sweep": [together, alone], "scores": scores}
    keep(folder, **kept, criterion=criterion)
    what = f"mAP50 {score:.3f} after {seconds:.2f} s of training, {GOAL} within {SECONDS_TARGET} s"
    return verdict(what, score >= GOAL and seconds <= SECONDS_TARGET)


def against_peer(peer_python: str | None, folder: Path) -> dict[str, list[list[float]]]:
    """Of each size of pictures, milliseconds of our criterion and the peer's. Without a peer the rest still counts."""
    kept = {}
    for size, images in CASES:
        try:
            pairs = timed(peer_python, folder, size, images, device="cuda")
        except DidNotRunError as error:
            print(f"        criterion against the peer's: not measured, {error}")
            break
        kept[str(size)] = pairs
        ratio = statistics.median(ours / peer for ours, peer in pairs)
        print(f"        criterion of {images} pictures of {size} px: {ratio:.2f} of the peer's time")
    return kept


def shapes_trainer(graphed: bool, half: bool = True, **settings: Any) -> Trainer:
    training = tk.load_data("shapes", batch_size=8, device="cuda")
    validation = tk.load_data("shapes", "val", device="cuda")
    model = tk.Detector(len(training.classes), device="cuda")
    model.half_precision &= half
    given = {"on_record": lambda record: None, "graphed": graphed, "epochs": 8} | settings
    return Trainer(model, tk.Criterion(), training, validation, **given)


def step_time(graphed: bool) -> float:
    """Milliseconds of a step, the median of rounds of ten; the device is waited for at the end of each."""
    trainer = shapes_trainer(graphed)
    ten: Callable[[], Any] = lambda: [trainer._step(trainer.control.asked()) for _ in range(10)]  # noqa: E731
    times = []
    for number in range((WARM_UP + STEPS) // 10):
        began = time.perf_counter()
        ten()
        torch.cuda.synchronize()
        if number >= WARM_UP // 10:
            times.append(100 * (time.perf_counter() - began))
    return statistics.median(times)


def waits_never() -> bool:
    trainer = shapes_trainer(graphed=True)
    for _ in range(WARM_UP):
        trainer._step(trainer.control.asked())
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer._step(trainer.control.asked())
    except RuntimeError:
        return False
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return True


def seconds_to_goal(graphed: bool, half: bool = True) -> tuple[float, float]:
    """Of training, validation left out, and the last mAP50."""
    records: list[dict[str, Any]] = []
    until = {"until": ("map50", GOAL)} if graphed else {}
    shapes_trainer(graphed, half, on_record=records.append, **until).fit()
    last = [record for record in records if record["kind"] == "epoch"][-1]
    return last["train_seconds"], last["map50"]


def sweep_time(rates: list[float]) -> float:
    began = time.perf_counter()
    in_one_pass([(rate, 0) for rate in rates], "adamw", STEPS, "constant", torch.device("cuda"), False)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
