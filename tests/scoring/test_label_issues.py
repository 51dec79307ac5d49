import pytest
import torch

from teachkit.experiments import recorded
from teachkit.feed.scenes import make_scenes
from teachkit.scoring import find_label_issues
from teachkit.structures import Detections

CLASSES = ["ball", "square", "triangle", "star"]


@pytest.fixture(scope="module")
def scenes():
    """60 scenes that the recorded detector has not learned from, and what it sees in them."""
    examples = make_scenes(60, split="test")
    model, classes = recorded.detector("shapes")
    assert classes == CLASSES
    images = torch.stack([examples.image(place) for place in range(60)]).float() / 255
    return examples, model.detect(images, score_threshold=0.05)


def injected(examples, kind: str, images: range):
    """A fault of this kind in one object of each of these images → boxes, labels, {(image, box of the fault)}."""
    boxes, labels = [one.clone() for one in examples.boxes], [one.clone() for one in examples.labels]
    faults = set()
    for image in images:
        place = int((boxes[image][:, 2:] - boxes[image][:, :2]).prod(-1).argmax())
        box = boxes[image][place].clone()
        if kind == "wrong class":
            labels[image][place] = (labels[image][place] + 1) % 4
        elif kind == "not labelled":
            keep = torch.arange(len(boxes[image])) != place
            boxes[image], labels[image] = boxes[image][keep], labels[image][keep]
        elif kind == "duplicate":
            box = box + 1
            boxes[image] = torch.cat([boxes[image], box[None]])
            labels[image] = torch.cat([labels[image], labels[image][place : place + 1]])
        elif kind == "odd size":
            box = torch.cat([box[:2], box[:2] + 2])
            boxes[image][place] = box
        elif kind == "nothing there":
            box = (
                torch.tensor([box[2], 0, 128, box[1]]) if box[1] > 20 and box[2] < 108 else torch.tensor([0.0, 0, 9, 9])
            )
            boxes[image] = torch.cat([boxes[image], box[None]])
            labels[image] = torch.cat([labels[image], torch.tensor([1])])
        faults.add(image)
    return boxes, labels, faults


@pytest.mark.parametrize("kind", ["wrong class", "not labelled", "duplicate", "odd size", "nothing there"])
def test_injected_faults_come_first(scenes, kind):
    """Of twelve faults in 60 scenes with 200 objects, ten or more are named within the first twenty."""
    examples, seen = scenes
    boxes, labels, faults = injected(examples, kind, range(0, 60, 5))
    first = find_label_issues(boxes, labels, CLASSES, seen)[:20]
    named = {one.image for one in first if one.kind == kind} & faults
    assert len(named) >= 10, [(one.image, one.kind, round(one.doubt, 2)) for one in first]


def test_all_kinds_at_once_fill_the_top_of_the_list(scenes):
    examples, seen = scenes
    boxes, labels, faults = list(examples.boxes), list(examples.labels), set()
    for place, kind in enumerate(["wrong class", "not labelled", "duplicate", "odd size"]):
        its_boxes, its_labels, images = injected(examples, kind, range(place * 15, place * 15 + 15, 5))
        for image in images:
            boxes[image], labels[image] = its_boxes[image], its_labels[image]
        faults |= images
    first = find_label_issues(boxes, labels, CLASSES, seen)[:24]
    assert len({one.image for one in first} & faults) >= 10


def test_clean_labels_are_hardly_suspected(scenes):
    examples, seen = scenes
    doubts = [one.doubt for one in find_label_issues(examples.boxes, examples.labels, CLASSES, seen)]
    assert doubts == sorted(doubts, reverse=True)
    assert sum(one > 0.8 for one in doubts) <= 0.05 * sum(map(len, examples.boxes))
    assert all(0 < one <= 1 for one in doubts)


def test_without_a_detector_only_the_labels_themselves_speak(scenes):
    examples, _ = scenes
    kinds = {one.kind for one in find_label_issues(examples.boxes, examples.labels, CLASSES)}
    assert kinds <= {"duplicate", "odd size"}


def test_each_label_is_named_once_and_with_a_reason():
    boxes = [torch.tensor([[10.0, 10, 50, 50]])]
    seen = [Detections(torch.tensor([[10.0, 10, 50, 50]]), torch.tensor([0.9]), torch.tensor([1]))]
    (only,) = find_label_issues(boxes, [torch.tensor([0])], CLASSES, seen)
    assert only.kind == "wrong class"
    assert only.why == "ball, but the detector sees square (0.90)"
    assert only.doubt == pytest.approx(0.9)


def test_no_labels_and_no_images_are_no_trouble():
    assert find_label_issues([], [], CLASSES, []) == []
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    empty = torch.zeros(0, dtype=torch.int64)
    assert find_label_issues([torch.zeros(0, 4)], [empty], CLASSES, [nothing]) == []
    with pytest.raises(ValueError, match="equally many"):
        find_label_issues([torch.zeros(0, 4)], [], CLASSES)
