"""Names that a file may hold, of classes, folders and people: no command stumbles over them."""

import io
import json
import os
import sys
import threading
import time

import pytest
import torch
from jupyter_client.session import Session
from PIL import Image

from teachkit.__main__ import main
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.learn import log as log_module
from teachkit.learn.log import LogWriter, read_log
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.structures import Detections
from teachkit.watch.cockpit.cockpit import Cockpit
from teachkit.watch.figures.inside import score_maps
from teachkit.watch.figures.plots import detection_grid
from teachkit.watch.widgets.assigner import AssignerPlayground
from teachkit.watch.widgets.augment import AugmentPlayground
from teachkit.watch.widgets.errors_browser import ErrorsBrowser
from teachkit.watch.widgets.label_browser import LabelBrowser
from teachkit.watch.widgets.prediction import Prediction
from teachkit.watch.widgets.threshold import ThresholdPlayground

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


def write_yolo(folder, names):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        Image.new("RGB", (64, 64), (9, 90, 60 if split == "val" else 200)).save(folder / "images" / split / "a.png")
        rows = [f"{label} .5 .5 .4 .4\n" for label in range(len(names))]
        (folder / "labels" / split / "a.txt").write_text("".join(rows))
    content = {"train": "images/train", "val": "images/val", "names": names}
    (folder / "data.yaml").write_text(json.dumps(content))
    return folder


def write_voc(folder, names):
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    objects = "".join(
        f"<object><name>{''.join(f'&#{ord(sign)};' for sign in name)}</name>"
        "<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>40</xmax><ymax>40</ymax></bndbox></object>"
        for name in names
    )
    for split in ("train", "val"):
        Image.new("RGB", (64, 64), (9, 90, 60 if split == "val" else 200)).save(folder / f"JPEGImages/{split}.jpg")
        (folder / f"Annotations/{split}.xml").write_text(f"<annotation>{objects}</annotation>")
        (folder / f"ImageSets/Main/{split}.txt").write_text(f"{split}\n")
    return folder


IN_XML = [name for name in CLASSES if not {"\ud800", "\0", "\x1b"} & set(name)]  # it has no signs for the others


@pytest.mark.parametrize(("write", "names"), [(write_yolo, CLASSES), (write_voc, IN_XML)])
def test_the_names_that_classes_may_have_are_read_from_every_form(write, names, tmp_path, capsys):
    data = write(tmp_path / "data", names)
    assert main(["data", "check", str(data)]) == 0
    out, err = assert_plain(capsys)
    assert out == ""
    assert f"train 1 pictures {len(names)} objects" in err
    known = load_data(data, device="cpu").classes
    assert len(set(known)) == len(names)
    assert set(known) <= set(load_data(write_coco(tmp_path / "coco", CLASSES), device="cpu").classes)
    for name in known:
        name.encode()  # no half signs


@pytest.mark.parametrize("write", [write_coco, write_yolo, write_voc])
def test_a_class_whose_name_is_a_book_is_refused_by_its_line(write, tmp_path, capsys):
    data = write(tmp_path / "data", ["a", "b" * 20_000])
    assert main(["data", "check", str(data)]) in (1, 2)
    out, err = assert_plain(capsys)
    assert "name of 20,000 letters" in (out + err).replace("<name>", "name")
    assert len(out + err) < 2000


@pytest.mark.filterwarnings("ignore::UserWarning")  # a font lacks some of these letters
def test_every_widget_and_figure_lives_with_names_that_are_handed_over(tmp_path, monkeypatch, finds_all_classes):
    names = ["\ud800", "nul\0\r\n\x1b[31m", "\u202eمرحبا", r"\frac{$ %s {0} {", "</script><b>", "long" * 5000]
    data = write_coco(tmp_path / "data", [str(place) for place, _ in enumerate(names)])
    batch = next(iter(load_data(data, "val", 2, 64, device="cpu", augment=False)))
    data, model = Named([batch]), Detector(len(names), device="cpu", widths=(8, 8, 16), neck=16)
    data.classes = names
    sent, pack = [], Session().pack
    monkeypatch.setattr("ipywidgets.Widget.send", lambda self, content, buffers=None: sent.append(pack(content)))
    widgets = [
        LabelBrowser(data, model),
        ErrorsBrowser(model, data),
        AssignerPlayground({"one": model}, batch, names),
        ThresholdPlayground({"one": model}, batch, names),
        Prediction(names[0], names, 0, names),
        AugmentPlayground(batch.images[0], batch.ground_truth.boxes[0], batch.ground_truth.labels[0], names),
        Cockpit(Trainer(model, Criterion(), [batch], [batch], threads=1), classes=names),
    ]
    for widget in widgets:
        count = len(sent)
        widget._receive(None, {"kind": "hello"}, [])
        assert len(sent) > count, type(widget)
        assert not getattr(widget, "error", ""), type(widget)
        assert Image.open(io.BytesIO(widget.static_image())).width < 4000
        widget.close()
    grid = detection_grid(batch.images[:1], model.detect(batch.images[:1]), names, batch.ground_truth, title=names[3])
    maps = score_maps(batch.images[0], model(batch.images[:1]), names, title=names[-1])
    for figure in (grid, maps):
        assert Image.open(io.BytesIO(figure.png())).width < 40_000


class Named(list):
    classes = ()


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
def test_a_log_into_a_pipe_that_nobody_reads_is_told_and_keeps_nobody_waiting(tmp_path, monkeypatch):
    assert log_module.PATIENCE < 5
    monkeypatch.setattr(log_module, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    log = LogWriter(tmp_path / "pipe")
    with pytest.warns(UserWarning, match="pipe: nobody reads it; the training goes on") as told:
        write_all(log, RECORDS)
    assert len(told) == 1
    with pytest.warns(UserWarning, match=r"pipe: its last \d+ lines found no room, or no reader, and are lost"):
        log.close()
    assert time.monotonic() - began < 5


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
