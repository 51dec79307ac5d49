"""What all benchmarks share: two cores, one clock, processes and their logs, a verdict."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
RAW = ROOT / "runs" / "bench"  # git-ignored: raw logs stay on the machine that made them
TEACHKIT = (sys.executable, "-m", "teachkit")
CORES = 2
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Record = dict[str, Any]
Command = Sequence[object]  # words and paths


class DidNotRunError(RuntimeError):
    """A side of the comparison is missing, so there is no result at all."""


def report(measure: Callable[[], bool]) -> int:
    """0 if the target is met, 1 if it is missed, 3 if a side did not run, which is said on stderr."""
    try:
        return 0 if measure() else 1
    except DidNotRunError as error:
        print(f"NO RESULT: {error}", file=sys.stderr)
        return 3


def new_folder(name: str) -> Path:
    folder = RAW / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    return folder


def use_two_cores() -> None:
    """Confines this process, and so all that it starts, to two cores."""
    if not hasattr(os, "sched_setaffinity"):
        print(f"this system cannot confine processes to {CORES} cores: all {os.cpu_count()} are used, by both sides")
        return
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    if len(cores) < CORES:
        raise DidNotRunError(f"{CORES} cores are needed, here is {len(cores)}")
    os.sched_setaffinity(0, cores)
    busy = max(psutil.cpu_percent(interval=1, percpu=True)[core] for core in cores)
    if busy > 10:
        print(f"the machine is not idle ({busy:.0f} % of a core is in use): do not quote these figures")


@contextmanager
def running(command: Command, output: Path, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended at the end with all that it started. extra: environment variables.

    What it prints goes to `output`, its errors beside it as .err. Thread settings of the shell are not handed on:
    each side chooses for itself.
    """
    environment = {name: value for name, value in os.environ.items() if name not in THREAD_SETTINGS} | extra
    with output.open("wb") as out, output.with_suffix(".err").open("wb") as err:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if not hasattr(os, "killpg"):
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # its data workers too
    process.wait()


def run(command: Command, output: Path, limit: float, **extra: str) -> None:
    """Runs to the end; DidNotRunError if that takes over `limit` seconds or the exit code is not 0."""
    with running(command, output, **extra) as process:
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise DidNotRunError(f"{_short(command)}: no end after {limit:.0f} s; see {output}") from None
    if code != 0:
        raise DidNotRunError(f"{_short(command)}: exit code {code}; {_last_line(output)}")


def seconds_until(
    reached: Callable[[Record], bool],
    command: Command,
    log: Path,
    output: Path,
    limit: float,
    **extra: str,
) -> float:
    """Starts a process that writes a log, and waits for the first record that is `reached`; then the process is ended.

    → seconds from the start of the process, by our own clock. DidNotRunError if it ends or `limit` passes first.
    """
    begin = time.perf_counter()
    with running(command, output, **extra) as process:
        records = Tail(log)
        while True:
            ended = process.poll() is not None  # asked before reading, so that no last line is lost
            now = time.perf_counter() - begin
            if any(reached(record) for record in records.new()):
                return now
            if ended:
                raise DidNotRunError(f"{_short(command)}: ended before the goal; {_last_line(output)}")
            if now > limit:
                raise DidNotRunError(f"{_short(command)}: the goal was not reached in {limit:.0f} s; see {output}")
            time.sleep(0.02)


def _short(command: Command) -> str:
    return " ".join(str(part) for part in command[:4]) + " …"


def _last_line(output: Path) -> str:
    text = "".join(path.read_text(errors="replace") for path in (output, output.with_suffix(".err")))
    return f"{text.strip().splitlines()[-1] if text.strip() else 'nothing printed'}; see {output}"


class Tail:
    """Records that a log has gained since it was last read. A line still being written waits for the next time."""

    def __init__(self, log: Path) -> None:
        self.log, self.place = log, 0

    def new(self) -> list[Record]:
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(self.place)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.place += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def read_log(log: Path, kind: str) -> list[Record]:
    """All records of a kind; DidNotRunError if there is none."""
    records = [record for record in Tail(log).new() if record["kind"] == kind]
    if not records:
        raise DidNotRunError(f"{log} holds no {kind} record")
    return records


def summary(seconds: Sequence[float]) -> str:
    """`9.8 s (9.5–10.4, 4 runs)`: the median, then the range."""
    runs = "1 run" if len(seconds) == 1 else f"{min(seconds):.1f}–{max(seconds):.1f}, {len(seconds)} runs"
    return f"{statistics.median(seconds):.1f} s ({runs})"


def verdict(what: str, met: bool) -> bool:
    print(f"{'met   ' if met else 'MISSED'}  {what}")
    return met


def keep(folder: Path, **results: Any) -> None:
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(f"raw logs and results: {folder.relative_to(ROOT)}")
