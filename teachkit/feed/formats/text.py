"""A stranger's file to text, in whatever encoding its tool wrote it, and words of it to numbers."""

import math
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from teachkit.errors import UserError

MOST_BYTES = 2**24  # of a label file, a list, or names: what is larger is no such file
BOMS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
GUESSED = ("gbk", "cp1252")
LOST = "\ufffd"  # stands for what no encoding gave
HIGH = re.compile(rb"[\x80-\xff]+")
JAPANESE = re.compile(rb"[\x81-\x83\x86-\x89\x8b\x8d\x8f\x90\x98\x9b\x9d]")  # Shift JIS begins so, no letter of 1252
COMMON_HANZI = range(0xB0, 0xD8)  # first bytes of the 3,755 that GB 2312 calls level 1


class TextError(UserError):
    """A .file that cannot be read as text; .reason says why."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}:1: {reason}")
        self.file, self.reason = file, reason


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """All of a file, bounded before it is read. TextError if it is larger than `most`, or may not be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size  # as much memory is taken as may be read
            content = b"" if size > most else file.read(size + 1)
    except OSError as error:
        raise TextError(path, f"cannot be read ({error.strerror})") from None
    if max(size, len(content)) > most:
        raise TextError(path, f"is larger than {most / 2**20:g} MB, which no such file is")
    return content


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Any bytes at all: what is no text becomes a sign that no number and no name holds. TextError as `read_bytes`."""
    return decoded(read_bytes(path, most))[0]


def guess_told(path: Path, encoding: str, names: Iterable[str]) -> list[str]:
    """A line, if the encoding is a guess, that shows some of the names it gave."""
    if encoding not in GUESSED:
        return []
    odd = [name for name in names if not name.isascii()][:5]
    return [f"{path}: is not UTF-8; read as {encoding}: {', '.join(odd):.200}; save it as UTF-8 if that is wrong"]


def decoded(content: bytes) -> tuple[str, str]:
    """Text and its encoding: utf-8, utf-16, …, gbk or cp1252; "" where it is none of them."""
    for encoding in _likely(content):
        with suppress(UnicodeDecodeError):
            return _in_lines(content.decode(encoding).removeprefix("\ufeff")), encoding
    return content.decode("utf-8-sig", errors="replace"), ""


def _in_lines(text: str) -> str:
    """Lines that end as Windows or an old Mac ended them."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _likely(content: bytes) -> list[str]:
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return [encoding]
    if b"\0" in content and content.count(0) * 10 >= len(content):
        even, odd = content[::2].count(0), content[1::2].count(0)
        if not even or not odd:  # UTF-16 without its mark: every other byte of plain letters is 0
            return ["utf-16-le" if odd else "utf-16-be"]
    if content.isascii():
        return ["utf-8"]
    return ["utf-8", *(["gbk"] if _looks_chinese(content) else []), *(["cp1252"] if _looks_western(content) else [])]


def _looks_chinese(content: bytes) -> bool:
    """Two bytes for each sign, most of them common ones, and no run of them grown together with small letters."""
    if re.search(rb"[a-z][\x80-\xff]|[\x80-\xff][a-z]", content):
        return False
    runs = HIGH.findall(content)
    first = [byte for run in runs for byte in run[::2]]
    return all(len(run) % 2 == 0 for run in runs) and sum(byte in COMMON_HANZI for byte in first) * 2 > len(first)


def _looks_western(content: bytes) -> bool:
    """Accented letters stand among plain ones: three in a row, as in every Cyrillic word, are of another code page.

    So are the signs before the letters, where Japanese ones begin.
    """
    return all(len(run) <= 2 and not JAPANESE.search(run) for run in HIGH.findall(content))


def number(text: object) -> float | None:
    """A finite number, or None: NaN, infinity, words, 1_000, １２, true and null are none."""
    if isinstance(text, str):
        if "_" in text or not text.isascii():
            return None
    elif isinstance(text, bool) or not isinstance(text, (int, float)):
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
