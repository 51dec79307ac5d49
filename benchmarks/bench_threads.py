"""What a busy neighbour costs: steps per second alone and beside a process that keeps one of the two cores busy."""

import argparse
import statistics
import subprocess
import sys
from contextlib import nullcontext, suppress
from itertools import pairwise
from pathlib import Path

from benchmarks.runs import (
    TEACHKIT,
    DidNotRunError,
    keep,
    new_folder,
    read_log,
    report,
    running,
    use_two_cores,
    verdict,
)

TARGET = 0.5  # of the speed alone, with the threads that teachkit chooses
NEIGHBOUR = (sys.executable, "-c", "while True: pass")
CHOICES = {"as chosen": [], "1 thread": ["--threads", "1"], "2 threads": ["--threads", "2"]}
WARM_UP = 10  # steps that still allocate
LIMIT = 60.0  # s


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_threads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of alone and busy in turn, for each choice of threads")
    return report(lambda: measure(parser.parse_args(argv).rounds))


def measure(rounds: int) -> bool:
    use_two_cores()
    folder = new_folder("threads")
    milliseconds: dict[str, list[float]] = {}
    for number in range(rounds):
        for choice, options in CHOICES.items():
            for busy in (False, True):
                name = f"{choice}, {'busy' if busy else 'alone'}"
                milliseconds.setdefault(name, []).extend(step_times(folder / f"{name} {number}", options, busy))
    speed = {name: 1000 / statistics.mean(times) for name, times in milliseconds.items()}
    left = {choice: speed[f"{choice}, busy"] / speed[f"{choice}, alone"] for choice in CHOICES}
    for choice in CHOICES:
        print(f"{choice}: {row(milliseconds[f'{choice}, alone'])} alone, {row(milliseconds[f'{choice}, busy'])} busy")
    print(f"alone, 2 threads are {speed['2 threads, alone'] / speed['1 thread, alone']:.2f} × as fast as 1")
    keep(folder, steps_per_second=speed, left=left)
    for choice in ("1 thread", "2 threads"):
        print(f"        {choice}: {left[choice]:.2f} of the speed is left beside a busy core")
    what = f"as chosen: {left['as chosen']:.2f} of the speed is left beside a busy core, at least {TARGET}"
    return verdict(what, left["as chosen"] >= TARGET)


def step_times(path: Path, options: list[str], busy: bool) -> list[float]:
    """Milliseconds of each step of one pass over the built-in set, the first steps left out.

    Two threads beside a busy core may take seconds for a step: after a minute the steps so far count.
    """
    log = path.with_suffix(".jsonl")
    neighbour = running(NEIGHBOUR, path.with_suffix(".neighbour.txt")) if busy else nullcontext()
    command = [*TEACHKIT, "train", "--data", "shapes", "--epochs", "1", *options, "--log", log]
    with neighbour, running(command, path.with_suffix(".txt")) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LIMIT)
        if process.returncode:
            raise DidNotRunError(f"{path.name}: exit code {process.returncode}; see {path.parent}")
    seconds = [record["seconds"] for record in read_log(log, "step")][WARM_UP:]
    return [1000 * (after - before) for before, after in pairwise(seconds)]


def row(times: list[float]) -> str:
    ninth = statistics.quantiles(times, n=10)[-1]
    return f"{1000 / statistics.mean(times):.1f} steps/s (median {statistics.median(times):.0f} ms, p90 {ninth:.0f} ms)"


if __name__ == "__main__":
    sys.exit(main())
