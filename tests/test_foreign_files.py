"""Whatever others keep in a folder, after each command every byte of it is as it was."""

import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from teachkit.__main__ import main
from teachkit.errors import UserError
from teachkit.exercises import progress
from teachkit.feed import download, scenes
from teachkit.feed.formats import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.files import MACHINE, clean_stale, is_foreign, is_picture, write_output
from teachkit.learn.run_folder import BEFORE_LAST, LOCK, MARKER, OF_A_RUN, claim, files_of_others

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--batch-size", "8", "--image-size", "64", "--threads", "1", "--epochs", "1"]
OURS = [*OF_A_RUN, MARKER, LOCK, ".lock", "earlier", "photo.png", "run.html", "hand-in.json", "class.csv", "set"]
OURS += ["data.yaml", "classes.txt", "images", "Annotations", "progress.json", "progress.json.lock", "study.log.lock"]
NAMES = st.sampled_from(OURS) | st.sampled_from(["film.mkv.part", "last.pt.1234-ab12.part", ".teachkit-notes.part"])
NAMES |= st.text("abc.-_ é", min_size=1, max_size=12).filter(lambda name: name.strip(". ") != "")
CONTENTS = st.binary(min_size=1, max_size=60) | st.sampled_from(
    [b'{"kind": "video"}\n', b"\x89PNG\r\n\x1a\n", b"0 .5 .5 1 1\n", b"\n\n", b'["op_code"]\n', b"no end of line"]
)
TRIAL = ["--data", "{given}/data", "--trials", "1", *SMALL]
EXAMPLES = int(os.environ.get("TEACHKIT_FOREIGN_FOLDERS", "6"))  # of each command
KINDS = st.sampled_from(["file", "file", "read-only", "link", "dangling link", "folder"])
NEEDED = [name for name in OF_A_RUN if name != BEFORE_LAST]
IN_THE_WAY = {name: (kind, b"of others") for name, kind in zip(NEEDED, ["file", "link", "folder"] * 3, strict=False)}
FOREIGN = st.dictionaries(NAMES, st.tuples(KINDS, CONTENTS), min_size=1, max_size=6)
pytestmark = pytest.mark.usefixtures("sketches")


@pytest.fixture(scope="module")
def given_to(tmp_path_factory):
    """Data, a saved run and a picture, none of them in the folder that is looked at."""
    home = tmp_path_factory.mktemp("given")
    look = SceneSettings(image_size=64, objects=(1, 2), size=(1 / 4, 1 / 2))
    write_folder({split: make_scenes(8, 0, look, split=split) for split in ("train", "val")}, home / "data", "yolo")
    assert main(["train", "--data", str(home / "data"), "--save", str(home / "run"), *SMALL, "--epochs", "2"]) == 0
    Image.new("RGB", (64, 64)).save(home / "photo.jpg")
    return home


def lay_out(folder, foreign, elsewhere):
    for name, (kind, content) in foreign.items():
        place = folder / name
        match kind:
            case "folder":
                (place / "deep").mkdir(parents=True)
                (place / "best.pt").write_bytes(content)
                (place / "deep" / "log.jsonl").write_bytes(content)
            case "link":
                place.symlink_to(elsewhere)
            case "dangling link":
                place.symlink_to(folder / "nothing here")
            case _:
                place.write_bytes(content)
                place.chmod(0o444 if kind == "read-only" else 0o644)


def held(top):
    """Kind, rights and bytes of what has this name, and of all below it."""
    found = {}
    for path in [top, *top.rglob("*")]:
        look = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(top))] = stat.S_IFMT(look.st_mode), content, content and look.st_mode
    return found


def seen(folder, names):
    return {name: held(folder / name) for name in names}


def seen_again(folder, names):
    """As before; a folder that a training has marked as its own may have put a file aside, which is there whole."""
    aside = {path.name: held(path) for path in folder.iterdir() if ".set-aside-" in path.name}
    return seen(folder, [name for name in names if os.path.lexists(folder / name)]), list(aside.values())


