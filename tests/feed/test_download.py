"""Downloads from a server on this machine: what is published arrives, and nothing else, wherever it wants to go."""

import hashlib
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from teachkit.errors import UserError
from teachkit.feed import download
from teachkit.feed.formats import check
from teachkit.files import MACHINE
from tests.feed.folders import voc


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of tmp_path/served."""
    (tmp_path / "served").mkdir()
    handler = partial(_Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.02], daemon=True)  # s between looks for the end
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


def publish(tmp_path: Path, files: dict[str, bytes], name: str = "pets.zip") -> Path:
    """As GitHub packs a repository that keeps its set in BCCD/, with a file of its own beside it."""
    archive = tmp_path / "served" / name
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("pets-1a2b3c/README.md", "not of the set")
        for path, content in files.items():
            packed.writestr(f"pets-1a2b3c/BCCD/{path}", content)
    return archive


@pytest.fixture
def pets(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small set called pets, published, with its manifest; its files."""
    files = files_of(voc(tmp_path / "source"))
    publish(tmp_path, files)
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items()]
    (tmp_path / "pets.sha256").write_text("".join(lines))
    monkeypatch.setattr(download, "MANIFESTS", tmp_path)
    monkeypatch.setattr(download, "SETS", {"pets": (f"{server}/pets.zip",)})
    return files


def test_a_set_arrives_byte_for_byte_and_can_be_used(tmp_path: Path, pets: dict[str, bytes]) -> None:
    folder = download.get("pets", tmp_path / "data")
    assert folder == tmp_path / "data" / "pets"
    assert files_of(folder) == pets
    assert check(folder) == []


def test_a_set_that_is_there_is_not_downloaded_again(tmp_path: Path, pets: dict[str, bytes]) -> None:
    folder = download.get("pets", tmp_path / "data")
    (tmp_path / "served" / "pets.zip").unlink()
    assert download.get("pets", tmp_path / "data") == folder


def test_what_a_broken_off_run_left_out_is_fetched(tmp_path: Path, pets: dict[str, bytes]) -> None:
    folder = download.get("pets", tmp_path / "data")
    number = subprocess.Popen([sys.executable, "-c", ""])
    number.wait()
    stray = folder / "Annotations" / f".teachkit-{MACHINE}-{number.pid}-{'0' * 16}.part"  # of a process that is gone
    (folder / "Annotations" / "b.xml").rename(stray)
    (folder / "Annotations" / "c.xml.part").write_text("mine")
    download.get("pets", tmp_path / "data")
    assert files_of(folder) == pets | {"Annotations/c.xml.part": b"mine"}


@pytest.mark.parametrize("change", [b"", b"<annotation/>"])
def test_a_changed_file_is_named_and_left_as_it_is(tmp_path: Path, pets: dict[str, bytes], change: bytes) -> None:
    folder = download.get("pets", tmp_path / "data")
    (folder / "Annotations" / "b.xml").write_bytes(change)
    with pytest.raises(UserError, match=r"Annotations/b\.xml: differs from the published file; move it away"):
        download.get("pets", tmp_path / "data")
    assert (folder / "Annotations" / "b.xml").read_bytes() == change


def test_files_that_differ_from_the_manifest_are_kept_out_and_named(tmp_path: Path, pets: dict[str, bytes]) -> None:
    publish(tmp_path, pets | {"Annotations/b.xml": b"<annotation/>", "JPEGImages/d.png": b""})
    with pytest.raises(UserError, match=r"2 files of pets .* the first 'Annotations/b\.xml'; they have changed"):
        download.get("pets", tmp_path / "data")
    left = {path: content for path, content in pets.items() if path not in ("Annotations/b.xml", "JPEGImages/d.png")}
    assert files_of(tmp_path / "data" / "pets") == left


def test_the_second_address_has_what_the_first_has_not(
    tmp_path: Path, pets: dict[str, bytes], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, {path: content for path, content in pets.items() if "b" not in path}, "old.zip")
    addresses = (f"{server}/gone.zip", f"{server}/old.zip", f"{server}/pets.zip")
    monkeypatch.setattr(download, "SETS", {"pets": addresses})
    assert files_of(download.get("pets", tmp_path / "data")) == pets


