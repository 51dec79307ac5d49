"""What teachkit adds to torch itself: at the start, in a step, in a sweep, in memory, and with 5,000 pictures."""

import argparse
import io
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image

from benchmarks.runs import (
    ROOT,
    TEACHKIT,
    Tail,
    keep,
    new_folder,
    read_log,
    report,
    run,
    running,
    use_two_cores,
    verdict,
)
from teachkit.experiments.processes import Process
from teachkit.experiments.sweep import run_once, sweep
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion

MOST_START, MOST_STEP, MOST_SWEEP = 1.5, 1.05, 5.0
MOST_MEMORY, MOST_GROWTH = 1200, 100  # MB
FIRST_STEP = """
import teachkit as tk
data = tk.load_data("shapes", device="cpu")
tk.Trainer(tk.Detector(num_classes=len(data.classes), device="cpu"), tk.Criterion(), data, threads=1).step()
"""
RATES = [0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.01]
STEPS = 96
LABEL = "0 0.5 0.5 0.4 0.4\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=5000, help="of the large folder")
    options = parser.parse_args(argv)
    return report(lambda: measure(options.rounds, options.pictures))


def measure(rounds: int, pictures: int) -> bool:
    use_two_cores()
    torch.set_num_threads(1)
    folder = new_folder("overhead")
    start, step, (first, later) = start_ratio(folder, rounds), step_ratio(rounds), sweep_ratio(rounds)
    memory = peak_memory(folder)
    growth, waiting = large_folder(folder, pictures)
    keep(folder, start=start, step=step, sweep=[first, later], memory=memory, growth=growth, waiting=waiting)
    rows = [
        (f"import, data, first step: {start:.2f} × import torch, torchvision", start, MOST_START),
        (f"Trainer.step: {step:.3f} × the bare loop", step, MOST_STEP),
        (f"{len(RATES)} rates at once, the first time: {first:.2f} × one run", first, MOST_SWEEP),
        (f"{len(RATES)} rates at once, within a minute after that: {later:.2f} × one run", later, MOST_SWEEP),
        (f"peak memory of the default run: {memory:.0f} MB", memory, MOST_MEMORY),
        (f"{pictures} pictures of mixed sizes: memory grows by {growth:.0f} MB", growth, MOST_GROWTH),
        (f"{pictures} pictures of mixed sizes: a batch takes {waiting:.2f} of a step", waiting, 1.0),
    ]
    return all([verdict(f"{what}, at most {most:g}", value <= most) for what, value, most in rows])


def seconds(act: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begin = clock()
    act()
    return clock() - begin


def start_ratio(folder: Path, rounds: int) -> float:
    def timed(code: str) -> float:
        return seconds(lambda: run([sys.executable, "-c", code], folder / "start.txt", 120, PYTHONPATH=str(ROOT)))

    timed("import torch, torchvision")  # the files come from the disk once
    timed(FIRST_STEP)
    return statistics.median(timed(FIRST_STEP) / timed("import torch, torchvision") for _ in range(rounds))


def step_ratio(rounds: int, steps: int = 40) -> float:
    """Processor time of one thread; a step of one and of the other in turn, each with a model of its own."""
    batches = list(load_data("shapes", device="cpu", count=16 * steps))
    model, criterion = Detector(num_classes=4, device="cpu").train(), Criterion()
    trainer = Trainer(Detector(num_classes=4, device="cpu"), Criterion(), load_data("shapes", device="cpu"), threads=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, fused=True)

    def bare(batch) -> None:
        losses = criterion(model(batch.images), batch.ground_truth)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()

    ratios = []
    for _ in range(rounds):
        ours, plain = 0.0, 0.0
        for batch in batches:
            plain += seconds(lambda batch=batch: bare(batch), time.process_time)
            ours += seconds(trainer.step, time.process_time)
        ratios.append(ours / plain)
    return statistics.median(ratios)


def sweep_ratio(rounds: int) -> tuple[float, float]:
    """Eight rates at once against one of them alone, when a second process has to be started, and when it is there.

    Infinite unless the eight are the same as each alone, to the last bit.
    """
    alone = [run_once(rate, 0, "adamw", STEPS, "constant") for rate in RATES]
    one, first, later = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        one.append(seconds(lambda: run_once(RATES[0], 0, "adamw", STEPS, "constant")))
        first.append(seconds(lambda: sweep(RATES, steps=STEPS, device="cpu", progress=False)))
        later.append(seconds(lambda: sweep(RATES, steps=STEPS, device="cpu", progress=False)))
        Process.rested_or_new().end()
    together = sweep(RATES, steps=STEPS, device="cpu", progress=False)
    same = all(_losses(one) == _losses(other) for one, other in zip(alone, together, strict=True))
    verdict("each of the eight has the losses that it has alone", same)
    if not same:
        return math.inf, math.inf
    usual = statistics.median(one)
    return statistics.median(first) / usual, statistics.median(later) / usual


def _losses(run) -> list[tuple[float, ...]]:
    return [(record["box"], record["cls"], record["dfl"]) for record in run.records if record["kind"] == "step"]


def peak_memory(folder: Path) -> float:
    """MB, of a process that trains by defaults for two epochs; none that ran before takes as much."""
    run(
        [*TEACHKIT, "train", "--data", "shapes", "--epochs", "2", "--log", folder / "memory.jsonl"],
        folder / "memory.txt",
        300,
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def large_folder(folder: Path, count: int) -> tuple[float, float]:
    """Memory in MB that an epoch gains after its first tenth, and the time of a batch as a share of a step's."""
    write_pictures(folder / "pictures", count)
    log, memory = folder / "large.jsonl", {}
    command = [*TEACHKIT, "train", "--data", folder / "pictures", "--epochs", "1", "--image-size", "128", "--log", log]
    records = Tail(log)
    with running(command, folder / "large.txt") as process:
        seen = psutil.Process(process.pid)
        step = 0
        while process.poll() is None:
            step = max([record["step"] for record in records.new() if record["kind"] == "step"], default=step)
            with suppress(psutil.Error):
                memory[step] = seen.memory_info().rss / 1e6
            time.sleep(0.1)
    data = load_data(folder / "pictures", image_size=128, device="cpu")
    batch = seconds(lambda: sum(1 for _ in data)) / len(data)
    steps = [record["seconds"] for record in read_log(log, "step")]
    later = [size for number, size in memory.items() if number >= len(steps) // 10]
    return max(later) - later[0], batch * (len(steps) - 1) / (steps[-1] - steps[0])


def write_pictures(folder: Path, count: int) -> None:
    """Photo-like noise in JPEGs of 160 to 640 px, one object each, the last twentieth for validation."""
    generator = np.random.default_rng(0)
    for index in range(count):
        split = "val" if index >= count - count // 20 else "train"
        small = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize(
            tuple(map(int, generator.integers(160, 640, 2))), Image.Resampling.BICUBIC
        )
        buffer = io.BytesIO()
        picture.save(buffer, "jpeg")
        for kind, suffix, content in (("images", "jpg", buffer.getvalue()), ("labels", "txt", LABEL.encode())):
            path = folder / kind / split / f"{index}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [blob]\n")


if __name__ == "__main__":
    sys.exit(main())
