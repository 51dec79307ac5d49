import io
import shutil
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.formats import write_folder
from teachkit.feed.loader import load_data
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.watch.widgets.label_browser import ANY, LabelBrowser

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@pytest.fixture(scope="module")
def model():
    return recorded.detector("shapes")[0]


@pytest.fixture
def browser(model):
    """Labels of which every tenth has another class's name."""
    faulty = SceneSettings(wrong_labels=0.1)
    one = LabelBrowser(load_data("shapes", split="test", limit=60, scenes=faulty, device="cpu"), model)
    yield one
    one.close()


def test_wrong_names_come_before_nearly_all_that_is_right(browser):
    clean = make_scenes(60, split="test")
    images = {name: place for place, name in enumerate(clean.names)}
    wrong = set()
    for place, name in enumerate(browser.seen.names):
        differs = browser.seen.labels[place] != clean.labels[images[name]]
        wrong |= {(place, tuple(box)) for box in browser.seen.boxes[place][differs].tolist()}
    browser.set(kind="wrong class", least=0)
    named = [(one.image, one.box) for one in browser.chosen()[: len(wrong)]]
    assert len(wrong) >= 12
    assert len(set(named) & wrong) >= 0.75 * len(wrong)


def test_what_the_reader_left_out_goes_first_with_file_and_line(tmp_path):
    folder = tmp_path / "voc"
    shutil.copytree(SAMPLE / "voc", folder)
    label = folder / "Annotations" / "train_0003.xml"
    label.write_text(label.read_text().replace("<xmax>29</xmax>", "<xmax>2</xmax>"))
    with pytest.warns(UserWarning, match="1 problems"):
        data = load_data(folder, device="cpu", shuffle=False, augment=False)
    browser = LabelBrowser(data)
    first = browser.issues[0]
    assert first.kind == "broken"
    assert first.why.startswith("train_0003.xml:6: box has no area")
    assert browser.seen.names[first.image] == "train_0003.png"
    assert str(tmp_path) not in str(browser.numbers())
    marks = [one for one in browser.tiles()[0].outlines if one.strong]
    assert [one.label for one in marks] == ["✕ a label is broken"]  # on the picture, without its colour, too
    assert browser.numbers()["reasons"][0]["why"].startswith("✕ broken")
    browser.close()


def test_the_two_broken_boxes_of_real_pictures_come_first(bccd):
    with pytest.warns(UserWarning, match="2 problems"):
        data = load_data(bccd, split="trainval", device="cpu", shuffle=False, augment=False)
    browser = LabelBrowser(data)
    assert [one.why.split(":")[0] for one in browser.issues[:2]] == [
        "BloodImage_00338.xml", "BloodImage_00343.xml",
    ]  # fmt: skip
    assert {one.kind for one in browser.issues[2:]} <= {"duplicate", "odd size"}
    browser.close()


def test_kind_and_doubt_choose(browser):
    browser.set(kind=ANY, least=0.8)
    assert all(one.doubt >= 0.8 for one in browser.chosen())
    assert sum(browser.counts().values()) == len(browser.chosen())
    browser.set(kind="misplaced", least=0)
    assert {one.kind for one in browser.chosen()} <= {"misplaced"}


def test_pages_show_six_each_and_end_where_the_list_ends(browser):
    browser.set(least=0, page=1)
    assert [one["why"] for one in browser.numbers()["reasons"]] == [
        f"{browser.seen.names[one.image]}: {one.why}" for one in browser.issues[6:12]
    ]
    browser.set(least=0, page=10_000)
    assert browser.numbers()["shown_page"] == (len(browser.chosen()) - 1) // 6


@pytest.mark.parametrize("values", [{"least": 2}, {"kind": "ugly"}, {"page": -1}, {"size": 3}])
def test_a_senseless_value_is_refused_and_the_old_one_stays(browser, values):
    before = dict(browser.values)
    with pytest.raises(UserError):
        browser.set(**values)
    assert browser.values == before


