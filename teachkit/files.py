"""The files that this course writes: each whole or not at all, and none over a file that somebody else wrote."""

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from teachkit.errors import UserError

MEGABYTE = 10**6
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# A name that nobody else gives, and from which is seen whether the process that gave it is still at work.
TEMPORARY = re.compile(r"\.teachkit-(?P<machine>[0-9a-f]{8})-(?P<process>\d{1,9})-[0-9a-f]{16}\.part")
MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
LOOKS = 50  # at a file that is replaced while it is looked at, as another process's lock is
SLACK = 2.0  # s by which a file system's clock may be behind
PNG, SOFTWARE = b"\x89PNG\r\n\x1a\n", "teachkit"  # the latter is written into each picture, and marks it as ours
SEAL, END = b"teachkit-sha256\0", 12  # the latter: bytes of the chunk that ends a PNG
SEALED = 12 + len(SEAL) + 64 + END  # bytes at the end of a sealed picture
LARGEST_SEALED = 2**28  # bytes
TEXT_SEAL = re.compile(rb'"teachkit-sha256"(?:: | content=)"([0-9a-f]{64})"')  # of JSON and of HTML

_cleaned: set[Path] = set()  # folders of outputs; to look through them for each of 10,000 pictures would take a minute

Recogniser = Callable[[Path], bool]


# written as a whole


def temporary_beside(path: Path) -> Path:
    # not by tempfile, whose files nobody else may read: a teacher looks at what a class has saved
    return path.with_name(f".teachkit-{MACHINE}-{os.getpid()}-{secrets.token_hex(8)}.part")


def write_whole(path: Path, content: bytes) -> None:
    """Written beside it, flushed to the disk, then renamed over it: a crash at any moment leaves the old or the new.

    OSError, which names `path`, if that fails; `path` is then as it was.
    """
    temporary = temporary_beside(path)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # one without a number shows its words alone
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    flush_folder(path.parent)


def write_output(path: Path, content: bytes, is_ours: Recogniser, what: str) -> None:
    """For a file that somebody asked for by name. what: it is, such as "a replay".

    UserError, naming it, if a file of others is there, or if it cannot be written.
    """
    refuse_foreign(path, is_ours, what)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in _cleaned:
            clean_stale(path.parent)
            _cleaned.add(path.parent)
        write_whole(path, content)
    except OSError as error:
        advice = "make room" if error.errno in FULL else "choose another place"
        raise UserError(f"{path}: cannot be written ({error.strerror or error}): {advice}") from None


def flush_folder(folder: Path) -> None:
    """Makes a renaming last through a power cut. Windows does so by itself and cannot open folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why_not_written(error: OSError, path: Path, size: int) -> str:
    """One line: what happened, how much room is needed, what to do. size: bytes."""
    needed = f"{max(0.1, size / MEGABYTE):.1f} MB"
    if error.errno in FULL:
        return f"disk full, {path} needs {needed}: make room"
    return f"{path} ({needed}) could not be written ({error.strerror or error}): see to its folder"


# what a killed process left


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder in `parent`, removed at the end. Those that killed processes left there are removed at once."""
    parent.mkdir(parents=True, exist_ok=True)
    clean_stale(parent)
    folder = temporary_beside(parent / "any")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_stale(folder: Path) -> None:
    """Removes what a killed process of ours had begun to write here; what a living one writes stays."""
    for path in folder.glob(".teachkit-*.part"):
        named = TEMPORARY.fullmatch(path.name)
        if named is None or named["machine"] != MACHINE or _is_at_work(int(named["process"]), path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_at_work(number: int, path: Path) -> bool:
    """Whether the process that made this file is alive; one that was born after the file only has its number."""
    try:
        process = psutil.Process(number)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and process.create_time() <= path.lstat().st_mtime + SLACK
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
    except psutil.Error:
        return True


# whose a file is


def is_foreign(path: Path, is_ours: Recogniser) -> bool:
    """Whether something is there that we did not write. An empty file holds nothing of anybody."""
    before = None
    for _ in range(LOOKS):
        if (found := _state(path)) is None or is_ours(path):
            return False
        if found == before:
            return True
        before = found
    return True


def _state(path: Path) -> tuple[int, ...] | None:
    """Which file is there, and since when it is as it is; None for no file, or an empty one."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    empty = stat.S_ISREG(found.st_mode) and found.st_size == 0
    return None if empty else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def refuse_foreign(path: Path, is_ours: Recogniser, what: str) -> None:
    if is_foreign(path, is_ours):
        raise UserError(f"{path}: is there already and is not {what} of teachkit's: move it away or name another")


def piece(path: Path, start: int, size: int) -> bytes:
    """Bytes of a file; start: < 0 counts from its end. Empty for a link, a pipe, a folder or what may not be read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""
        with open(path, "rb") as file:
            file.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
            return file.read(size)
    except OSError:
        return b""


def sealed(png: bytes) -> bytes:
    """The same picture with the checksum of all of it before its end: whoever edits it breaks that."""
    body, end = png[:-END], png[-END:]
    seal = b"tEXt" + SEAL + hashlib.sha256(body).hexdigest().encode()
    return body + struct.pack(">I", len(seal) - 4) + seal + struct.pack(">I", zlib.crc32(seal)) + end


def is_picture(path: Path) -> bool:
    """Whether it is a PNG with our name in it, as we wrote it: one that somebody has drawn in is that person's."""
    content = piece(path, 0, LARGEST_SEALED)
    if not content.startswith(PNG) or b"tEXtSoftware\0" + SOFTWARE.encode() not in content[:1024]:
        return False
    return SEAL not in content or sealed(content[:-SEALED] + content[-END:]) == content


def sealed_text(before: bytes, after: bytes) -> bytes:
    """The two, and between them, where `TEXT_SEAL` looks for it, the checksum of both."""
    return before + hashlib.sha256(before + after).hexdigest().encode() + after


def is_edited(path: Path) -> bool:
    """Whether somebody has changed what `sealed_text` gave. Files of earlier versions have no seal: no."""
    content = piece(path, 0, LARGEST_SEALED)
    seal = TEXT_SEAL.search(content)
    if seal is None:
        return False
    before, after = content[: seal.start(1)], content[seal.end(1) :]
    return sealed_text(before, after) != content
