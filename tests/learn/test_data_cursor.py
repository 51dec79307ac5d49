import os
import warnings

import pytest
import torch
from torch.utils.data import DataLoader

from teachkit.errors import UserError
from teachkit.feed.formats import read_folder, write_folder
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn.data_cursor import DataCursor, ValidationData


class Counting:
    """A loader as the contract has it: a batch is a pure function of epoch and place."""

    def __init__(self, length=4):
        self.length, self.start = length, (9, 1)

    def __len__(self):
        return self.length

    def load_state_dict(self, state):
        self.start = (state["epoch"], state["place"])

    def __iter__(self):
        epoch, place = self.start
        return iter([(epoch, one) for one in range(place, self.length)])


def shuffled(own):
    generator = torch.Generator().manual_seed(3) if own else None
    return DataLoader(range(7), batch_size=2, shuffle=True, generator=generator)


def take(cursor, count):
    return [torch.as_tensor(next(cursor)).tolist() for _ in range(count)]


MAKERS = {
    "a loader": Counting,
    "a list": lambda: [10, 11, 12, 13, 14],
    "a shuffling DataLoader": lambda: shuffled(False),
    "a shuffling DataLoader with a generator": lambda: shuffled(True),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("done", [0, 1, 3, 4, 6, 9])
def test_any_batch_can_be_gone_back_to_in_another_process(make, done):
    torch.manual_seed(0)
    cursor = DataCursor(make())
    take(cursor, done)
    state, random = cursor.state_dict(), torch.get_rng_state()
    expected = take(cursor, 11)

    torch.manual_seed(123)
    again = DataCursor(make())
    again.load_state_dict(state)
    torch.set_rng_state(random)
    assert take(again, 11) == expected


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_same_object_can_be_rewound(make):
    cursor = DataCursor(make())
    take(cursor, 2)
    state, random = cursor.state_dict(), torch.get_rng_state()
    expected = take(cursor, 9)
    cursor.load_state_dict(state)
    torch.set_rng_state(random)
    assert take(cursor, 9) == expected


def test_a_loader_that_was_looked_at_before_still_begins_at_the_beginning():
    data = Counting()
    next(iter(data))
    assert take(DataCursor(data), 5) == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]]


def test_epoch_and_index_are_those_of_the_batch_to_come():
    cursor = DataCursor(Counting(3))
    places = [(cursor.epoch, cursor.batch_index)]
    for _ in range(4):
        next(cursor)
        places.append((cursor.epoch, cursor.batch_index))
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_a_loader_that_raises_can_be_asked_again():
    class Flaky(Counting):
        broken = True

        def __iter__(self):
            for batch in super().__iter__():
                if batch[1] == 2 and self.broken:
                    self.broken = False
                    raise OSError("the file is gone")
                yield batch

    cursor = DataCursor(Flaky())
    take(cursor, 2)
    with pytest.raises(OSError, match="gone"):
        next(cursor)
    assert take(cursor, 3) == [[0, 2], [0, 3], [1, 0]]


def test_data_without_batches_or_with_fewer_than_it_says_is_an_error():
    class Short(list):
        def __len__(self):
            return 5

    with pytest.raises(UserError, match="no batches"):
        DataCursor([])
    cursor = DataCursor(Short([1, 2]))
    take(cursor, 2)
    with pytest.raises(UserError, match="ended after 2 of its 5"):
        next(cursor)


def test_a_state_of_other_data_is_refused():
    with pytest.raises(UserError, match="4 batches a pass, the training data has 5"):
        DataCursor(Counting(5)).load_state_dict(DataCursor(Counting(4)).state_dict())
    seeded, other = Counting(), Counting()
    seeded.seed, other.seed = 1, 2
    with pytest.warns(UserWarning, match="another seed"):
        DataCursor(other).load_state_dict(DataCursor(seeded).state_dict())


@pytest.mark.parametrize(
    ("names", "batch_size"), [(["a", "c"], 1), (["b", "a"], 1), (["a", "b", "c"], 2), (["a", "b"], 2), (["a\nb"], 1)]
)
def test_other_pictures_in_as_many_batches_are_told(names, batch_size):
    seen, other = Counting(), Counting()
    seen.names, seen.batch_size = ["a", "b"], 1
    other.names, other.batch_size = names, batch_size
    with pytest.warns(UserWarning, match="other training pictures or labels, or batches of another size"):
        DataCursor(other).load_state_dict(DataCursor(seen).state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataCursor(seen).load_state_dict(DataCursor(seen).state_dict())


@pytest.mark.parametrize("keep", [2**30, 0], ids=["on the device", "in files"])
@pytest.mark.parametrize("edit", ["a pixel", "a label", "a box", "a label less"])
def test_pictures_and_labels_edited_under_their_names_are_told(edit, keep):
    def loader(edit=None):
        examples = make_scenes(4, 0, SceneSettings(image_size=64))
        boxes, labels = examples.boxes[2], examples.labels[2]
        match edit:
            case "a pixel":
                examples.images[2] = 255 - examples.images[2]
            case "a label":
                examples.labels[2] = (labels + 1) % 4
            case "a box":
                examples.boxes[2] = boxes + 1
            case "a label less":
                examples.boxes[2], examples.labels[2] = boxes[1:], labels[1:]
        return Loader(examples, image_size=64, batch_size=2, device="cpu", resident_bytes=keep)

    state = DataCursor(loader()).state_dict()
    with pytest.warns(UserWarning, match="other training pictures or labels"):
        DataCursor(loader(edit)).load_state_dict(state)
    exam = ValidationData(loader()).state_dict()
    with pytest.warns(UserWarning, match="other validation pictures or labels: scores from before"):
        ValidationData(loader(edit)).load_state_dict(exam)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataCursor(loader()).load_state_dict(state)
        ValidationData(loader()).load_state_dict(exam)


def test_a_picture_file_that_was_edited_is_told_though_its_name_size_and_time_are_as_before(tmp_path):
    examples = make_scenes(2, 0, SceneSettings(image_size=64))
    write_folder({"train": examples}, tmp_path, "coco")

    read = read_folder(tmp_path, "train")
    read.images = sorted(tmp_path.rglob("*.png"))  # as of a set that is too large to be kept decoded

    def loader():
        return Loader(read, image_size=64, batch_size=2, device="cpu", resident_bytes=0)

    state, picture = DataCursor(loader()).state_dict(), sorted(tmp_path.rglob("*.png"))[0]
    DataCursor(loader()).load_state_dict(state)
    before, content = picture.stat(), picture.read_bytes()
    picture.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.warns(UserWarning, match="other training pictures or labels"):
        DataCursor(loader()).load_state_dict(state)


@pytest.mark.parametrize("data", [None, [1, 2]])
def test_validation_data_without_names_has_no_sum_and_takes_any_state(data):
    assert ValidationData(data).state_dict() == {"pictures": None}
    for state in ({}, {"pictures": None}, {"pictures": "0" * 64}):
        ValidationData(data).load_state_dict(state)
