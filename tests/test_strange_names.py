"""Names that a file may hold, of classes, folders and people: no command stumbles over them."""

import json
import os
import sys
import threading
import time

import pytest
import torch
from PIL import Image

from teachkit.__main__ import main
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.learn.log import LogWriter, read_log
from teachkit.structures import Detections

SMALL = ["--batch-size", "8", "--image-size", "64", "--threads", "1"]
CLASSES = [
    "\ud800",
    "nul\0nul",
    "two\nlines\r\n",
    "long " * 39,
    "\u202eright-to-left\u202c",
    "مرحبا",
    r"\frac{$",
    "$x_1$ %s {0} {",
    "</script><b>&",
    "\x1b[31mred",
    "e\u0301" * 30,
    "👩‍👩‍👧 \U0010ffff",
    '";=1+1,"',
    "__proto__",
]


def write_coco(folder, names):
    """Two splits of eight pictures; each class has an object in both."""
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(8):
            Image.new("RGB", (64, 64), (20 * number, 90, 60 if split == "val" else 200)).save(
                folder / split / f"{split}{number}.png"
            )
            images.append({"id": number, "file_name": f"{split}{number}.png", "width": 64, "height": 64})
        for number, _ in enumerate(names):
            box = [4 + 2 * (number // 8), 6, 30, 40]
            annotations.append({"id": number, "image_id": number % 8, "category_id": number, "bbox": box, "iscrowd": 0})
        content = {"images": images, "annotations": annotations}
        content["categories"] = [{"id": number, "name": name} for number, name in enumerate(names)]
        (folder / split / "_annotations.coco.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def finds_all_classes(monkeypatch):
    def detect(self, images, *_, **__):
        count = self.num_classes
        boxes = torch.tensor([[4.0, 6, 34, 46]]).repeat(count, 1)
        return [Detections(boxes, torch.full((count,), 0.9), torch.arange(count)) for _ in images]

    monkeypatch.setattr(Detector, "detect", detect)


def assert_plain(capsys):
    """What was printed has no letter that moves the cursor, and no line that a name has broken or filled."""
    out, err = capsys.readouterr()
    for line in [*out.split("\n"), *err.split("\n")]:
        assert line.isprintable(), line[:200]
    assert "Traceback" not in err
    return out, err


@pytest.mark.filterwarnings("ignore::UserWarning")  # a font lacks some of these letters
def test_every_command_lives_with_the_names_that_classes_may_have(tmp_path, capsys, finds_all_classes):
    data, run = write_coco(tmp_path / "data", CLASSES), tmp_path / "run"
    commands = {
        "data check": ["data", "check", data],
        "train": ["train", "--data", data, "--epochs", 1, "--save", run, "--log", tmp_path / "log.jsonl", *SMALL],
        "resume": ["train", "--resume", run, "--epochs", 2],
        "evaluate": ["evaluate", "--data", data, "--split", "val", "--weights", run],
        "evaluate --json": ["evaluate", "--data", data, "--split", "val", "--weights", run, "--json"],
        "detect": ["detect", data / "val", "--weights", run, "--out", tmp_path / "out"],
        "replay": ["replay", run, tmp_path / "run.html", "--data", data],
    }
    printed = {}
    for name, words in commands.items():
        assert main([str(word) for word in words]) == 0, (name, capsys.readouterr().err[-2000:])
        printed[name], _ = assert_plain(capsys)
    known = load_data(data, device="cpu").classes
    assert list(json.loads(printed["evaluate --json"])["per_class"]) == known
    assert len(known) == len(CLASSES)
    for picture in (run / "curves.png", run / "detections.png", *(tmp_path / "out").iterdir()):
        with Image.open(picture) as image:
            assert max(image.size) < 4000, picture
    page = (tmp_path / "run.html").read_bytes().decode()
    assert page.count("</script>") == 2


BYTES = "\udcff"  # as Python names the byte FF of a name that is no UTF-8


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are Unicode")
def test_every_command_lives_with_folders_and_people_whose_names_are_no_utf8(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TEACHKIT_PROGRESS", str(tmp_path / f"p{BYTES}.json"))
    data, run = write_coco(tmp_path / f"dat{BYTES}", ["a", "b"]), tmp_path / f"run{BYTES}"
    hand_in = tmp_path / f"e{BYTES}.json"
    log = tmp_path / f"l{BYTES}.jsonl"
    for words in (
        ["data", "check", data],
        ["train", "--data", data, "--epochs", 1, "--save", run, "--log", log, *SMALL],
        ["train", "--resume", run, "--epochs", 2],
        ["evaluate", "--data", data, "--split", "val", "--weights", run],
        ["detect", data / "val", "--weights", run, "--out", tmp_path / f"out{BYTES}"],
        ["replay", run, tmp_path / f"r{BYTES}.html", "--data", data],
        ["progress", "show"],
        ["progress", "export", hand_in, "--name", f"Zo{BYTES}"],
        ["progress", "collect", hand_in, "--csv", tmp_path / f"t{BYTES}.csv"],
        ["progress", "collect", hand_in],
    ):
        assert main([str(word) for word in words]) == 0, (words, capsys.readouterr().err[-2000:])
        assert_plain(capsys)
    assert read_log(log)[0]["settings"]["data"] == str(data)
    assert main(["train", "--data", str(tmp_path / f"none{BYTES}")]) == 2
    assert r"none\udcff: there is no such folder" in assert_plain(capsys)[1]


# a log that is a pipe

RECORDS = [{"kind": "step", "step": step, "note": "x" * 500} for step in range(400)]


def write_all(log, records):
    for record in records:
        log.write(record)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_log_into_a_pipe_that_nobody_reads_is_told_and_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    with (
        pytest.warns(UserWarning, match="pipe: nobody reads it; the training goes on") as told,
        LogWriter(tmp_path / "pipe") as log,
    ):
        write_all(log, RECORDS)
    assert len(told) == 1
    assert time.monotonic() - began < 10


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_who_reads_a_pipe_slowly_gets_every_line_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    lines = []

    def read():
        with open(tmp_path / "pipe", "rb") as pipe:
            for line in pipe:
                lines.append(json.loads(line))
                time.sleep(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.warns(UserWarning, match="nobody reads it"), LogWriter(tmp_path / "pipe") as log:
        write_all(log, RECORDS)
    reader.join(timeout=20)
    assert lines == RECORDS
