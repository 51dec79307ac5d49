"""Pictures that are equal byte for byte."""

import hashlib
from contextlib import suppress

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Entry
from teachkit.feed.pictures import MOST_BYTES


def without_copies(entries: list[Entry], consequence: str = "left out") -> tuple[list[Entry], list[Problem]]:
    """Drops all but the first of pictures that are equal byte for byte; reads only those equal in size."""
    of_size: dict[int, list[Entry]] = {}
    for entry in entries:
        with suppress(OSError):  # what may not be read is told where it is decoded
            if (size := entry.picture.stat().st_size) <= MOST_BYTES:
                of_size.setdefault(size, []).append(entry)
    first: dict[bytes, Entry] = {}
    copies: dict[int, Problem] = {}
    for alike in of_size.values():
        for entry in alike if len(alike) > 1 else ():
            with suppress(OSError):
                earlier = first.setdefault(hashlib.sha256(entry.picture.read_bytes()).digest(), entry)
                if earlier.picture != entry.picture:
                    what = f"is the same picture as {earlier.picture}, byte for byte; {consequence}"
                    copies[id(entry)] = Problem(str(entry.picture), 1, what)
    return [entry for entry in entries if id(entry) not in copies], list(copies.values())