@pytest.mark.parametrize("address", ["{server}/gone.zip", "http://127.0.0.1:9/pets.zip", "http://no.invalid/pets.zip"])
def test_without_the_network_the_address_and_the_reason_are_told(
    tmp_path: Path, pets: dict[str, bytes], server: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    address = address.format(server=server)
    monkeypatch.setattr(download, "SETS", {"pets": (address,)})
    with pytest.raises(UserError, match=f"{address} gave: .+; check the network and run this again") as caught:
        download.get("pets", tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("cut", [0, 10, 2000, -30])
def test_a_download_that_breaks_off_leaves_nothing_half_written(
    tmp_path: Path, pets: dict[str, bytes], cut: int
) -> None:
    archive = tmp_path / "served" / "pets.zip"
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(UserError, match="could not be had as published"):
        download.get("pets", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, pets: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(download, "SETS", {"pets": (f"http://127.0.0.1:{silent.getsockname()[1]}/pets.zip",)})
        start = time.monotonic()
        with pytest.raises(UserError, match="timed out"):
            download.get("pets", tmp_path / "data")
        assert time.monotonic() - start < 20
    assert socket.getdefaulttimeout() is None


def test_a_set_that_is_not_known_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set 'coco' to get; choose from bccd"):
        download.get("coco", tmp_path)


# Where data sets lie


@pytest.mark.parametrize(
    ("works_in", "data"),
    [("", "data"), ("course", "course/data"), ("notebooks", "data"), ("notebooks/solutions", "data")],
)
def test_data_lies_in_the_working_folder_and_for_a_notebook_beside_the_notebooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works_in: str, data: str
) -> None:
    (tmp_path / works_in).mkdir(parents=True, exist_ok=True)
    monkeypatch.delenv("TEACHKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path / works_in)
    assert download.data_folder() == tmp_path / data


def test_the_environment_says_where_data_lies_and_sets_land_there(
    tmp_path: Path, pets: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path / "elsewhere"))
    assert download.get("pets") == tmp_path / "elsewhere" / "pets"
    assert files_of(tmp_path / "elsewhere" / "pets") == pets


# A hostile archive


def link(path: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(path)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


HOSTILE: dict[str, list[tuple[zipfile.ZipInfo | str, bytes]]] = {
    "a path upwards": [("../../evil", b"x"), ("pets-1/../../evil", b"x"), ("pets-1/BCCD/../../../evil", b"x")],
    "a path from the root": [("/tmp/evil", b"x"), ("pets-1//evil", b"x"), ("C:\\evil", b"x")],
    "a link in place of a file": [(link("pets-1/BCCD/labels/a.txt"), b"/etc/passwd")],
    "a link in place of a folder": [(link("pets-1/BCCD/labels"), b"/tmp"), ("pets-1/BCCD/labels/b.txt", b"x")],
    "a file that no manifest names": [("pets-1/BCCD/labels/run_me.py", b"x"), ("pets-1/BCCD/evil", b"x")],
    "another content": [("pets-1/BCCD/labels/a.txt", b"y")],
    "a folder of the name": [("pets-1/BCCD/labels/a.txt/", b"")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_an_archive_writes_nothing_but_what_the_manifest_names(
    tmp_path: Path, members: list[tuple[zipfile.ZipInfo | str, bytes]]
) -> None:
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for member, content in members:
            packed.writestr(member, content)
    wanted = {"labels/a.txt": hashlib.sha256(b"x").hexdigest()}
    (tmp_path / "data").mkdir()
    assert download.unpack(archive, tmp_path / "data" / "pets", wanted) == wanted
    assert files_of(tmp_path) == {"pets.zip": archive.read_bytes()}
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("megabytes", [65, 300])
def test_a_bomb_is_not_unpacked(tmp_path: Path, megabytes: int) -> None:
    archive = tmp_path / "pets.zip"
    content = bytes(2**20)
    whole = hashlib.sha256()
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("pets-1/BCCD/labels/a.txt", "w") as member,
    ):
        for _ in range(megabytes):
            member.write(content)
            whole.update(content)
    wanted = {"labels/a.txt": whole.hexdigest()}
    assert download.unpack(archive, tmp_path / "pets", wanted) == wanted
    assert not (tmp_path / "pets").exists()


def test_a_bomb_that_lies_about_its_size_is_cut_off_there(tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    size = 200 * 2**20
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("pets-1/BCCD/labels/a.txt", bytes(size))
    archive.write_bytes(archive.read_bytes().replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    wanted = {"labels/a.txt": hashlib.sha256(bytes(size)).hexdigest()}
    assert download.unpack(archive, tmp_path / "pets", wanted) == wanted
    assert not (tmp_path / "pets").exists()


@pytest.mark.parametrize("offset", [6, 8, 14, 60])  # of the local head: flags (encrypted), method, sum, the content
def test_a_damaged_member_does_not_cost_the_others(tmp_path: Path, offset: int) -> None:
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("pets-1/a.txt", bytes(range(256)))
        packed.writestr("pets-1/b.txt", b"x")
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for place in (offset, directory + offset + 2) if offset < 60 else (offset,):
        content[place] ^= 1
    archive.write_bytes(content)
    wanted = {"a.txt": hashlib.sha256(bytes(range(256))).hexdigest(), "b.txt": hashlib.sha256(b"x").hexdigest()}
    assert list(download.unpack(archive, tmp_path / "pets", wanted)) == ["a.txt"]
    assert files_of(tmp_path / "pets") == {"b.txt": b"x"}


# The real set


def test_the_manifest_of_bccd_fits_the_set(bccd: Path) -> None:
    manifest = download.read_manifest(download.MANIFESTS / "bccd.sha256")
    assert len(manifest) == 364 + 364 + 4 + 1
    assert manifest == {path: hashlib.sha256(content).hexdigest() for path, content in files_of(bccd).items()}


def test_bccd_is_taken_out_of_an_archive_as_github_packs_it(tmp_path: Path, bccd: Path) -> None:
    archive = tmp_path / "bccd.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path, content in files_of(bccd).items():
            packed.writestr(f"BCCD_Dataset-135df02/{'' if path == 'LICENSE' else 'BCCD/'}{path}", content)
    manifest = download.read_manifest(download.MANIFESTS / "bccd.sha256")
    assert download.unpack(archive, tmp_path / "data" / "bccd", manifest) == {}
    assert files_of(tmp_path / "data" / "bccd") == files_of(bccd)
