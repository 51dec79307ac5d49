"""`progress`: what has been solved, as a list, as one file to hand in, and as a table of all that was handed in."""

import argparse
import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teachkit.errors import UserError, one_line
from teachkit.exercises import progress
from teachkit.files import is_edited, piece, sealed_text, write_output
from teachkit.untrusted import read_bounded

KIND = "teachkit progress"
LONGEST_NAME = 80
LARGEST_TABLE = 10**7  # bytes


def run(arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "show":
            return _show()
        case "export":
            return _export(Path(arguments.file), arguments.name)
        case _:
            return _collect(arguments.sources, arguments.csv)


def _show() -> int:
    for lesson, (solved, there_are) in progress.counts().items():
        title = progress.LESSONS[lesson][0]
        print(f"{lesson}  {title:20} {f'{solved} of {there_are}' if there_are else '–'}")
    print(f"kept in {progress.place()}")
    return 0


def _export(file: Path, name: str) -> int:
    name = name.encode(errors="surrogateescape").decode(errors="replace").strip()  # a terminal that is not in UTF-8
    if not name:
        raise UserError("whose progress is it? Give --name")
    solved = {lesson: list(pair) for lesson, pair in progress.counts().items()}
    whose = {"kind": KIND, "name": name}
    text, head = (_as_text(content) for content in (whose | {"solved": solved, "done": progress.read()}, whose))
    head = head.removesuffix(b"\n}")
    sealed = sealed_text(text.removesuffix(b"\n}") + b',\n "teachkit-sha256": "', b'"\n}')

    def is_ours(path: Path) -> bool:
        return piece(path, 0, len(head)) == head and not is_edited(path)

    write_output(file, sealed, is_ours, f"an untouched progress of {name}")
    print(one_line(f"{file}: hand this file in"))
    return 0


def _as_text(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode(errors="backslashreplace")


def _collect(sources: list[str], table: str | None) -> int:
    """One row a student; files that are not what `export` wrote are named and left out, exit code 1."""
    rows, refused = [], 0
    for file in _files(sources):
        try:
            rows.append(_row(file))
        except UserError as error:
            refused += 1
            print(one_line(error), file=sys.stderr)
    header = ["name", *progress.LESSONS, "solved", "tries"]
    rows.sort(key=lambda row: str(row[0]).casefold())
    if table is not None:
        sheet = _as_table([header, *([_harmless(row[0]), *row[1:]] for row in rows)])
        write_output(Path(table), sheet, _is_untouched, "an untouched table")
        print(one_line(f"{table}: {len(rows)} students"))
    else:
        width = max([len(str(row[0])) for row in rows] + [len("name")])
        for row in [header, *rows]:
            print(f"{row[0]!s:{width}}", *(f"{value!s:>5}" for value in row[1:]))
    return 1 if refused else 0


def _as_table(rows: list[list[Any]]) -> bytes:
    """As CSV. The head of its last column, which is empty, seals the rest: so we know whether others wrote in it."""
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows([*one, ""] if place else [*one, _seal(rows)] for place, one in enumerate(rows))
    return sheet.getvalue().encode()


def _seal(rows: list[list[Any]]) -> str:
    cells = json.dumps([[str(cell) for cell in row] for row in rows])
    return f"teachkit {hashlib.sha256(cells.encode()).hexdigest()[:16]}"


def _is_untouched(table: Path) -> bool:
    try:
        text = piece(table, 0, LARGEST_TABLE).decode()
        head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return head[-1] == _seal([head[:-1], *(row[:-1] for row in rows)]) and not any(row[-1] for row in rows)
    except (ValueError, IndexError, csv.Error):  # no text, or no table
        return False


def _files(sources: list[str]) -> Iterator[Path]:
    for source in map(Path, sources):
        if not source.exists():
            raise UserError(f"{source}: there is no such file or folder: give what students handed in")
        yield from sorted(source.glob("*.json")) if source.is_dir() else [source]


def _row(file: Path) -> list[Any]:
    """Name, then solved of how many for each lesson, all solved, all tries. UserError, naming the file, if foreign."""
    try:
        content = json.loads(read_bounded(file, progress.LARGEST))
        if content["kind"] != KIND:
            raise ValueError("another kind of file")
        if not isinstance(content["name"], str):
            raise ValueError("a name that is no text")
        pairs = [[_count(one) for one in content["solved"].get(lesson, [0, 0])] for lesson in progress.LESSONS]
        tries = sum(_count(one["tries"]) for lesson in content["done"].values() for one in lesson.values())
        return [_shown(content["name"]), *(f"{one}/{of}" for one, of in pairs), sum(one for one, _ in pairs), tries]
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        reason = " ".join(str(error).removeprefix(f"{file}: ").split())[:80]
        raise UserError(f"{file}: not a progress that was handed in ({reason}): left out") from None


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= progress.MOST_TRIES:
        raise ValueError(f"{value!r:.40} is no count")
    return value


def _shown(name: str) -> str:
    """What a terminal shows, without what turns its direction, and not too long for a table."""
    shown = "".join(sign for sign in name if sign.isprintable()).strip()
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


def _harmless(name: str) -> str:
    """A spreadsheet takes for a formula what begins like this, also behind what it takes for the end of a cell."""
    return f"'{name}" if re.search(r"(^|[;,|\s])\s*[=+@＝＋＠－-]", name) else name
