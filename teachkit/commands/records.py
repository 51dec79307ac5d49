"""Where the records of a training go: into its logs, onto the screen, and into a list for the curves.

Beside them stands what was found on the way, for a replay.
"""

import math
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from tqdm import tqdm

from teachkit.errors import UserError, one_line
from teachkit.learn.log import LogWriter, Record, cut_log, kept_of, read_log, refuse_other_log
from teachkit.structures import LOSS_NAMES, Batch
from teachkit.watch.replay.recording import PICTURES_SHOWN, detect_on
from teachkit.watch.timeline.marks import ALARMS

if TYPE_CHECKING:
    from teachkit.feed.detector import Detector
    from teachkit.learn.trainer import Trainer

LOOKING = 0.01  # of the time that the planned steps take
AHEAD = 3  # times the steps so far, at most: a run may end before its plan does, and the beginning shows most


class Records:
    """files: logs to write; steps: per epoch; epochs: in all.

    resumed: the first step and epoch that the state has not seen; later records in the files are dropped.
    history: all records, those from before the resume included. missing: steps before that which no file has.
    left: why a run has ended that was killed before it said so; there is nothing else to record of it.
    tensorboard: gets the records, too.
    """

    def __init__(
        self,
        files: Sequence[Path],
        steps: int,
        epochs: int,
        resumed: tuple[int, int] | None = None,
        tensorboard: "TensorBoard | None" = None,
    ) -> None:
        self.epochs = epochs
        self.left: str | None = None
        self.history, known = _before(files, *resumed) if resumed else ([], None)
        self.missing = _missing(self.history, resumed[0]) if resumed else []
        # what holds the records so far is only gone on with: killed here, we would leave none
        self._logs: list[LogWriter] = []
        with ExitStack() as opened:  # all of them, or none
            for file in files:
                self._logs.append(opened.enter_context(LogWriter(file, append=file == known)))
            opened.pop_all()
        for log in self._logs:
            for record in self.history if log.path != known else ():
                log.write(record)
        self._tensorboard = tensorboard
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
        if self._tensorboard is not None:
            self._tensorboard.take(record)

    def _say(self, line: str) -> None:
        tqdm.write(one_line(line), file=sys.stderr)  # past the bar, not through it

    def sync(self) -> None:
        for log in self._logs:
            log.sync()

    def close(self) -> None:
        self._bar.close()
        for log in self._logs:
            log.close()
        if self._tensorboard is not None:
            self._tensorboard.close()


class TensorBoard:
    """The numbers of records as TensorBoard's curves, by torch's SummaryWriter. step: what comes from it on is new.

    A folder that cannot be written to any more ends no training: a warning says so. UserError without `tensorboard`.
    """

    def __init__(self, folder: str, step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError(
                "--tensorboard needs TensorBoard: `pip install teachkit[tensorboard]`, or `pip install tensorboard`"
            ) from None
        self._writer: Any = SummaryWriter(folder, purge_step=step)
        self._folder, self._step = folder, step

    def take(self, record: Record) -> None:
        try:
            if self._writer is not None:
                self._add(record)
        except OSError as error:
            self._writer = None
            warnings.warn(f"{self._folder}: no more curves for TensorBoard ({error.strerror or error})", stacklevel=3)

    def _add(self, record: Record) -> None:
        kind = record["kind"]
        self._step = record.get("step", self._step)  # an epoch has none: its scores are of its last step
        if kind == "event":
            self._writer.add_text("events", record["message"], self._step)
        elif kind in ("step", "epoch"):
            numbers = {name: value for name, value in record.items() if isinstance(value, float)}
            numbers |= {f"weight_{name}": value for name, value in record.get("weights", {}).items()}
            for name, value in numbers.items():
                self._writer.add_scalar(f"{kind}/{name}", value, self._step)
        if kind != "step":
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _before(files: Sequence[Path], step: int, epoch: int) -> tuple[list[Record], Path | None]:
    """The records of the run so far, and the log they are from: the one that has the most of its steps."""
    there = []
    for file in files:
        refuse_other_log(file)
        if file.is_file():
            there.append((len(_missing(kept_of(read_log(file), step, epoch), step)), file))
    if not there:
        return [], None
    _, known = min(there, key=lambda pair: pair[0])
    cut_log(known, step, epoch)
    return read_log(known), known


def _missing(history: Sequence[Record], steps: int) -> list[int]:
    seen = {record["step"] for record in history if record["kind"] == "step"}
    return [step for step in range(steps) if step not in seen]


def _score(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"


class Looks:
    """Writes what the averaged detector finds in the first validation pictures on the way, for a replay.

    Each look is at a fifth more steps than the one before: of a million steps some seventy are looked at.
    file: emptied, unless the training goes on with it; what is later than the training's state is dropped then.
    """

    def __init__(self, file: Path, trainer: "Trainer") -> None:
        if trainer.step_number and file.is_file():
            cut_log(file, trainer.step_number, 0)
        self._trainer, self._log = trainer, LogWriter(file, append=trainer.step_number > 0)
        self._pictures: Batch | None = None
        self._first = self._next = trainer.step_number
        self._spent, self._begun = 0.0, trainer.progress.train_seconds

    def take(self, record: Record) -> None:
        """A record of the training. A spike, a plateau or an end in ruin is looked at as soon as there is time."""
        if record["kind"] == "event" and record["what"] in ALARMS:
            self._next = record["step"]
        elif record["kind"] == "step" and record["step"] >= self._next and self._spent <= self._allowed():
            self._look(record["step"])

    def _allowed(self) -> float:
        """Seconds, of all looks."""
        progress = self._trainer.progress
        done, planned = progress.step - self._first, (progress.last_step or 0) - self._first
        return LOOKING * (progress.train_seconds - self._begun) * max(1, min(AHEAD, planned / done))

    def _look(self, step: int) -> None:
        began = time.perf_counter()
        if self._pictures is None:
            self._pictures = self._trainer.validation_data.batch(0, 0, (0, 1)).take(slice(PICTURES_SHOWN))
        try:
            found = detect_on(cast("Detector", self._trainer.ema), self._pictures)
        except UserError:  # weights that are no numbers any more
            found = [[] for _ in range(len(self._pictures))]
        self._log.write({"kind": "look", "step": step, "found": found})
        self._next = step + 5 + step // 5
        self._spent += time.perf_counter() - began

    def close(self) -> None:
        self._log.close()


class Unbreakable:
    """A stream that no training dies of. Once it cannot be written to, what is said to it is lost.

    loss: a sentence on that, for whoever takes it.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name, self._lost = stream, name, False
        self.loss: str | None = None

    def write(self, text: str) -> int:
        with self._losing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._losing():
            self._stream.flush()

    @contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: it is closed
            if not self._lost:
                self._lost, reason = True, getattr(error, "strerror", None) or error
                self.loss = f"{self._name} cannot be written to ({reason}): what is said there is lost from here on"
            with suppress(OSError, ValueError):  # what waits in it must not make the process fail at its end
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def unbreakable_streams() -> Iterator[list[Unbreakable]]:
    """stdout and stderr, which a gone reader, a closed terminal or a full disk cannot break meanwhile."""
    before = sys.stdout, sys.stderr
    streams = [Unbreakable(sys.stdout, "stdout"), Unbreakable(sys.stderr, "stderr")]
    sys.stdout, sys.stderr = streams  # type: ignore[assignment]
    try:
        yield streams
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
