"""`data check`, `data export`, `data get`."""

import argparse
import sys
from pathlib import Path

from teachkit.errors import UserError, one_line

CLASSES_SHOWN = 12


def run(arguments: argparse.Namespace) -> int:
    return {"check": _check, "export": _export, "get": _get}[arguments.action](arguments)


def _check(arguments: argparse.Namespace) -> int:
    """One problem a line on stdout, and nothing else there; exit 1 if there is any. What was read goes to stderr."""
    from teachkit.feed.formats import examine

    report = examine(arguments.path)
    for problem in report.problems:
        print(problem)
    for note in report.notes:
        print(one_line(f"note: {note}"), file=sys.stderr)
    if report.splits:
        splits = ", ".join(
            f"{name} {count} pictures {objects} objects" for name, (count, objects) in report.splits.items()
        )
        more = f" and {len(report.classes) - CLASSES_SHOWN} more" if len(report.classes) > CLASSES_SHOWN else ""
        classes = f"{', '.join(report.classes[:CLASSES_SHOWN])}{more}" or "none"
        print(one_line(f"{arguments.path}: {report.form}: {splits}; classes: {classes}"), file=sys.stderr)
    print(one_line(f"{arguments.path}: {len(report.problems) or 'no'} problems found"), file=sys.stderr)
    return int(bool(report.problems))


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
    print(one_line(f"{arguments.out}: {pictures} pictures in {arguments.format.upper()} form"))
    return 0


def _get(arguments: argparse.Namespace) -> int:
    from teachkit.feed.download import get

    folder: Path = get(arguments.name)
    print(one_line(f"{folder}: complete, every file as its checksum says; train on it with --data {folder}"))
    return 0
