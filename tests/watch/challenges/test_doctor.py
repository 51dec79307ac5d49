import pytest

from teachkit.errors import UserError
from teachkit.exercises.blood_cells import CROWDED
from teachkit.experiments import recorded
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import make_scenes
from teachkit.scoring import counts
from teachkit.watch.challenges.doctor import DoctorPlayground


@pytest.fixture(scope="module")
def parts():
    model, classes = recorded.detector("shapes")
    batch = next(iter(Loader(make_scenes(4, 1, CROWDED, split="val"), "val", 4, 128, "cpu", shuffle=False)))
    return model, batch, classes


@pytest.fixture
def doctor(parts):
    one = DoctorPlayground(*parts)
    yield one
    one.close()


def test_nothing_is_told_before_the_picture_is_counted(doctor):
    now = doctor.numbers()
    assert (now["boxes"], now["truth"]) == ([], [])
    assert set(now) == {"boxes", "truth", "words"}


@pytest.mark.parametrize("counted", [None, "star"])
@pytest.mark.parametrize("threshold", [0.1, 0.6])
def test_the_counts_are_those_of_scoring(parts, counted, threshold):
    doctor = DoctorPlayground(*parts, counted, threshold)
    doctor.set(count=7)
    label = None if counted is None else parts[2].index(counted)
    found, there = counts(doctor.detections, parts[1].ground_truth, threshold, label)
    now = doctor.numbers()
    assert (now["found"], now["there"]) == (found[0], there[0]) == (len(now["boxes"]), len(now["truth"]))
    assert now["your_error"] == abs(7 - there[0])
    doctor.close()


def test_the_first_count_of_a_picture_stands_and_errors_are_means_over_the_counted_ones(doctor):
    doctor.set(count=10)
    doctor.set(count=12)
    assert doctor.values["count"] == 10
    doctor.set(picture=2)
    assert doctor.values["count"] == -1
    doctor.set(count=5)
    there = counts(doctor.detections, doctor.batch.ground_truth, 0.25)[1]
    assert doctor.numbers()["your_error"] == (abs(10 - there[0]) + abs(5 - there[2])) / 2
    doctor.set(picture=0)
    assert doctor.values["count"] == 10


def test_reset_forgets_the_counts(doctor):
    doctor.set(count=10)
    doctor.set(picture=1)
    doctor.set(count=4)
    doctor._receive(None, {"kind": "reset", "ask": 1}, [])
    assert doctor.values["count"] == -1
    doctor.set(count=3)
    assert doctor.numbers()["pictures"] == 1


@pytest.mark.parametrize("values", [{"picture": 4}, {"count": -2}, {"threshold": 0}, {"count": "many"}])
def test_a_refused_value_leaves_the_old_one(doctor, values):
    before = dict(doctor.values)
    with pytest.raises(UserError):
        doctor.set(**values)
    assert doctor.values == before


def test_an_unknown_class_is_refused(parts):
    with pytest.raises(UserError, match="no class 'cat'"):
        DoctorPlayground(*parts, "cat")
