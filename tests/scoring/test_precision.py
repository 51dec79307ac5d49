"""AP against pycocotools, its edges, and the worked example of the course."""

import contextlib
import io
import json
import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from teachkit.scoring import (
    average_precision,
    classify_errors,
    confusion_matrix,
    count_error,
    objects_found,
    precision_recall,
    reliability,
    score,
)
from teachkit.structures import Detections, GroundTruth


def coco_scores(detections, ground_truth, classes):
    """AP of each class at each overlap by pycocotools, [C, 10]; NaN where undefined."""
    truths = [
        {"image_id": image + 1, "category_id": int(label) + 1, "bbox": xywh(box), "area": 1.0, "iscrowd": 0}
        for image in range(len(ground_truth))
        for box, label in zip(*ground_truth.image(image), strict=True)
    ]
    if ground_truth.ignored is not None:  # what is larger than any range of sizes counts as neither found nor missed
        truths += [
            {"image_id": image + 1, "category_id": int(label) + 1, "bbox": xywh(box), "area": 1e11, "iscrowd": 0}
            for image in range(len(ground_truth))
            for box, label in zip(*ground_truth.ignored.image(image), strict=True)
        ]
    found = [
        {"image_id": image + 1, "category_id": int(label) + 1, "bbox": xywh(box), "score": float(score), "area": 1.0}
        for image, one in enumerate(detections)
        for box, score, label in zip(one.boxes, one.scores, one.labels, strict=True)
    ]
    for numbered in (truths, found):  # ids count from 1: pycocotools takes 0 for "matched nothing"
        for number, annotation in enumerate(numbered, start=1):
            annotation["id"] = number
    with contextlib.redirect_stdout(io.StringIO()):
        coco, results = COCO(), COCO()
        for api, annotations in ((coco, truths), (results, found)):
            api.dataset = {
                "images": [{"id": image + 1} for image in range(len(ground_truth))],
                "categories": [{"id": label + 1} for label in range(classes)],
                "annotations": annotations,
            }
            api.createIndex()
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][
        :, :, :, 0, -1
    ]  # [T, R, C], all sizes, at most 100 for each class and image
    return np.where(precision[:, 0] < 0, np.nan, precision.mean(1)).T


def xywh(box):
    left, top, right, bottom = (float(side) for side in box.double())
    return [left, top, right - left, bottom - top]


def assert_equals_coco(detections, ground_truth, classes):
    expected = coco_scores(detections, ground_truth, classes)
    scores = score(detections, ground_truth, [f"class {label}" for label in range(classes)])
    for label, row in enumerate(expected):
        ours = scores.per_class[f"class {label}"]
        three = [row.mean(), row[0], row[5]]
        np.testing.assert_allclose([ours.map, ours.map50, ours.map75], three, rtol=0, atol=1e-9)
    has_truth = ~np.isnan(expected[:, 0])
    mean = expected[has_truth].mean(0) if has_truth.any() else np.full(10, np.nan)
    np.testing.assert_allclose(
        [scores.map, scores.map50, scores.map75], [mean.mean(), mean[0], mean[5]], rtol=0, atol=1e-9
    )


def boxes_at(*corners):
    return torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)