COMMANDS = {
    "train --save": ["train", "--data", "{given}/data", "--save", "{folder}", *SMALL],
    "train --log": ["train", "--data", "{given}/data", "--log", "{first}", *SMALL],
    "train --tensorboard": ["train", "--data", "{given}/data", "--tensorboard", "{folder}", *SMALL],
    "train --resume": ["train", "--resume", "{folder}", "--epochs", "2"],
    "train --resume of a run": ["train", "--resume", "{run}", "--epochs", "3"],
    "train --resume --log": ["train", "--resume", "{copy}", "--epochs", "3", "--log", "{first}"],
    "detect": ["detect", "{given}/photo.jpg", "--weights", "{given}/run", "--out", "{folder}"],
    "replay": ["replay", "{given}/run", "{folder}/run.html"],
    "replay over it": ["replay", "{given}/run", "{first}"],
    "data export": ["data", "export", "shapes", "{folder}", "--format", "yolo"],
    "data export below": ["data", "export", "shapes", "{folder}/set", "--format", "voc"],
    "search": ["search", "--study", "a", "--storage", "{folder}/study.log", *TRIAL],
    "search over it": ["search", "--study", "a", "--storage", "{first}", *TRIAL],
    "search over it as a database": ["search", "--study", "a", "--storage", "sqlite:///{first}", *TRIAL],
    "evaluate": ["evaluate", "--data", "{folder}", "--weights", "{folder}"],
    "data check": ["data", "check", "{folder}"],
    "doctor": ["doctor"],
    "progress show": ["progress", "show"],
    "progress export": ["progress", "export", "{folder}/hand-in.json", "--name", "Zoë"],
    "progress export over it": ["progress", "export", "{first}", "--name", "Zoë"],
    "progress collect": ["progress", "collect", "{given}", "--csv", "{folder}/class.csv"],
    "data get": ["data", "get", "{name}"],
    "an exercise": ["exercise", "{folder}/progress.json"],
    "an exercise over it": ["exercise", "{first}"],
}
PUBLISHED = {"classes.txt": b"cat\n", "Annotations/one.xml": b"<annotation/>", "data.yaml": b"names: [cat]\n"}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Makes a set of this name to be had, whose folder is the one that is looked at."""
    monkeypatch.setattr(download, "MANIFESTS", tmp_path)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for name, content in PUBLISHED.items():
            packed.writestr(f"set/{name}", content)

    def publish(folder):
        manifest = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in PUBLISHED.items())
        (tmp_path / f"{folder.name}.sha256").write_text(manifest)
        monkeypatch.setitem(download.SETS, folder.name, ((tmp_path / "set.zip").as_uri(),))
        monkeypatch.setenv("TEACHKIT_DATA", str(folder.parent))

    return publish


def do(words, monkeypatch):
    """A command, or one more try of an exercise with the progress in a file."""
    if words[0] != "exercise":
        main(words)
        return
    with monkeypatch.context() as patch, suppress(UserError, OSError):
        patch.setenv("TEACHKIT_PROGRESS", words[1])
        progress.record("00", "sum", True)


@pytest.mark.skipif(os.name == "nt", reason="links and rights as on Unix")
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.filterwarnings("ignore:.*no pictures, for")  # a replay of a run on other data has none
@pytest.mark.filterwarnings("ignore:.*(kept as|before_last.pt is taken)")  # of what is in the way of a run
def test_no_command_touches_a_file_that_we_did_not_write(words, given_to, published, tmp_path_factory, monkeypatch):
    for split in scenes.COUNTS:
        monkeypatch.setitem(scenes.COUNTS, split, 1)

    examples = EXAMPLES // 6 if "{run}" in words else EXAMPLES  # to go on with a run takes its time

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(FOREIGN)
    @example(IN_THE_WAY)
    def hold(foreign):
        folder = tmp_path_factory.mktemp("folder")
        if "{run}" in words:  # of which some files become others'
            spared = shutil.ignore_patterns(*map(glob.escape, foreign))
            shutil.copytree(given_to / "run", folder, ignore=spared, dirs_exist_ok=True)
        (elsewhere := tmp_path_factory.mktemp("elsewhere") / "target").write_bytes(b"the target of a link")
        lay_out(folder, foreign, elsewhere)
        before = seen(folder, foreign)
        copy = tmp_path_factory.mktemp("copies") / "run"
        if "{copy}" in words:
            subprocess.run(["cp", "-r", given_to / "run", copy], check=True)
        places = {"given": given_to, "folder": folder, "first": folder / min(foreign), "copy": copy, "run": folder}
        places["name"] = folder.name
        published(folder)
        monkeypatch.chdir(folder)
        for _ in range(2):
            do([word.format(**places) for word in words], monkeypatch)
            after, aside = seen_again(folder, foreign)
            moved = [name for name in foreign if after.get(name) != before[name]]
            assert all("{run}" in words and name in OF_A_RUN and before[name] in aside for name in moved), moved
            assert elsewhere.read_bytes() == b"the target of a link"

    hold()


@pytest.mark.filterwarnings("ignore:.*no pictures, for")
def test_a_second_run_goes_over_what_the_first_one_wrote_and_over_nothing_else(given_to, tmp_path):
    for name in ("detect", "replay", "progress export", "progress collect", "train --save", "train --log"):
        places = {"given": given_to, "folder": tmp_path, "first": tmp_path / "my.jsonl"}
        command = [word.format(**places) for word in COMMANDS[name]]
        (tmp_path / "hand-in.json").unlink(missing_ok=True)
        assert [main(command), main(command)] == [0, 0], name
    (tmp_path / "photo.png").write_bytes(b"painted by hand")
    assert main([word.format(**places) for word in COMMANDS["detect"]]) == 2
    assert (tmp_path / "photo.png").read_bytes() == b"painted by hand"


def draw_in(picture):
    """As a program does that keeps what is written into a picture → its bytes."""
    with Image.open(picture) as opened:
        texts = PngInfo()
        for name, text in opened.text.items():
            texts.add_text(name, text)
        ImageDraw.Draw(opened).line([0, 0, 9, 9], fill="red")
        opened.save(picture, pnginfo=texts)
    return picture.read_bytes()


def test_a_picture_of_ours_that_somebody_has_drawn_in_is_kept(given_to, tmp_path):
    detect = [word.format(given=given_to, folder=tmp_path) for word in COMMANDS["detect"]]
    assert [main(detect), main(detect)] == [0, 0]
    with Image.open(tmp_path / "photo.png") as opened:
        opened.verify()
        assert opened.size == (64, 64)
    edited = draw_in(tmp_path / "photo.png")
    assert main(detect) == 2
    assert (tmp_path / "photo.png").read_bytes() == edited

    shutil.copytree(given_to / "run", run := tmp_path / "run")
    assert files_of_others(run) == []
    edited = draw_in(run / "curves.png")
    with pytest.warns(UserWarning, match="kept as curves.set-aside-1.png"):
        claim(run)
    assert (run / "curves.set-aside-1.png").read_bytes() == edited


@pytest.mark.filterwarnings("ignore:.*no pictures, for")
@pytest.mark.parametrize(("name", "file"), [("replay", "run.html"), ("progress export", "hand-in.json")])
def test_a_page_or_a_hand_in_of_ours_that_somebody_has_edited_is_kept(given_to, tmp_path, capsys, name, file):
    command, path = [word.format(given=given_to, folder=tmp_path) for word in COMMANDS[name]], tmp_path / file
    assert [main(command), main(command)] == [0, 0]
    ours = path.read_text(encoding="utf-8")
    for edited in (f"{ours}\n", ours.replace("teachkit", "TeachKit", 1), ours.replace("}", "} ", 1)):
        path.write_text(edited, encoding="utf-8")
        assert main(command) == 2
        assert path.read_text(encoding="utf-8") == edited
    assert "is not an untouched" in capsys.readouterr().err
    path.write_text(re.sub('(?:<meta name=|,\n )"teachkit-sha256".*[0-9a-f]{64}"(?:>\n)?', "", ours), encoding="utf-8")
    assert "sha256" not in path.read_text(encoding="utf-8")  # as earlier versions wrote it
    assert main(command) == 0


def gone():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_a_dead_process_of_this_machine_left_is_cleaned(tmp_path):
    other = f"{int(MACHINE, 16) ^ 1:08x}"
    stale = [f".teachkit-{MACHINE}-{gone()}-{'0' * 16}.part", f".teachkit-{MACHINE}-{gone()}-{'1' * 16}.part"]
    kept = [f".teachkit-{MACHINE}-{os.getpid()}-{'0' * 16}.part", f".teachkit-{other}-{gone()}-{'0' * 16}.part"]
    kept += [f"teachkit-{MACHINE}-1-{'0' * 16}.part", ".teachkit-.part", "a.part", f"{stale[0]}t"]
    (tmp_path / stale[0] / "deep").mkdir(parents=True)
    for name in [stale[1], *kept]:
        (tmp_path / name).write_text("begun")
    clean_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_process_that_only_has_the_number_of_the_dead_one_keeps_nothing_alive(tmp_path):
    file = tmp_path / f".teachkit-{MACHINE}-{os.getpid()}-{'0' * 16}.part"
    file.write_text("begun before we were born")
    os.utime(file, (10**9, 10**9))
    clean_stale(tmp_path)
    assert not file.exists()


def test_an_output_that_finds_no_room_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("teachkit.files.os.fsync", full)
    with pytest.raises(ValueError, match=r"one\.png: cannot be written \(No space left on device\): make room"):
        write_output(tmp_path / "one.png", b"content", is_picture, "a drawing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("becomes", [None, b"", b"ours"])
def test_a_file_that_another_process_takes_away_or_replaces_at_that_moment_is_not_foreign(tmp_path, becomes):
    """As its lock is, a hundred times in a second."""
    path, looks = tmp_path / "file", []
    path.write_bytes(b"theirs")

    def is_ours(path):
        looks.append(path.read_bytes() == b"ours")
        if len(looks) == 1:
            path.unlink()
            if becomes is not None:
                path.write_bytes(becomes)
        return looks[-1]

    assert not is_foreign(path, is_ours)


def test_a_file_of_others_that_never_stays_the_same_is_foreign_all_the_same(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"theirs")

    def is_ours(path):
        with path.open("ab") as file:
            file.write(b"more")
        return False

    assert is_foreign(path, is_ours)
