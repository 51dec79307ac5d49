import pytest

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.watch.challenges.judge import JudgePlayground

FAULTY = SceneSettings(missing_boxes=0.1, wrong_labels=0.1)


def loader(settings=None, seed=5):
    return Loader(make_scenes(48, seed, settings, split="val"), "val", 16, 128, "cpu", shuffle=False)


@pytest.fixture(scope="module")
def model():
    return recorded.detector("shapes")[0]


@pytest.fixture
def judge(model):
    one = JudgePlayground(loader(FAULTY), loader(), model)
    yield one
    one.close()


def test_of_twelve_suspects_half_are_really_wrong(judge):
    assert len(judge.suspects) == 12
    assert sum(map(judge.is_wrong, judge.suspects)) == 6


def test_what_is_wrong_is_what_was_made_wrong(judge):
    """A label's own scene says so: the same box with another name, or an object without a label."""
    for one in judge.suspects:
        given = dict(zip(map(tuple, judge.seen.boxes[one.image].tolist()), judge.seen.labels[one.image], strict=True))
        real = dict(zip(map(tuple, judge.right.boxes[one.image].tolist()), judge.right.labels[one.image], strict=True))
        if one.kind == "not labelled":
            assert judge.is_wrong(one) == bool(set(real) - set(given)) or not judge.is_wrong(one)
        else:
            assert judge.is_wrong(one) == (given[one.box] != real[one.box])


def test_the_truth_is_hidden_until_a_suspect_is_judged(judge):
    assert judge.numbers()["said"] == ""
    assert [one.style for one in judge.tiles()[0].outlines if one.style == "true object"] == []
    assert len(judge.tiles()) == 1
    said = judge.judge("w")
    assert said.startswith("1 is ")
    assert [tile.key for tile in judge.tiles()] == [(1, False), (0, True)]
    assert any(one.style == "true object" for one in judge.tiles()[1].outlines)


def test_both_are_scored_by_the_truth(judge):
    truth = "".join("w" if judge.is_wrong(one) else "f" for one in judge.suspects)
    judge.set(verdicts=truth)
    machine = sum((one.doubt >= 0.5) == judge.is_wrong(one) for one in judge.suspects)
    assert judge.scores() == (12, machine, 12)
    judge.set(verdicts=truth.translate(str.maketrans("wf", "fw")))
    assert judge.scores() == (0, machine, 12)
    assert judge.numbers()["asked"] == ""


@pytest.mark.parametrize("verdicts", ["x", "w" * 13, 1, None])
def test_other_verdicts_are_refused(judge, verdicts):
    with pytest.raises(UserError, match="w for wrong and f for fine"):
        judge.set(verdicts=verdicts)


def test_other_pictures_and_pictures_without_a_suspect_are_refused(model):
    with pytest.raises(UserError, match="same pictures"):
        JudgePlayground(loader(FAULTY), Loader(make_scenes(4, 5), "train", 4, 128, "cpu", shuffle=False), model)
