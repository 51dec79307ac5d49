import numpy as np
import pytest
import torch

from teachkit.exercises import blood_cells
from teachkit.feed.formats import check
from teachkit.feed.loader import load_data
from teachkit.learn.validation import too_few_to_choose_by
from teachkit.scoring import count_error
from teachkit.structures import Detections, GroundTruth


def test_the_right_count_error_is_that_of_scoring():
    found = [Detections(torch.zeros(n, 4), torch.ones(n), torch.zeros(n, dtype=torch.int64)) for n in (3, 5, 2, 4)]
    sizes = (4, 4, 2, 2)
    truth = GroundTruth.from_lists(
        [torch.zeros(n, 4) for n in sizes], [torch.zeros(n, dtype=torch.int64) for n in sizes]
    )
    assert blood_cells.check_count_error(count_error(found, truth, 0.5)).right


@pytest.mark.parametrize("answer", [1, 1.0, torch.tensor(1.0), np.float64(1), [1.0]])
def test_any_form_of_the_right_count_error_is_accepted(answer):
    assert blood_cells.check_count_error(answer).right


def test_each_known_mistake_is_told_apart():
    for check_it, mistakes in (
        (blood_cells.check_count_error, [0.5, 4, 1.22, 0.75]),
        (blood_cells.check_report, [(0.4, 3.5), (0.5, 3.2), (0.4, 3.4)]),
        (blood_cells.check_matrix, [(50 / 59, 50 / 60), (50 / 60, 50 / 52), (50 / 52, 50 / 59), (50 / 52, 50 / 52)]),
    ):
        said = {str(check_it(answer)) for answer in mistakes}
        assert len(said) == len(mistakes)
        assert all(verdict.startswith("not yet: ") for verdict in said)


def test_the_matrix_is_read_by_row_and_column():
    matrix = np.array([[50, 0, 10], [2, 30, 8], [7, 5, 0]])
    recall, precision = 50 / matrix[0].sum(), 50 / matrix[:, 0].sum()
    assert blood_cells.check_matrix((recall, precision)).right
    assert blood_cells.check_matrix([round(recall, 2), round(precision, 2)]).right


def test_the_report_takes_val_to_choose_and_test_to_tell():
    assert blood_cells.check_report((0.5, 3.8)).right
    assert blood_cells.check_report([0.5, "3.8"]).right


def test_kinds_of_error():
    assert blood_cells.check_kinds(blood_cells.CASES).right
    assert blood_cells.check_kinds({case: kind.upper() for case, kind in blood_cells.CASES.items()}).right
    for case, kind in blood_cells.CASES.items():
        for other in set(blood_cells.KINDS) - {kind}:
            verdict = blood_cells.check_kinds(blood_cells.CASES | {case: other})
            assert verdict.right is False
            assert verdict.words.startswith(f"not yet: {case} is not {other}.")
    assert blood_cells.check_kinds(dict.fromkeys(blood_cells.CASES)).right is None
    assert blood_cells.check_kinds(blood_cells.CASES | {"d": "hallucination"}).right is False


@pytest.mark.parametrize(
    "check_it", [blood_cells.check_count_error, blood_cells.check_report, blood_cells.check_matrix]
)
def test_what_is_open_or_senseless_gets_a_friendly_word(check_it):
    assert check_it(None).right is None
    for senseless in ("one", float("nan"), {}, [1, 2, 3], object(), True, []):
        assert str(check_it(senseless)).startswith("not yet: ")
    assert blood_cells.check_kinds(7).right is False


def test_without_the_real_pictures_there_is_a_stand_in_with_the_same_two_faults(tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path))
    cells = blood_cells.picture_set()
    assert not cells.real
    problems = check(cells.folder)
    assert [one.what.split(":")[0] for one in problems] == ["box has no area", "box has no area"]
    assert len(cells.load("trainval").names) == 120
    assert len(cells.load("test").names) == 72


def test_real_pictures_are_taken_where_they_are(bccd, monkeypatch):
    monkeypatch.setenv("TEACHKIT_DATA", str(bccd.parent))
    cells = blood_cells.picture_set()
    assert cells.real
    assert cells.folder == bccd
    assert cells.counted in cells.load("test", limit=4).classes


def test_the_folder_that_is_brought_along_has_one_broken_box_and_too_few_pictures_to_choose_by():
    folder = blood_cells.brought_along()
    assert [problem.what.split(":")[0] for problem in check(folder)] == ["box has no area"]
    with pytest.warns(UserWarning, match="1 problems"):
        assert len(load_data(folder, "train").names) == 96
    assert too_few_to_choose_by(load_data(folder, "val")).startswith("val has 12 pictures to choose")
