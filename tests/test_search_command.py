"""`search`: a study of trainings on a folder, which is joined, gone on with, and told as a table and as plots."""

import re

import pytest

from teachkit.__main__ import main
from teachkit.feed.formats.write import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.files import is_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, settings = tmp_path_factory.mktemp("data") / "few", SceneSettings(image_size=64, objects=(1, 2))
    splits = {split: make_scenes(count, 0, settings, split=split) for split, count in (("train", 4), ("val", 2))}
    write_folder(splits, folder, "yolo")
    return folder


def search(capsys, *words):
    code = main(["search", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def rows(out):
    return [line.split() for line in out.splitlines() if re.match(r" *\d+  ", line)]


def test_a_study_is_told_as_a_table_and_plots_and_goes_on_by_its_name(folder, tmp_path, capsys):
    journal = tmp_path / "journal.log"
    begin = ["--data", folder, "--trials", 2, "--study", "first", "--storage", journal, "--epochs", 1, "--threads", 1]
    code, out, err = search(capsys, *begin)
    assert code == 0
    first = rows(out)
    assert [row[:3] for row in first] == [["0", "complete", "1"], ["1", "complete", "1"]]
    assert rows(err) == first  # each as soon as it was made
    best = max(first, key=lambda row: float(row[3]))
    lr, box, cls, dfl = best[4:]
    assert f"with: train --lr {lr} --box {box} --cls {cls} --dfl {dfl}" in out

    code, out, err = search(capsys, *begin)
    assert (code, rows(out), rows(err)) == (0, first, [])  # all its trials are made
    plots = tmp_path / "plots"
    code, out, err = search(capsys, "--resume", "first", "--storage", journal, "--trials", 3, "--save", plots)
    assert (code, len(rows(out)), len(rows(err))) == (0, 3, 1)
    assert rows(out)[:2] == first
    names = {"optimization_history.png", "intermediate_values.png", "slice.png", "timeline.png"}
    assert {file.name for file in plots.iterdir()} == names
    assert all(is_picture(file) for file in plots.iterdir())

    code, _, err = search(capsys, *begin[:-4], "--epochs", 2)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "begun with another epochs (1, not 2)" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--trials", 1, "--study", "a"], "--data, --trials and --study are required, or --resume NAME"),
        (["--resume"], "--resume goes with the NAME of a study"),
        (["--resume", "a"], "there is no study 'a' to go on with"),
        (["--data", "shapes", "--trials", 0, "--study", "a"], "'0' is not a whole number from 1"),
    ],
)
def test_what_makes_no_search_is_one_line(words, told, tmp_path, capsys):
    try:
        code = main(["search", *map(str, words), "--storage", str(tmp_path / "journal.log")])
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert told in err


def test_settings_are_those_of_the_study_that_is_gone_on_with(tmp_path, capsys):
    from teachkit.experiments.study import agree, join

    journal = tmp_path / "journal.log"
    study = join("a", str(journal))
    code, _, err = search(capsys, "--resume", "a", "--storage", journal)
    assert code == 2
    assert "it does not say its epochs" in err
    agree(study, {"epochs": 3})
    code, _, err = search(capsys, "--resume", "--study", "a", "--storage", journal, "--batch-size", 2)
    assert code == 2
    assert "--resume does not go with --batch-size" in err


def test_torchrun_does_not_start_the_workers(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = search(capsys, "--resume", "a", "--storage", tmp_path / "journal.log")
    assert code == 2
    assert "each by itself, and not by torchrun" in err


def test_pictures_of_others_are_not_written_over(tmp_path, capsys):
    (tmp_path / "slice.png").write_text("a cake")
    code, _, err = search(capsys, "--resume", "a", "--storage", tmp_path / "journal.log", "--save", tmp_path)
    assert code == 2
    assert "slice.png" in err
