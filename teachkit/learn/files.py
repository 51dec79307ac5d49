"""Files that are written as a whole or not at all."""

import errno
import os
import secrets
from pathlib import Path

MEGABYTE = 10**6
SUFFIX = ".part"  # of a file that is being written
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: Path, content: bytes) -> None:
    """Writes a temporary file, flushes it to the disk and renames it: a crash leaves the old content or the new.

    OSError if that fails; `path` is then as it was.
    """
    # not by tempfile, whose files nobody else may read: a teacher looks at what a class has saved
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Makes a rename survive a power cut. Windows does so by itself, and cannot open folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clean_stale(folder: Path) -> None:
    """Removes what a killed process had begun to write. Do not call it while another process writes here."""
    for stale in folder.glob(f"*{SUFFIX}"):
        stale.unlink(missing_ok=True)


def why_not_written(error: OSError, path: Path, size: int) -> str:
    """One line: what happened, how much room is needed, what to do. size: bytes."""
    needed = f"{max(0.1, size / MEGABYTE):.1f} MB"
    if error.errno in FULL:
        return f"disk full, {path} needs {needed}: make room; the training goes on"
    return (
        f"{path} ({needed}) could not be written ({error.strerror or error}): see to its folder; the training goes on"
    )
