"""`data check`, `data export`, `data get`."""

import argparse
import sys
from pathlib import Path

from teachkit.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    return {"check": _check, "export": _export, "get": _get}[arguments.action](arguments)


def _check(arguments: argparse.Namespace) -> int:
    """One problem a line on stdout, and nothing else there; exit 1 if there is any."""
    from teachkit.feed.formats import check

    problems = check(arguments.path)
    for problem in problems:
        print(problem)
    print(f"{arguments.path}: {len(problems) or 'no'} problems found", file=sys.stderr)
    return int(bool(problems))


def _export(arguments: argparse.Namespace) -> int:
    from teachkit.feed.formats import write_folder
    from teachkit.feed.scenes import COUNTS, make_scenes

    splits = {split: make_scenes(split=split) for split in COUNTS}
    try:
        write_folder(splits, arguments.out, arguments.format)
    except OSError as error:
        raise UserError(
            f"{arguments.out}: cannot be written ({error.strerror}); make room, remove what is there, do it again"
        ) from None
    pictures = ", ".join(f"{len(examples)} {split}" for split, examples in splits.items())
    print(f"{arguments.out}: {pictures} pictures in {arguments.format.upper()} form")
    return 0


def _get(arguments: argparse.Namespace) -> int:
    from teachkit.feed.download import get

    folder: Path = get(arguments.name)
    print(f"{folder}: complete, every file as its checksum says; train on it with --data {folder}")
    return 0