def one_image(boxes=(), scores=(), labels=None):
    labels = [0] * len(boxes) if labels is None else labels
    return Detections(
        boxes_at(*boxes), torch.tensor(scores, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    )


def truth(*images):
    """Each image: (boxes, labels)."""
    boxes, labels = zip(*images, strict=True) if images else ((), ())
    return GroundTruth.from_lists(
        [boxes_at(*one) for one in boxes], [torch.tensor(one, dtype=torch.int64) for one in labels]
    )


def random_fixture(rng, images=6, classes=3, whole_pixels=False, few_scores=False, most=8):
    """Detections near the true boxes and elsewhere; whole pixels give equal overlaps, and ones of exactly a half."""
    true_boxes, true_labels, detections = [], [], []
    for _ in range(images):
        count = int(rng.integers(0, most))
        corner, sides = rng.uniform(0, 80, (count, 2)), rng.uniform(4, 40, (count, 2))
        boxes = np.concatenate([corner, corner + sides], 1)
        labels = rng.integers(0, classes, count)
        copies = rng.integers(0, 4, count)
        near = np.repeat(boxes, copies, 0) + rng.normal(0, rng.choice([0.5, 3, 10]), (copies.sum(), 4))
        far = rng.uniform(0, 60, (int(rng.integers(0, 4)), 2))
        found = np.concatenate([near, np.concatenate([far, far + 20], 1)])
        found_labels = np.concatenate([np.repeat(labels, copies), rng.integers(0, classes, len(far))])
        swapped = rng.random(len(found)) < 0.1
        found_labels[swapped] = rng.integers(0, classes, swapped.sum())
        scores = rng.random(len(found))
        if whole_pixels:
            boxes, found = (boxes / 8).round() * 8, (found / 8).round() * 8
        if few_scores:
            scores = (scores * 4).round() / 4
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
        true_boxes.append(torch.tensor(boxes, dtype=torch.float32))
        true_labels.append(torch.tensor(labels))
        detections.append(
            Detections(
                torch.tensor(found, dtype=torch.float32),
                torch.tensor(scores, dtype=torch.float32),
                torch.tensor(found_labels),
            )
        )
    return detections, GroundTruth.from_lists(true_boxes, true_labels)


@pytest.mark.parametrize("few_scores", [False, True], ids=["distinct scores", "equal scores"])
@pytest.mark.parametrize("whole_pixels", [False, True], ids=["any overlap", "overlaps on the threshold"])
def test_ap_equals_pycocotools(whole_pixels, few_scores):
    for seed in range(60):
        rng = np.random.default_rng([seed, whole_pixels, few_scores])
        fixture = random_fixture(rng, whole_pixels=whole_pixels, few_scores=few_scores)
        assert_equals_coco(*fixture, classes=4)


@pytest.mark.parametrize("whole_pixels", [False, True], ids=["any overlap", "overlaps on the threshold"])
def test_ap_equals_pycocotools_where_some_objects_are_ignored(whole_pixels):
    for seed in range(60):
        rng = np.random.default_rng([seed, whole_pixels])
        detections, truth_of = random_fixture(rng, whole_pixels=whole_pixels)
        out = torch.tensor(rng.random(truth_of.mask.shape) < 0.4) & truth_of.mask
        truth_of.ignored = GroundTruth(truth_of.boxes, truth_of.labels, out)
        truth_of.mask = truth_of.mask & ~out
        assert_equals_coco(detections, truth_of, classes=4)


def test_what_is_found_on_an_ignored_object_is_no_mistake_of_any_kind():
    seen = truth(([(0, 0, 10, 10)], [0]))
    seen.ignored = truth(([(50, 50, 80, 80)], [0]))
    found = [one_image([(0, 0, 10, 10), (50, 50, 80, 80)], [0.9, 0.95])]
    assert score(found, seen).map == 1
    assert objects_found(found, seen) == (1, 1)
    assert confusion_matrix(found, seen, 1).tolist() == [[1, 0], [0, 0]]
    assert count_error(found, seen, 0.5) == 0
    assert classify_errors(found, seen)[0].counts()["background"] == 0
    assert score(found, truth(([(0, 0, 10, 10)], [0]))).map < 1  # and it is one where nothing is ignored


def test_the_cost_of_a_score_hardly_grows_with_the_number_of_classes():
    rng = np.random.default_rng(0)
    detections, truth_of = random_fixture(rng, images=40, classes=4, most=20)
    names = [str(number) for number in range(2000)]

    def seconds(classes):
        start = time.perf_counter()
        score(detections, truth_of, classes)
        return time.perf_counter() - start

    few, many = (min(seconds(classes) for _ in range(3)) for classes in (names[:4], names))
    assert many < few + 0.5


def test_ap_equals_pycocotools_where_more_than_100_detections_of_a_class_lie_in_an_image():
    rng = np.random.default_rng(0)
    assert_equals_coco(*random_fixture(rng, images=3, classes=2, most=120), classes=2)


@pytest.mark.parametrize(("before", "expected"), [(99, 0.01), (100, 0)])
def test_a_hit_counts_in_the_hundredth_place_and_not_after_it(before, expected):
    boxes = [(0, 0, 10, 10)] * before + [(50, 50, 60, 60)]
    detections = [one_image(boxes, np.linspace(0.9, 0.1, before + 1))]
    assert score(detections, truth(([(50, 50, 60, 60)], [0]))).map50 == pytest.approx(expected)
    assert_equals_coco(detections, truth(([(50, 50, 60, 60)], [0])), classes=1)


HALF = ([(0, 0, 10, 10)], [0])  # a true box ...
ON_THE_HALF = (0, 0, 10, 5)  # ... and one that overlaps it by exactly 0.5


EDGES = {
    "an overlap that meets the threshold exactly": ([one_image([ON_THE_HALF], [0.9])], truth(HALF)),
    "a flat true box": ([one_image([(5, 5, 9, 5)], [0.9])], truth(([(5, 5, 9, 5), (0, 0, 9, 9)], [0, 0]))),
    "a detection without area": ([one_image([(5, 5, 5, 5)], [0.9])], truth(([(0, 0, 9, 9)], [0]))),
    "the same box twice": ([one_image([(0, 0, 9, 9)] * 2, [0.9, 0.8])], truth(([(0, 0, 9, 9)], [0]))),
    "two true boxes overlapped alike": (
        [one_image([(0, 0, 10, 10), (0, 0, 10, 8)], [0.9, 0.8])],
        truth(([(0, 0, 10, 8), (0, 2, 10, 10)], [0, 0])),
    ),
    "the right box of the wrong class": ([one_image([(0, 0, 9, 9)], [0.9], [1])], truth(([(0, 0, 9, 9)], [0]))),
    "a class with detections and no truth": (
        [one_image([(0, 0, 9, 9), (20, 20, 29, 29)], [0.9, 0.8], [0, 2])],
        truth(([(0, 0, 9, 9)], [0])),
    ),
    "a class with truth and no detections": ([one_image()], truth(([(0, 0, 9, 9)], [2]))),
    "an image without truth": (
        [one_image([(0, 0, 9, 9)], [0.9]), one_image([(0, 0, 9, 9)], [0.95])],
        truth(([(0, 0, 9, 9)], [0]), ([], [])),
    ),
    "the box in another image": (
        [one_image(), one_image([(0, 0, 9, 9)], [0.9])],
        truth(([(0, 0, 9, 9)], [0]), ([(50, 50, 60, 60)], [0])),
    ),
    "a score of exactly 0": ([one_image([(0, 0, 9, 9)], [0.0])], truth(([(0, 0, 9, 9)], [0]))),
}


@pytest.mark.parametrize("case", EDGES)
def test_ap_equals_pycocotools_on(case):
    assert_equals_coco(*EDGES[case], classes=3)


def test_an_overlap_that_meets_the_threshold_exactly_is_a_hit():
    assert score([one_image([ON_THE_HALF], [0.9])], truth(HALF)).map50 == 1


def test_four_truths_and_hit_miss_hit_duplicate_hit_give_an_ap_of_571():
    """The lesson's example: precision 1, 2/3, 3/5 at recall 1/4, 2/4, 3/4; the fourth object is missed."""
    expected = (26 * 1 + 25 * 2 / 3 + 25 * 3 / 5 + 25 * 0) / 101
    assert expected == pytest.approx(0.571, abs=5e-4)
    hits = np.array([[True, False, True, False, True]])
    assert average_precision(hits, truths=4) == pytest.approx([expected])
    places = [(x, 0, x + 10, 10) for x in (0, 20, 40, 60)]
    boxes = [places[0], (200, 0, 210, 10), places[1], places[1], places[2]]
    detections = [one_image(boxes, [0.9, 0.8, 0.7, 0.6, 0.5])]
    assert score(detections, truth((places, [0] * 4))).map50 == pytest.approx(expected)


def test_the_curve_gives_recall_and_precision_after_each_detection():
    scores = score(
        [one_image([(0, 0, 9, 9), (50, 0, 59, 9)], [0.5, 0.75])], truth(([(0, 0, 9, 9)] * 2, [0, 0])), ["disc"]
    )
    recall, precision, confidence = scores.curve("disc", iou=0.5)
    assert recall.tolist() == [0, 0.5]
    assert precision.tolist() == [0, 0.5]
    assert confidence.tolist() == [0.75, 0.5]
    with pytest.raises(ValueError, match="no curve of 'ring'"):
        scores.curve("ring")
    with pytest.raises(ValueError, match="at IoU"):
        scores.curve("disc", iou=0.3)


def test_precision_and_recall_of_a_class_without_truth():
    recall, precision = precision_recall(np.array([False, False]), truths=0)
    assert np.isnan(recall).all()
    assert precision.tolist() == [0, 0]


@pytest.mark.parametrize("images", [0, 1, 3])
def test_no_truth_and_no_detections_is_undefined(images):
    scores = score([one_image()] * images, truth(*[([], [])] * images), ["disc"])
    assert all(math.isnan(value) for value in (scores.map, scores.map50, scores.map75, scores.per_class["disc"].map))


def test_detections_without_truth_are_undefined():
    assert math.isnan(score([one_image([(0, 0, 9, 9)], [0.9])], truth(([], []))).map)


@pytest.mark.parametrize("detections", [one_image(), one_image([(50, 50, 60, 60)], [0.9])], ids=["none", "a wrong one"])
def test_truth_without_a_right_detection_scores_0(detections):
    assert score([detections], truth(([(0, 0, 9, 9)], [0]))).map == 0


def test_undefined_is_null_in_json_and_left_out_of_the_mean():
    scores = score([one_image([(0, 0, 9, 9)], [0.9])], truth(([(0, 0, 9, 9)], [0])), ["disc", "ring"])
    assert math.isnan(scores.per_class["ring"].map)
    undefined, one = dict.fromkeys(("map", "map50", "map75")), dict.fromkeys(("map", "map50", "map75"), 1.0)
    assert json.loads(json.dumps(scores.as_dict(), allow_nan=False)) == {
        **one,
        "per_class": {"disc": one, "ring": undefined},
    }


def test_a_class_score_reads_by_attribute_and_by_name():
    ours = score([one_image([(0, 0, 10, 7)], [0.9])], truth(HALF)).per_class["0"]
    assert [ours.map, ours.map50, ours.map75] == [ours["map"], ours["map50"], ours["map75"]] == [0.5, 1.0, 0.0]


def test_classes_are_named_by_their_labels_unless_named():
    detections, ground_truth = [one_image([(0, 0, 9, 9)], [0.9], [2])], truth(([(0, 0, 9, 9)], [1]))
    assert list(score(detections, ground_truth).per_class) == ["0", "1", "2"]
    per_class = score(detections, ground_truth, ["a", "b", "c"]).per_class
    assert list(per_class) == ["a", "b", "c"]
    assert [per_class[label] for label in range(3)] == list(per_class.values())
    for missing in (3, -1, "d"):
        with pytest.raises(KeyError):
            per_class[missing]


@pytest.mark.parametrize("where", ["detections", "truth"])
def test_a_label_that_would_make_a_million_classes_is_refused_at_once(where):
    box, labels = [(0, 0, 9, 9)], ([10**9], [0]) if where == "detections" else ([0], [10**9])
    with pytest.raises(ValueError, match="a label of 1000000000 is hardly meant"):
        score([one_image(box, [0.9], labels[0])], truth((box, labels[1])))


@pytest.mark.parametrize("label", [-1, 2])
@pytest.mark.parametrize("where", ["detections", "truth"])
def test_a_label_without_a_name_is_refused(label, where):
    box, labels = [(0, 0, 9, 9)], ([label], [0]) if where == "detections" else ([0], [label])
    with pytest.raises(ValueError, match="there are 2 classes: 0 … 1"):
        score([one_image(box, [0.9], labels[0])], truth((box, labels[1])), ["disc", "ring"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["score", "box", "true box"])
def test_nan_and_infinity_are_refused_with_the_image_named(where, value):
    boxes = [[(0, 0, 9, 9)], [(0, 0, 9, value if where == "box" else 9)]]
    detections = [one_image(boxes[0], [0.9]), one_image(boxes[1], [value if where == "score" else 0.9])]
    true_boxes = [(0, 0, value, 9)] if where == "true box" else [(0, 0, 9, 9)]
    what = {"score": "detections: .* scores", "box": "detections: .* boxes", "true box": "ground truth: .* boxes"}[
        where
    ]
    with pytest.raises(ValueError, match=f"{what} of image 1"):
        score(detections, truth(([(0, 0, 9, 9)], [0]), (true_boxes, [0])))


def test_images_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match=r"detections of \[2\] images, batch by batch, but ground truth of \[1\]"):
        score([one_image()] * 2, truth(([], [])))
    with pytest.raises(ValueError, match=r"\[1\] images, .* \[1, 1\]"):
        score([[one_image()]], [truth(([], []))] * 2)


def test_lists_over_batches_score_as_one_long_batch():
    detections, ground_truth = random_fixture(np.random.default_rng(5), images=7)
    together = score(detections, ground_truth).as_dict()
    batches = [
        GroundTruth(ground_truth.boxes[part], ground_truth.labels[part], ground_truth.mask[part])
        for part in (slice(0, 3), slice(3, 6), slice(6, 7))
    ]
    assert score([detections[:3], detections[3:6], detections[6:]], batches).as_dict() == together
    assert 0 < together["map"] < 1


def test_padding_is_no_object():
    ground_truth = truth(([(0, 0, 9, 9)], [0]), ([(0, 0, 9, 9), (20, 20, 29, 29)], [0, 0]))
    ground_truth.boxes[0, 1] = torch.tensor([40.0, 40, 49, 49])  # what lies under the mask must not matter
    found = [(0, 0, 9, 9), (20, 20, 29, 29)]
    assert score([one_image(found[:1], [0.9]), one_image(found, [0.9, 0.8])], ground_truth).map == 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shuffle=st.integers(0, 2**32 - 1))
