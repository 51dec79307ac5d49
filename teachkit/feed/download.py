"""Downloads real data sets from where they are published, and checks each file against a manifest of SHA-256 sums.

Only files that the manifest names are taken out of an archive: its other paths, links and sizes can do no harm.
"""

import hashlib
import os
import socket
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from tempfile import gettempdir

from teachkit.errors import UserError
from teachkit.files import clean_stale, temporary_beside, temporary_folder

MANIFESTS = Path(__file__).parent
TIMEOUT = 30  # seconds without a byte
LARGEST = 64 * 2**20  # bytes of one file, unpacked

# The last commit that changed the labels, then the branch it is on; GitHub packs either on demand.
BCCD = "https://github.com/Shenggan/BCCD_Dataset/archive/"
SETS = {"bccd": (f"{BCCD}135df0221baca7b51c18190791522ddeba8fddbf.zip", f"{BCCD}refs/heads/master.zip")}


def data_folder() -> Path:
    """The folder of all data sets: TEACHKIT_DATA, else data/ in the working folder.

    A notebook works in notebooks/, or in a folder within it: there it is the data/ beside notebooks/.
    """
    if chosen := os.environ.get("TEACHKIT_DATA"):
        return Path(chosen)
    here = Path.cwd()
    notebooks = next((folder for folder in (here, *here.parents) if folder.name == "notebooks"), None)
    return (here if notebooks is None else notebooks.parent) / "data"


def get(name: str, data: Path | None = None) -> Path:
    """Downloads the missing files of a data set → its folder, data/name. data: None for `data_folder`.

    UserError if there is no such set, the network fails, a file in the folder differs from the manifest (the file stays
    as it is), or the archive lacks files (those that match are kept).
    """
    if name not in SETS:
        raise UserError(f"there is no data set {name!r} to get; choose from {', '.join(SETS)}")
    folder = (data_folder() if data is None else data) / name
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
    """Path within the set → SHA-256. The file has the format of `sha256sum`. UserError if there is no such file."""
    if not file.is_file():
        raise UserError(f"{file}: there is no manifest; install teachkit again")
    lines = file.read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def _missing(folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """The files that the folder lacks. UserError if a file differs: it may be the user's own work."""
    missing = {}
    for path, digest in wanted.items():
        file = folder / path
        if not os.path.lexists(file):
            missing[path] = digest
        elif not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise UserError(f"{file}: differs from the published file; move it away, then run this again")
    return missing


def _take(url: str, folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Downloads an archive and writes the wanted files into the folder → those that the archive lacks."""
    from torch.hub import download_url_to_file  # seconds to load, and `data_folder` needs no torch

    before = socket.getdefaulttimeout()
    for parent in {(folder / path).parent for path in wanted}:
        clean_stale(parent)
    with temporary_folder(Path(gettempdir())) as scratch:
        archive = scratch / "archive.zip"
        try:
            socket.setdefaulttimeout(TIMEOUT)  # torch.hub sets none and would wait forever
            download_url_to_file(url, str(archive))
        finally:
            socket.setdefaulttimeout(before)
        return unpack(archive, folder, wanted)


def unpack(archive: Path, folder: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Writes the wanted files (path → SHA-256) from the archive → those that it lacks or holds with other content."""
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
    """Empty if the member is damaged, encrypted or packed by an unknown method: its sum cannot match then."""
    try:
        return packed.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        return b""


def _write(file: Path, content: bytes) -> None:
    """Writes all or nothing, so that a broken-off download can be continued."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_beside(file)
    part.write_bytes(content)
    os.replace(part, file)
