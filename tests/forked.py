"""Processes of their own that begin at once: forked from one that has loaded torch and has done nothing with it.

To load it takes three seconds of a processor. What a start of Python itself is asked for needs `subprocess`.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from teachkit.__main__ import main

CONTEXT: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
if hasattr(os, "fork"):
    # an optimizer loads torch._dynamo
    loaded = ["torch._dynamo", "teachkit.commands.train", "teachkit.learn.trainer", "teachkit.watch.figures.plots"]
    CONTEXT.set_forkserver_preload(loaded)


def command(*words: Any, out: Path | str | None = os.devnull, err: Path | str | None = os.devnull) -> Any:
    """`python -m teachkit` with these words, begun → Process. out, err: where they are written; None: closed.

    What a training draws are sketches.
    """
    process = CONTEXT.Process(target=_command, args=([str(word) for word in words], out, err))
    process.start()
    return process


def python(program: str, *arguments: Any, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """What `python -W error -c PROGRAM …` has done, with its output."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = begun(program, *arguments, out=out, err=err)
        end(process, timeout)
        return subprocess.CompletedProcess(program, process.exitcode, out.read_text(), err.read_text())


def begun(program: str, *arguments: Any, out: Path | str = os.devnull, err: Path | str = os.devnull) -> Any:
    """`python -W error -c PROGRAM …` → Process."""
    process = CONTEXT.Process(target=_python, args=(program, [str(one) for one in arguments], out, err))
    process.start()
    return process


def end(process: Any, timeout: float) -> None:
    """Wait for it. What hangs is killed with its children: TimeoutExpired."""
    process.join(timeout)
    if process.exitcode is None:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        raise subprocess.TimeoutExpired(process.name, timeout)


def _command(words: list[str], *places: Path | str | None) -> None:
    from tests.sketches import draw_sketches

    _write_into(*places)
    draw_sketches()
    sys.exit(main(words))


def _python(program: str, arguments: list[str], *places: Path) -> None:
    import warnings

    _write_into(*places)
    warnings.simplefilter("error")
    sys.argv = ["-c", *arguments]
    exec(program, {"__name__": "__main__"})


def _write_into(*places: Path | str | None) -> None:
    """As a shell and a starting Python do it: stdout and stderr."""
    opened = [None if place is None else os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for place in places]
    for number, file in enumerate(opened, 1):
        os.close(number) if file is None else os.dup2(file, number)
    for file in filter(None, opened):
        os.close(file)
    sys.stdout, sys.stderr = (
        None if file is None else open(number, "w", buffering, errors="backslashreplace", closefd=False)  # noqa: SIM115
        for (number, buffering), file in zip(((1, -1), (2, 1)), opened, strict=True)  # stderr by lines
    )