def test_ap_does_not_depend_on_the_order_of_detections_with_distinct_scores(seed, shuffle):
    detections, ground_truth = random_fixture(np.random.default_rng(seed))
    rng = np.random.default_rng(shuffle)
    order = [torch.tensor(rng.permutation(len(one))) for one in detections]
    shuffled = [
        Detections(one.boxes[its], one.scores[its], one.labels[its]) for one, its in zip(detections, order, strict=True)
    ]
    assert score(shuffled, ground_truth).as_dict() == score(detections, ground_truth).as_dict()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ap_depends_on_the_ranking_of_scores_only(seed):
    detections, ground_truth = random_fixture(np.random.default_rng(seed), few_scores=True)
    halved = [Detections(one.boxes, one.scores / 2, one.labels) for one in detections]
    assert score(halved, ground_truth).as_dict() == score(detections, ground_truth).as_dict()


def test_scoring_a_validation_set_is_quick_enough_for_every_epoch():
    """Measured at 10 and 60 ms of a core, whatever its neighbours do; one detection at a time takes seconds."""
    rng = np.random.default_rng(0)
    for images, each, classes in ((200, 20, 4), (87, 300, 3)):
        corners = torch.tensor(rng.uniform(0, 100, (images, each, 2)), dtype=torch.float32)
        boxes, labels = torch.cat([corners, corners + 20], -1), torch.tensor(rng.integers(0, classes, (images, each)))
        found = [Detections(*one) for one in zip(boxes, torch.tensor(rng.random((images, each))), labels, strict=True)]
        ground_truth = GroundTruth(boxes[:, :15] + 1, labels[:, :15], torch.ones(images, 15, dtype=torch.bool))
        seconds = []
        for _ in range(3):
            begin = time.process_time()
            score(found, ground_truth)
            seconds.append(time.process_time() - begin)
        assert min(seconds) < 0.25


