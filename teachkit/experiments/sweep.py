"""A sweep: the same small training with several learning rates and seeds, all at once.

On a GPU they are one training of stacked models, on a processor parallel processes of one thread each: this one, and
others that are spawned and stay for the next sweep. Where a script that calls `sweep` lacks `if __name__ ==
"__main__":` they die at their start with an error, and this one does their work; a notebook needs nothing of the kind.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import torch
from tqdm.auto import tqdm

from teachkit.errors import UserError, check_number, whole
from teachkit.experiments.one_pass import OnePass
from teachkit.experiments.processes import Process, cancelled
from teachkit.experiments.small import small_f1, small_trainer, usual_rate
from teachkit.feed.device import pick_device
from teachkit.learn.control import LARGEST_RATE
from teachkit.learn.log import Record
from teachkit.learn.resources import use_threads
from teachkit.learn.schedule import check_schedule

TOLD = 0.2  # seconds between two looks at how far the others are


@dataclass(frozen=True)
class SweptRun:
    """One run. records: of its Trainer; f1: see `small_f1`; diverged, error: why it ended, else ""."""

    lr: float
    seed: int
    records: list[Record] = field(default_factory=list, repr=False)
    f1: float = 0.0
    diverged: str = ""
    cancelled: bool = False
    error: str = ""

    def losses(self, name: str) -> list[float]:
        """One unweighted loss at each step."""
        return [record[name] for record in self.records if record["kind"] == "step"]


def run_once(lr: float, seed: int, optimizer: str, steps: int, schedule: str) -> SweptRun:
    """One training in this process. An exception does not leave it, but is named in `error`."""
    use_threads(1)
    records: list[Record] = []
    try:
        trainer = small_trainer(lr, optimizer, schedule, seed, epochs=-(-steps // 16))
        trainer.on_record = records.append
        while trainer.step_number < steps and trainer.diverged is None and not cancelled():
            trainer.step()
        f1 = small_f1(trainer.model)
    except Exception as error:
        return SweptRun(lr, seed, records, error=_named(lr, seed, error))
    return SweptRun(lr, seed, records, f1, trainer.diverged or "", cancelled())


def sweep(
    rates: Sequence[float],
    *,
    seeds: Sequence[int] = (0,),
    optimizer: str = "adamw",
    steps: int = 96,
    schedule: str = "constant",
    workers: int = 2,
    device: str = "auto",
    progress: bool = True,
) -> list[SweptRun]:
    """Trains with each rate and each seed → the runs in that order, whichever ends first.

    workers: processes, this one with them, where device is no GPU.
    Ctrl-C, or the notebook's stop button, cancels: running trainings end after their current step, the others do not
    start, and KeyboardInterrupt is raised. A run that fails has an `error`. UserError if a setting is refused.
    """
    usual_rate(optimizer)
    check_schedule(schedule)
    if not rates or not seeds:
        raise UserError("a sweep needs at least one rate and one seed")
    workers, steps = whole("workers", workers, 1), whole("steps", steps, 1)
    wanted = [(check_number("lr", lr, LARGEST_RATE), whole("seed", seed, 0)) for lr in rates for seed in seeds]
    if (chosen := pick_device(device)).type == "cuda":
        return in_one_pass(wanted, optimizer, steps, schedule, chosen, progress)
    return in_processes(wanted, optimizer, steps, schedule, workers, progress)


def in_one_pass(
    wanted: Sequence[tuple[float, int]],
    optimizer: str,
    steps: int,
    schedule: str,
    device: torch.device,
    progress: bool,
) -> list[SweptRun]:
    """The same runs by `OnePass`. wanted: rate and seed of each."""
    trainers = [small_trainer(lr, optimizer, schedule, seed, epochs=-(-steps // 16)) for lr, seed in wanted]
    together = OnePass(trainers, device)
    for step in tqdm(range(steps), unit="step", disable=not progress):
        if not all(together.diverged):
            together.step(step)
    together.hand_back()
    f1 = [small_f1(one.model) for one in trainers]
    found = zip(wanted, together.records, f1, together.diverged, strict=True)
    return [SweptRun(lr, seed, records, score, why) for (lr, seed), records, score, why in found]


def in_processes(
    wanted: Sequence[tuple[float, int]], optimizer: str, steps: int, schedule: str, workers: int, progress: bool
) -> list[SweptRun]:
    """The same runs, each by whichever process is free. This one begins at once; the others import torch first."""
    left, runs = deque(enumerate(wanted)), dict[int, SweptRun]()
    threads, others = torch.get_num_threads(), min(workers, len(wanted)) - 1
    bar = tqdm(total=len(wanted), unit="run", disable=not progress)
    at_work, lock = list[Process](), Lock()

    def work_here() -> None:
        for place, (lr, seed) in _taken(left):
            runs[place] = run_once(lr, seed, optimizer, steps, schedule)
            bar.update(len(runs) - bar.n)

    def hand_out() -> None:
        process = Process.rested_or_new()
        with lock:
            at_work.append(process)
        try:
            for place, (lr, seed) in _taken(left):
                try:
                    runs[place] = process.submit(run_once, lr, seed, optimizer, steps, schedule).result()
                except BrokenProcessPool as error:
                    if process.begun.is_set():
                        runs[place] = SweptRun(lr, seed, error=_named(lr, seed, error))
                    else:  # as in a script without `if __name__ == "__main__":`
                        left.append((place, (lr, seed)))
                    return
        finally:
            with lock:  # whoever takes it next is not to be cancelled with this sweep
                at_work.remove(process)
                process.rest()

    with bar, ThreadPoolExecutor(max(1, others)) as pool:
        try:
            handed_out = [pool.submit(hand_out) for _ in range(others)]
            work_here()
            for future in handed_out:
                while not future.done():
                    bar.update(len(runs) - bar.n)
                    wait([future], TOLD)
                future.result()
            work_here()  # what no process has begun
            bar.update(len(runs) - bar.n)
        except BaseException:
            left.clear()
            with lock:
                for process in at_work:
                    process.stop.set()
            raise
        finally:
            use_threads(threads)
    return [runs[place] for place in range(len(wanted))]


def _taken(left: deque[Any]) -> Iterator[Any]:
    """What no other thread has taken yet."""
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _named(lr: float, seed: int, error: Exception) -> str:
    return f"rate {lr:g}, seed {seed}: {type(error).__name__}: {error}"
