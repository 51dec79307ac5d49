"""More processes: two ranks against one process, the workers of a study, and what the code of the ranks costs."""

import argparse
import os
import statistics
import sys
import time
from contextlib import ExitStack, redirect_stderr
from itertools import pairwise
from pathlib import Path

from benchmarks.runs import TEACHKIT, keep, new_folder, read_log, report, run, running, use_two_cores, verdict

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--")
WARM_UP, LIMIT = 10, 600.0
WORKERS_TARGET, OVERHEAD_TARGET = 1.7, 0.01


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=12, help="of each study")
    options = parser.parse_args(argv)
    return report(lambda: measure(options.rounds, options.trials))


def measure(rounds: int, trials: int) -> bool:
    use_two_cores()
    folder = new_folder("scale")
    milliseconds = ranks_and_threads(folder, rounds)
    ratio = milliseconds["2 threads"] / milliseconds["2 ranks"]
    print(f"        2 ranks are {ratio:.2f} × as fast as 1 process with 2 threads")
    per_minute = {count: trials_per_minute(folder, count, trials) for count in (1, 2, 3)}
    share = overhead_of_ranks()
    keep(folder, milliseconds=milliseconds, trials_per_minute=per_minute, overhead=share)
    for count, rate in per_minute.items():
        print(f"        {count} workers: {rate:.1f} trials per minute")
    gain = per_minute[2] / per_minute[1]
    met = verdict(f"2 workers make {gain:.2f} × the trials of 1, at least {WORKERS_TARGET}", gain >= WORKERS_TARGET)
    return met & verdict(f"the ranks' code takes {share:.2%} of a step, at most 1 %", share <= OVERHEAD_TARGET)


def ranks_and_threads(folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds of a step of `train` on the built-in set, in turn."""
    choices = {"2 ranks": (TORCHRUN, "1"), "2 threads": ((), "2"), "1 thread": ((), "1")}
    times: dict[str, list[float]] = {name: [] for name in choices}
    for number in range(rounds):
        for name, (start, threads) in choices.items():
            log = folder / f"{name} {number}.jsonl"
            train = ["train", "--data", "shapes", "--epochs", "1", "--threads", threads, "--log", log]
            run([*start, "teachkit", *train] if start else [*TEACHKIT, *train], log.with_suffix(".txt"), LIMIT)
            seconds = [record["seconds"] for record in read_log(log, "step")][WARM_UP:]
            times[name] += [1000 * (after - before) for before, after in pairwise(seconds)]
    for name, one in times.items():
        print(f"{name}: {statistics.median(one):.1f} ms a step, of {len(one)} steps")
    return {name: statistics.median(one) for name, one in times.items()}


def trials_per_minute(folder: Path, workers: int, trials: int) -> float:
    """From the begin of the first trial to the end of the last: what a worker needs to start is not counted."""
    import optuna

    from teachkit.experiments.storages import open_journal

    journal = folder / f"{workers} workers.log"
    ask = ["--data", "shapes", "--trials", trials, "--study", "bench", "--storage", journal, "--epochs", 1]
    with ExitStack() as stack:
        command = [*TEACHKIT, "search", *ask, "--threads", 1]
        outputs = [folder / f"{workers} workers {number}.txt" for number in range(workers)]
        for one in [stack.enter_context(running(command, output)) for output in outputs]:
            one.wait(LIMIT)
    made = optuna.load_study(study_name="bench", storage=open_journal(journal)).trials
    begin, end = min(one.datetime_start for one in made), max(one.datetime_complete for one in made)
    return 60 * len(made) / (end - begin).total_seconds()


def overhead_of_ranks(calls: int = 2000) -> float:
    """The share of a step of one process that goes into asking whether there are ranks: each call that a step makes."""
    import torch

    from teachkit.experiments.small import small_trainer
    from teachkit.learn.ranks import ALONE

    torch.set_num_threads(1)
    trainer = small_trainer()
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        trainer.on_record = lambda record: None
        for _ in range(WARM_UP):
            trainer.step()
        began = time.perf_counter()
        for _ in range(100):
            trainer.step()
        step = (time.perf_counter() - began) / 100
    asked, row = trainer.control.asked(), torch.zeros(9)
    began = time.perf_counter()
    for _ in range(calls):
        with ALONE.sharing(trainer.criterion):
            ALONE.agreed(asked)
            ALONE.mean(row)
    return (time.perf_counter() - began) / calls / step


if __name__ == "__main__":
    sys.exit(main())
