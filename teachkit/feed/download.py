"""Real data sets from where they are published, every file checked against a manifest of SHA-256 sums.

Only what the manifest names is taken out of an archive, so none of its other paths, links or sizes can do harm.
"""

import hashlib
import os
import socket
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from torch.hub import download_url_to_file

from teachkit.errors import UserError

DATA = Path(__file__).resolve().parents[2] / "data"
MANIFESTS = Path(__file__).parent
TIMEOUT = 30  # seconds without a byte
LARGEST = 64 * 2**20  # bytes of one file, unpacked

# The last commit that touched the pictures' labels, then the branch it is on; GitHub packs either on demand.
BCCD = "https://github.com/Shenggan/BCCD_Dataset/archive/"
SETS = {"bccd": (f"{BCCD}135df0221baca7b51c18190791522ddeba8fddbf.zip", f"{BCCD}refs/heads/master.zip")}


def get(name: str, data: Path = DATA) -> Path:
    """The folder of the set, data/name, with what was missing from it downloaded.

    UserError if there is no such set, the network fails, a file in the folder differs from the manifest (it is left as
    it is), or the archive lacks files (those that match are kept).
    """
    if name not in SETS:
        raise UserError(f"there is no data set {name!r} to get; choose from {', '.join(SETS)}")
    folder = data / name
    missing = _missing(folder, read_manifest(MANIFESTS / f"{name}.sha256"))
    reason = ""
    for url in SETS[name]:
        if missing:
            try:
                missing = _take(url, folder, missing)
            except (OSError, HTTPException, zipfile.BadZipFile) as error:
                reason = f"{url} gave: {error}; check the network and run this again"
    if missing:
        which = f"{len(missing)} files of {name} could not be had as published, the first {next(iter(missing))!r}"
        raise UserError(f"{folder}: {which}; {reason or 'they have changed there, and the manifest has not'}")
    return folder


def read_manifest(file: Path) -> dict[str, str]:
    """Path within the set → SHA-256, from lines as `sha256sum` writes and checks them."""
    if not file.is_file():
        raise UserError(f"{file}: there is no manifest; run this from a clone of the project")
    lines = file.read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def _missing(folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """What of the manifest is not in the folder. UserError if a file differs: it may be the user's own work."""
    missing = {}
    for path, digest in wanted.items():
        file = folder / path
        if not file.exists():
            missing[path] = digest
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise UserError(f"{file}: differs from the published file; move it away, then run this again")
    return missing


def _take(url: str, folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Downloads an archive, puts what it has of the wanted files into the folder, and returns the rest."""
    before = socket.getdefaulttimeout()
    with TemporaryDirectory() as scratch:
        archive = Path(scratch) / "archive.zip"
        try:
            socket.setdefaulttimeout(TIMEOUT)  # torch.hub sets none, and would wait for ever
            download_url_to_file(url, str(archive))
        finally:
            socket.setdefaulttimeout(before)
        return unpack(archive, folder, wanted)


def unpack(archive: Path, folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Writes the wanted files (path → SHA-256) that the archive holds as wanted; returns those it does not."""
    rest = dict(wanted)
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            # GitHub packs all into <repository>-<commit>/, and the repository keeps the set in BCCD/.
            path = member.filename.partition("/")[2].removeprefix("BCCD/")
            if path not in rest or member.file_size > LARGEST:
                continue
            content = _content(packed, member)
            if hashlib.sha256(content).hexdigest() == rest[path]:
                _write(folder / path, content)
                del rest[path]
    return rest


def _content(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Empty where the member is damaged, encrypted or packed in a way not known: then its sum cannot match either."""
    try:
        return packed.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        return b""


def _write(file: Path, content: bytes) -> None:
    """All or nothing, so that a run that was cut off can be taken up again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(content)
    os.replace(part, file)
