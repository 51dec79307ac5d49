"""Where the records of a training go: into its logs, onto the screen, and into a list for the curves."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from teachkit.learn.log import LogWriter, Record, cut_log, read_log
from teachkit.structures import LOSS_NAMES


class Records:
    """files: logs to write; steps: per epoch; epochs: in all.

    resumed: the first step and epoch that the state has not seen; later records in the files are dropped.
    history: all records, those from before the resume included.
    """

    def __init__(self, files: Sequence[Path], steps: int, epochs: int, resumed: tuple[int, int] | None = None) -> None:
        self.epochs = epochs
        self.history, known = _before(files, *resumed) if resumed else ([], None)
        # what holds the records so far is only gone on with: killed here, we would leave none
        self._logs = [LogWriter(file, append=file == known) for file in files]
        for log in self._logs:
            for record in self.history if log.path != known else ():
                log.write(record)
        # disable=None: a bar on a terminal only; in a file it would be thousands of lines
        done = resumed[0] if resumed else 0
        self._bar = tqdm(total=steps * epochs, initial=done, unit="step", disable=None, dynamic_ncols=True, leave=False)

    def take(self, record: Record) -> None:
        self.history.append(record)
        self._write(record)
        match record["kind"]:
            case "step":
                self._bar.set_postfix({name: f"{record[name]:.3f}" for name in LOSS_NAMES}, refresh=False)
                self._bar.update()
            case "epoch":
                scores = "  ".join(f"{name} {_score(record[name])}" for name in ("map50", "map"))
                self._say(f"epoch {record['epoch'] + 1:>3} of {self.epochs}  {scores}  {record['seconds']:7.1f} s")
            case "event":
                self._say(f"step {record['step']}: {record['message']}")

    def _write(self, record: Record) -> None:
        for log in self._logs:
            log.write(record)

    def _say(self, line: str) -> None:
        tqdm.write(line, file=sys.stderr)  # past the bar, not through it

    def close(self) -> None:
        self._bar.close()
        for log in self._logs:
            log.close()


def _before(files: Sequence[Path], step: int, epoch: int) -> tuple[list[Record], Path | None]:
    """The records of the run so far, and the first of its logs that is there, from which they are."""
    for file in files:
        if file.exists():
            cut_log(file, step, epoch)
            return read_log(file), file
    return [], None


def _score(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
