"""The command line: `python -m teachkit …`. Here is what may be typed; what it does stands in `teachkit/commands/`.

Exit codes: 0 done, 1 a goal was not reached, 2 the user's mistake, 3 diverged, 130 interrupted.
"""

import argparse
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

from teachkit.errors import UserError, one_line

METRICS = ("map", "map50", "map75")
RANKS_APART = 20.0  # s, between the starts of two ranks at most
NEED_TORCH = ("train", "evaluate", "detect", "search")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, "" if is_told_by_first_rank() else f"{self.prog}: {message}; see {self.prog} --help\n")


def is_told_by_first_rank() -> bool:
    """Whether this is another rank, of those that torchrun has started, which would say the same.

    It waits until rank 0 has told it and ended, for torchrun ends all with the first. Torch is not loaded yet to ask.
    """
    told = (os.environ.get("WORLD_SIZE") or "1") != "1" and (os.environ.get("RANK") or "0") != "0"
    if told:
        time.sleep(RANKS_APART)
    return told


def number(kind: type[int] | type[float], least: float, wording: str, most: float = math.inf) -> Callable[[str], float]:
    """For argparse: text → a finite number of that kind, `least` … `most`."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (least <= value <= most and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wording}")
        return value

    return read


COUNT = number(int, 1, "a whole number from 1 to a million", 10**6)
THREADS = number(int, 1, "a whole number from 1 to 1024", 1024)
SEED = number(int, 0, "a whole number from 0 to 2^63 - 1", 2**63 - 1)
WEIGHT = number(float, 0, "a number from 0")


def goal(text: str) -> tuple[str, float]:
    """`map50=0.9` → ("map50", 0.9)."""
    metric, _, value = text.partition("=")
    try:
        wanted = float(value)
    except ValueError:
        wanted = math.nan
    if metric not in METRICS or not 0 <= wanted <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(METRICS)} = a number from 0 to 1")
    return metric, wanted


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m teachkit", description="Learn how an object detector is trained: feed, punish, learn."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _train(commands.add_parser("train", help="feed, punish, learn: the whole loop", allow_abbrev=False))
    _evaluate(commands.add_parser("evaluate", help="score a saved run", allow_abbrev=False))
    _detect(commands.add_parser("detect", help="draw what a saved run finds in pictures", allow_abbrev=False))
    _search(
        commands.add_parser("search", help="try learning rates and loss weights, on any machines", allow_abbrev=False)
    )
    _data(commands.add_parser("data", help="check, export or download a data set", allow_abbrev=False))
    _replay(commands.add_parser("replay", help="a run as one page that plays in any browser", allow_abbrev=False))
    _progress(
        commands.add_parser("progress", help="the exercises you have solved; hand in, collect", allow_abbrev=False)
    )
    _demo(commands.add_parser("demo", help="the cockpit as a page, for a hall", allow_abbrev=False))
    commands.add_parser("doctor", help="what this machine has, what is missing, how to mend it")
    return parser


def _train(parser: argparse.ArgumentParser) -> None:
    """No default stands here: what was left out is chosen to suit the data set (commands/defaults.py)."""
    parser.add_argument(
        "--data",
        metavar="shapes|PATH",
        help="the built-in scenes, or a VOC, COCO or YOLO folder, or its data.yaml; with --resume, where it lies now",
    )
    parser.add_argument(
        "--resume", metavar="DIR", help="go on with a saved run; only --epochs --until --log --device --data go with it"
    )
    parser.add_argument(
        "--until", type=goal, metavar="map50=0.9", help="stop once validation scores this; exit 1 if never"
    )
    _training(parser)
    parser.add_argument("--lr", type=WEIGHT, metavar="X", help="learning rate at its height")
    for name in ("box", "cls", "dfl"):
        parser.add_argument(f"--{name}", type=WEIGHT, metavar="X", help=f"weight of the {name} loss")
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="of the network while it learns; auto takes bfloat16 where the machine computes in it natively",
    )
    parser.add_argument("--log", metavar="FILE", help="one JSON object a line: every step, epoch and event")
    parser.add_argument("--save", metavar="DIR", help="weights, log, curves.png and detections.png")
    parser.add_argument("--tensorboard", metavar="DIR", help="losses, rates and scores for TensorBoard")


def _training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=COUNT, metavar="N", help="passes over the training data, in all")
    parser.add_argument("--batch-size", type=COUNT, metavar="N", help="pictures per step")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"))
    parser.add_argument("--image-size", type=COUNT, metavar="S", help="px of the longer side")
    parser.add_argument("--train-split", metavar="SPLIT", help="train, unless given")
    parser.add_argument("--val-split", metavar="SPLIT", help="val, unless given")
    parser.add_argument("--device", metavar="auto|cpu|cuda|mps")
    parser.add_argument("--threads", type=THREADS, metavar="N", help="of the processor, for the arithmetic")
    parser.add_argument("--seed", type=SEED, metavar="N", help="0, unless given; the same seed gives the same run")


def _search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="shapes|PATH", help="as for train; with --resume, where it lies now")
    parser.add_argument("--trials", type=COUNT, metavar="N", help="in all, those of other workers counted")
    parser.add_argument("--study", metavar="NAME", help="that this worker begins, or joins")
    parser.add_argument("--storage", required=True, metavar="URL|FILE", help="a database, or a file all workers see")
    parser.add_argument(
        "--resume", nargs="?", const=True, metavar="NAME", help="go on with a study as it was begun; --trials may grow"
    )
    _training(parser)
    parser.add_argument("--save", metavar="DIR", help="Optuna's plots of the study")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="shapes|PATH")
    parser.add_argument("--split", default="test")
    parser.add_argument("--weights", required=True, metavar="DIR|FILE", help="what `train --save` wrote")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")


def _detect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE|FOLDER", help="pictures, folders of them, or patterns such as '*.jpg'"
    )
    parser.add_argument("--weights", required=True, metavar="DIR|FILE", help="what `train --save` wrote")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the drawn pictures go")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps")


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN_DIR_OR_LOG", help="what `train --save` or `--log` wrote")
    parser.add_argument("out", metavar="OUT.html")
    parser.add_argument("--data", metavar="PATH", help="where the pictures of the run lie, unless in the data folder")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=number(int, 0, "a port", 65535), default=0, metavar="N", help="else a free one")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="print the address, open nothing")


def _data(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="every bad annotation or picture as file:line: what is wrong")
    check.add_argument("path", metavar="PATH")
    export = actions.add_parser("export", help="write the built-in scenes for other tools")
    export.add_argument("name", choices=("shapes",))
    export.add_argument("out", metavar="OUT")
    export.add_argument("--format", required=True, choices=("voc", "coco", "yolo"))
    get = actions.add_parser("get", help="download a real data set, checksummed")
    get.add_argument("name", metavar="NAME")


def _progress(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("show", help="how many exercises of each lesson are solved")
    export = actions.add_parser("export", help="write one file to hand in")
    export.add_argument("file", metavar="FILE")
    export.add_argument("--name", required=True, help="whose it is")
    collect = actions.add_parser("collect", help="a table of what many have handed in")
    collect.add_argument("sources", nargs="+", metavar="FILE_OR_FOLDER")
    collect.add_argument("--csv", metavar="OUT", help="into a file for a spreadsheet")


def main(argv: list[str] | None = None) -> int:
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # Windows' code page, which a pipe or file gets there, has no → and no ≥
            stream.reconfigure(errors="replace")
    arguments = build_parser().parse_args(argv)
    if what := _lacks(arguments):
        if is_told_by_first_rank():
            return 2
        return _mistake(arguments.command, f"{what}; see python -m teachkit {arguments.command} --help")
    warnings.showwarning = _warn
    try:
        # Loaded only now: a typing mistake is answered at once, not after torch has been loaded.
        if arguments.command in NEED_TORCH:
            _load_torch()
        code = import_module(f"teachkit.commands.{arguments.command}").run(arguments)
        return code if (lost := _lost_words()) is None else _mistake(arguments.command, f"stdout: {lost}")
    except UserError as error:
        return _mistake(arguments.command, str(error))
    except ModuleNotFoundError as error:
        return _mistake(arguments.command, f"{error.name} is not installed: see python -m teachkit doctor")
    except BrokenPipeError:  # `… | head`: the reader has seen enough, and Python would try once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _mistake(arguments.command, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _say("interrupted")
        return 130


def _lacks(arguments: argparse.Namespace) -> str:
    """Which options there must be, where it hangs on others; empty if they are there.

    An empty text would stand for the folder one is in: a shell makes one of a variable that is not set.
    """
    for name, value in vars(arguments).items():
        if "" in (value if isinstance(value, list) else [value]):
            return f"{name} is an empty text"
    if arguments.command == "train" and arguments.data is None and arguments.resume is None:
        return "one of the arguments --data --resume is required"
    if arguments.command == "search":
        if arguments.resume is None and None in (arguments.data, arguments.trials, arguments.study):
            return "--data, --trials and --study are required, or --resume NAME"
        if arguments.resume is True and arguments.study is None:
            return "--resume goes with the NAME of a study"
    return ""


def _open_closed_streams() -> None:
    """What a shell's `2>&-` closes. Else the next file that is opened would take its number, and get our words."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 — until the process ends


def _say(line: str) -> None:
    """On stderr, if anybody is there to read it."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr)


def _lost_words() -> str | None:
    """Why what was printed cannot be written, or None. BrokenPipeError where its reader has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return str(error.strerror or error)
    return None


def _load_torch() -> None:
    """A KeyboardInterrupt in the midst of it would abort the process with a core dump: Ctrl-C just ends it."""
    if "torch" in sys.modules or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    signal.signal(signal.SIGINT, lambda *_: (os.write(2, b"interrupted\n"), os._exit(130)))
    try:
        import torch  # noqa: F401 — for what it leaves loaded
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """One line, past a progress bar and without the line of our code that Python would add."""
    from tqdm import tqdm

    tqdm.write(one_line(f"warning: {' '.join(str(message).split())}"), file=sys.stderr)


def _mistake(command: str, message: str) -> int:
    _say(one_line(f"python -m teachkit {command}: {' '.join(message.split())}"))
    return 2


if __name__ == "__main__":
    sys.exit(main())