def test_the_static_image_is_not_blank_even_with_nothing_to_show(browser):
    picture = np.asarray(Image.open(io.BytesIO(browser.static_image())).convert("RGB"))
    assert picture.std() > 20
    browser.set(least=1)
    assert browser.static_image()


def test_own_files_are_read_and_never_changed(tmp_path, model):
    write_folder({"train": make_scenes(6)}, tmp_path / "yolo", "yolo")
    before = {path: path.read_bytes() for path in (tmp_path / "yolo").rglob("*") if path.is_file()}
    LabelBrowser(load_data(tmp_path / "yolo", device="cpu"), model).close()
    assert {path: path.read_bytes() for path in (tmp_path / "yolo").rglob("*") if path.is_file()} == before


class Own(torch.nn.Module):
    """A model of somebody's own: it gives Predictions, and nothing else that a Detector has."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(images)


def test_any_model_that_gives_predictions_contradicts_labels(browser, model):
    own = Own(model).train()
    other = LabelBrowser(
        load_data("shapes", split="test", limit=60, scenes=SceneSettings(wrong_labels=0.1), device="cpu"), own
    )
    assert [(one.image, one.kind) for one in other.issues] == [(one.image, one.kind) for one in browser.issues]
    assert own.training
    other.close()


def test_a_detector_of_other_classes_is_refused_by_name(model):
    data = load_data("shapes", split="test", limit=4, device="cpu")
    data.classes = data.classes[::-1]
    with pytest.raises(UserError, match=r"the detector knows ball, .*classes=model.classes"):
        LabelBrowser(data, model)


def test_closing_leaves_nothing_behind(model):
    before = len(ipywidgets.widgets.widget._instances)
    LabelBrowser(load_data("shapes", split="test", limit=4, device="cpu"), model).close()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_what_is_repaired_is_as_the_detector_would_have_it_and_no_other_label_changes(browser):
    browser.set(kind="wrong class")
    browser.repair_all()
    assert len(browser.repairs) == len(browser.chosen()) > 0
    clean = {name: labels for name, labels in zip(*_named(make_scenes(60, split="test")), strict=True)}
    repaired = browser.repaired()
    before = sum(int((a != clean[n]).sum()) for n, a in zip(browser.seen.names, browser.seen.labels, strict=True))
    after = sum(int((a != clean[n]).sum()) for n, a in zip(repaired.names, repaired.labels, strict=True))
    assert after < before / 3
    changed = sum(int((a != b).sum()) for a, b in zip(repaired.labels, browser.seen.labels, strict=True))
    assert changed == len(browser.repairs)


def _named(scenes):
    return scenes.names, scenes.labels


def test_a_repair_can_be_undone_and_reset_undoes_them_all(browser):
    browser.set(kind="wrong class")
    browser._receive(None, {"kind": "repair", "issue": browser.issues.index(browser.chosen()[0]), "ask": 1}, [])
    assert browser.numbers()["reasons"][0]["repaired"]
    browser._receive(None, {"kind": "repair", "issue": browser.issues.index(browser.chosen()[0]), "ask": 2}, [])
    assert browser.repairs == set()
    browser._receive(None, {"kind": "repair all", "ask": 3}, [])
    assert browser.numbers()["repaired"] == len(browser.chosen())
    browser._receive(None, {"kind": "reset", "ask": 4}, [])
    assert browser.repairs == set()


@pytest.mark.parametrize("issue", [-1, 10**6, "0", None])
def test_an_issue_that_is_not_there_is_refused(browser, issue):
    with pytest.raises(UserError, match="cannot say"):
        browser.repair(issue)


def test_without_a_detector_nobody_can_say_how_a_label_should_be():
    browser = LabelBrowser(load_data("shapes", split="test", limit=12, device="cpu"), least=0)
    browser.repair_all()
    assert browser.repairs == set()
    browser.close()
