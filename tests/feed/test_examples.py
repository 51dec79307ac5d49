from pathlib import Path

import pytest
import torch

from teachkit.feed.examples import Examples, Problem
from teachkit.feed.pictures import PictureError, read_picture
from tests.feed.folders import picture


def some_examples(count: int = 3) -> Examples:
    images = [torch.full((3, 4, 5), number, dtype=torch.uint8) for number in range(count)]
    boxes = [torch.full((number, 4), float(number)) for number in range(count)]
    labels = [torch.arange(number) for number in range(count)]
    return Examples(images, boxes, labels, [f"scene {number}" for number in range(count)], ["cell"])


def test_a_problem_reads_as_file_line_and_what() -> None:
    assert str(Problem("labels/a.txt", 3, "class 9 is none of 0 to 2")) == "labels/a.txt:3: class 9 is none of 0 to 2"


@pytest.mark.parametrize("name", ["two\nlines", "a\rb", "\x1b[2Jcleared", "right\u202eleft", "\x00"])
def test_a_problem_stays_one_printable_line_whatever_a_file_is_called(name: str) -> None:
    text = str(Problem(f"{name}.png", 1, f"names {name}"))
    assert text.isprintable()
    assert text.endswith(":1: names " + name.encode("unicode_escape").decode())


def test_a_picture_in_memory_is_handed_out_as_it_is() -> None:
    examples = some_examples()
    assert examples.image(2) is examples.images[2]


def test_a_path_is_decoded_when_its_picture_is_asked_for(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    examples = Examples([file], [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.int64)], ["a.png"], [])
    assert torch.equal(examples.image(0), read_picture(file))
    assert examples.images == [file]


def test_a_picture_that_has_gone_is_named(tmp_path: Path) -> None:
    examples = Examples([tmp_path / "gone.png"], [torch.zeros(0, 4)], [torch.zeros(0)], ["gone.png"], [])
    with pytest.raises(PictureError, match=r"gone\.png:1: .*no such file"):
        examples.image(0)


def test_a_subset_keeps_each_picture_with_its_boxes_in_the_order_asked() -> None:
    chosen = some_examples(4).subset([3, 1])
    assert chosen.names == ["scene 3", "scene 1"]
    assert [int(chosen.image(place)[0, 0, 0]) for place in range(2)] == [3, 1]
    assert [len(boxes) for boxes in chosen.boxes] == [len(labels) for labels in chosen.labels] == [3, 1]
    assert chosen.classes == ["cell"]
    assert len(chosen) == 2


def test_lists_of_different_length_are_refused() -> None:
    examples = some_examples()
    with pytest.raises(ValueError, match="equally many"):
        Examples(examples.images, examples.boxes[:2], examples.labels, examples.names, [])