@pytest.mark.parametrize("classes", ["ab", ["a", "a"]])
def test_names_that_are_no_list_or_stand_twice_are_refused(classes):
    truth = GroundTruth.from_lists([torch.zeros(0, 4)], [torch.zeros(0)])
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match="classes must be a list of names, each once"):
        score([nothing], truth, classes)


def test_a_pile_of_scores_is_as_right_as_the_objects_that_it_claims_and_a_second_box_is_wrong():
    truth = GroundTruth.from_lists([torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])], [torch.tensor([0, 0])])
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10], [50, 0, 60, 10], [20, 0, 30, 10]])
    scores, labels = torch.tensor([0.9, 0.8, 0.3, 0.2, 0.05]), torch.tensor([0, 0, 0, 0, 1])
    piles = reliability([Detections(boxes, scores, labels)], truth, [0, 0.1, 0.5, 0.6, 1])
    assert piles.scores.tolist() == pytest.approx([0.05, 0.25, 0.85])
    assert piles.right.tolist() == [0, 0.5, 0.5]  # another class; one of two; the first of two on one object
    assert piles.sizes.tolist() == [1, 2, 2]


def test_the_piles_together_hold_as_many_right_answers_as_objects_are_found():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.rand(40, 4, generator=generator) * 20
    boxes[:, 2:] += boxes[:, :2] + 5
    truth = GroundTruth.from_lists([boxes[:9]], [torch.arange(9) % 3])
    found = [Detections(boxes + 1, torch.rand(40, generator=generator), torch.arange(40) % 3)]
    piles = reliability(found, truth, np.linspace(0, 1, 11))
    assert (piles.right * piles.sizes).sum() == pytest.approx(objects_found(found, truth)[0])
    assert reliability([Detections(boxes[:0], boxes[:0, 0], torch.arange(0))], truth, [0, 1]).sizes.tolist() == []
