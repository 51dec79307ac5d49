import contextlib
import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.loader import load_data
from teachkit.scoring import ERROR_TYPES, classify_errors, confusion_matrix, score
from teachkit.watch.widgets.errors_browser import ALL_ERRORS, ErrorsBrowser


@pytest.fixture(scope="module")
def model():
    return recorded.detector("shapes")[0]


@pytest.fixture
def browser(model):
    one = ErrorsBrowser(model, load_data("shapes", split="test", limit=40, device="cpu"))
    yield one
    one.close()


def seen_by(model, threshold: float):
    data = load_data("shapes", split="test", limit=40, device="cpu")
    found, truths = [], []
    for batch in data:
        found.append(model.detect(batch.images, score_threshold=threshold))
        truths.append(batch.ground_truth)
    return found, truths


@pytest.mark.parametrize("threshold", [0.05, 0.25, 0.6, 0.9])
def test_numbers_are_those_of_a_detector_asked_at_that_threshold(browser, model, threshold):
    browser.set(threshold=threshold)
    found, truths = seen_by(model, threshold)
    errors = [one.counts() for one in classify_errors(found, truths)]
    assert browser.counts() == {kind: sum(one[kind] for one in errors) for kind in ERROR_TYPES}
    assert (browser.confusion() == confusion_matrix(found, truths, 4)).all()
    rankings = score(found, truths, browser.classes).rankings
    for name, (recall, precision) in browser.points().items():
        right = rankings[name].hits[0].sum()
        assert recall == pytest.approx(right / rankings[name].truths)
        claimed = len(rankings[name].scores)
        assert precision == pytest.approx(right / claimed if claimed else float("nan"), nan_ok=True)


def test_average_precision_is_that_of_pycocotools(browser):
    truth, rows = {"images": [], "annotations": [], "categories": [{"id": place} for place in range(4)]}, []
    for image, (boxes, labels) in enumerate(zip(browser.seen.boxes, browser.seen.labels, strict=True)):
        truth["images"].append({"id": image})
        for (x1, y1, x2, y2), label in zip(boxes.double().tolist(), labels.tolist(), strict=True):
            size = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            number = len(truth["annotations"]) + 1
            truth["annotations"].append({"id": number, "image_id": image, "category_id": label, "iscrowd": 0, **size})
        one = browser.detections[image]
        for (x1, y1, x2, y2), certainty, label in zip(
            one.boxes.double().tolist(), one.scores.double().tolist(), one.labels.tolist(), strict=True
        ):
            box = [x1, y1, x2 - x1, y2 - y1]
            rows.append({"image_id": image, "category_id": label, "score": certainty, "bbox": box})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(rows), "bbox")
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, :, 0, 2]  # at IoU 0.5: [101 recalls, 4 classes]
    for place, name in enumerate(browser.classes):
        assert browser.scores.per_class[name].map50 == pytest.approx(precision[:, place].mean(), abs=1e-6)


def test_kind_and_class_choose_the_pictures_and_what_is_strong_in_them(browser):
    browser.set(threshold=0.25, kind="missed", cls="ball")
    assert browser.order()
    for tile in browser.tiles():
        strong = [one for one in tile.outlines if one.strong]
        assert {one.style for one in strong} == {"missed"}
        assert all("ball" in one.label for one in strong if one.label)
    assert sum(count for count, _ in browser.order()) == browser.counts()["missed"]


def test_all_errors_are_all_but_the_right_ones(browser):
    browser.set(kind=ALL_ERRORS)
    errors = sum(count for kind, count in browser.counts().items() if kind != "right")
    assert sum(count for count, _ in browser.order()) == errors
    counts = [count for count, _ in browser.order()]
    assert counts == sorted(counts, reverse=True)


def test_pages_end_where_the_pictures_end(browser):
    browser.set(kind="right", page=999)
    shown = browser.numbers()
    assert shown["shown_page"] == (shown["pictures"] - 1) // 6
    assert 1 <= len(browser.tiles()) <= 6
    browser.set(kind="missed")
    assert browser.values["page"] == 0


@pytest.mark.parametrize(
    "values", [{"threshold": 0}, {"threshold": "NaN"}, {"kind": "worst"}, {"cls": "<b>"}, {"x": 1}]
)
def test_a_senseless_value_is_refused_and_the_old_one_stays(browser, values):
    before = dict(browser.values)
    with pytest.raises(UserError):
        browser.set(**values)
    assert browser.values == before


def test_data_without_classes_is_refused_in_words(model):
    with pytest.raises(UserError, match="load_data"):
        ErrorsBrowser(model, [])


def test_the_static_image_is_not_blank_and_small(browser):
    drawn = browser.static_image()
    assert np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).std() > 20
    assert len(drawn) < 300_000
    assert browser.still() == drawn


def test_pictures_are_sent_once(browser):
    sent = []
    browser.post = lambda kind, content, buffers=None: sent.append(len(buffers or []))
    browser._introduce()
    browser.set(threshold=0.26)
    browser.set(threshold=0.26)
    assert sent[1] == 6
    assert sent[-1] == 0
    browser._introduce()  # a second view has none of them yet
    assert sent[-1] == 6


def test_more_pictures_than_memory_holds_are_refused_in_words(model, monkeypatch):
    monkeypatch.setattr("teachkit.watch.widgets.examined.BROWSED_PIXELS", 1e6)
    with pytest.raises(UserError, match="limit"):
        ErrorsBrowser(model, load_data("shapes", split="test", limit=40, device="cpu"))


def test_closing_leaves_nothing_behind(model):
    before = len(ipywidgets.widgets.widget._instances)
    ErrorsBrowser(model, load_data("shapes", split="test", limit=4, device="cpu")).close()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_markup_in_a_class_name_stays_text(model):
    data = load_data("shapes", split="test", limit=4, device="cpu")
    data.classes = ["<b>ball</b>", "square", "triangle", "star"]
    one = ErrorsBrowser(model, data)
    assert one.setup()[0]["classes"][0] == "<b>ball</b>"
    assert one.static_image()
    one.close()


def test_the_saved_detector_of_blood_cells_is_good_on_pictures_it_has_not_seen(bccd):
    detector, classes = recorded.detector("bccd")
    browser = ErrorsBrowser(detector, load_data(bccd, split="test", image_size=256, device="cpu"))
    assert browser.classes == classes
    assert browser.scores.map50 > 0.8
    assert browser.confusion()[:-1].sum() == sum(map(len, browser.seen.boxes)) == 945
    assert browser.order()
    browser.close()
