"""Progress: one small file that nothing loses, and what a student hands in."""

import csv
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from teachkit.__main__ import main
from teachkit.errors import UserError
from teachkit.exercises import lesson as lessons
from teachkit.exercises import progress, start_here
from teachkit.exercises.lesson import Verdict, begin, exercise, missing, right, wrong
from tests import forked


@pytest.fixture(autouse=True)
def no_lesson_has_begun(monkeypatch):
    monkeypatch.setattr(lessons, "_begun", set())


@exercise("00", "sum")
def check_sum(answer):
    if answer is None:
        return missing("a number")
    return right("that is it") if answer == 4 else wrong("2 + 2 is not that")


def test_a_try_counts_once_the_lesson_has_begun_and_solved_stays_solved():
    check_sum(4)
    assert progress.read() == {}  # a worked solution begins no lesson
    begin("00")
    assert check_sum(None).right is None
    assert progress.read() == {}
    check_sum(5)
    assert progress.read()["00"]["sum"] == {"tries": 1, "solved": None}
    check_sum(4)
    when = progress.read()["00"]["sum"]["solved"]
    check_sum(5)
    assert when is not None
    assert progress.read()["00"]["sum"] == {"tries": 3, "solved": when}


def test_a_verdict_shows_its_words_alone():
    assert repr(check_sum(5)) == "not yet: 2 + 2 is not that"
    assert check_sum(4) == Verdict(True, "Right: that is it")


def tries(path, count, begin):
    os.environ["TEACHKIT_PROGRESS"] = str(path)
    begin.wait()
    for _ in range(count):
        progress.record("03", "nms", False)


def test_two_notebooks_at_once_lose_no_try(tmp_path):
    path = tmp_path / "both.json"
    begin = forked.CONTEXT.Barrier(2)
    processes = [forked.CONTEXT.Process(target=tries, args=(path, 20, begin)) for _ in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert progress.read(path)["03"]["nms"]["tries"] == 40


DAMAGED = ["", "{", "[]", '{"format": 2, "done": {}}', '{"format": 1, "done": 3}', "\udcff", "[" * 100_000]
DAMAGED += [f'{{"format": 1, "done": {{"00": {lesson}}}}}' for lesson in ("3", '{"sum": 5}', '{"sum": {"tries": "a"}}')]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: content[:40])
def test_a_damaged_file_is_told_of_and_never_overwritten(content):
    path = progress.place()
    path.write_bytes(content.encode(errors="surrogateescape"))
    before = path.read_bytes()
    begin("00")
    with pytest.warns(UserWarning, match=r"progress\.json"):
        assert check_sum(4).right
    assert path.read_bytes() == before
    with pytest.raises(UserError, match=r"progress\.json.*move the file away"):
        progress.read()


def test_a_crash_while_writing_leaves_the_old_file(monkeypatch):
    progress.record("00", "sum", True)
    before = progress.read()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power cut"):
        progress.record("00", "sum", False)
    assert progress.read() == before
    assert [one.name for one in progress.place().parent.glob("*.part")] == []


def test_the_exercises_of_a_lesson_are_found_in_its_module():
    assert progress.exercises_of("00") == [start_here.check_story.exercise, start_here.check_orders.exercise]
    solved = {"00": {"story": {"tries": 1, "solved": "2026-01-01T10:00"}}}
    assert progress.counts(solved)["00"] == (1, 2)


def test_the_picture_says_the_same_words_for_everybody():
    data, metadata = begin("00")._repr_mimebundle_()
    progress.record("00", "story", True)
    later, told = begin("00")._repr_mimebundle_()
    assert data["text/plain"] == later["text/plain"] == "Lesson 00, Start here: your progress"
    assert data["image/png"] != later["image/png"]
    assert "00: 1 of 3" in told["image/png"]["alt"]
    assert "00: 0 of 3" in metadata["image/png"]["alt"]


def test_a_prediction_counts_in_the_picture_once_it_is_committed_to_right_or_wrong():
    lesson = begin("00")
    assert lessons.done_by_lesson(progress.read())["00"] == (0, 3)
    lesson.predict("only backward").commit(0)  # not what happens
    assert lessons.done_by_lesson(progress.read())["00"] == (1, 3)
    assert progress.counts()["00"] == (0, 2)  # what is handed in tells of exercises alone


def test_an_unknown_lesson_is_refused():
    with pytest.raises(UserError, match="99"):
        begin("99")


# handing in


def test_what_is_exported_can_be_collected_into_a_table(tmp_path, monkeypatch, capsys):
    for name, solved in (("Zoë", True), ("=cmd|' /C calc'!A0", False)):
        monkeypatch.setenv("TEACHKIT_PROGRESS", str(tmp_path / name[:1] / "progress.json"))
        progress.record("00", "story", solved)
        (tmp_path / "in").mkdir(exist_ok=True)
        assert main(["progress", "export", str(tmp_path / "in" / f"{len(name)}.json"), "--name", name]) == 0
    assert main(["progress", "collect", str(tmp_path / "in"), "--csv", str(tmp_path / "all.csv")]) == 0
    with open(tmp_path / "all.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["00"], row["tries"]) for row in rows] == [
        ("'=cmd|' /C calc'!A0", "0/2", "1"),
        ("Zoë", "1/2", "1"),
    ]
    capsys.readouterr()
    assert main(["progress", "collect", str(tmp_path / "in")]) == 0
    assert "Zoë" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[1]", '{"kind": "other"}', json.dumps({"kind": "teachkit progress"})])
def test_a_foreign_file_is_named_and_left_out(tmp_path, content, capsys):
    (tmp_path / "a.json").write_text(content)
    main(["progress", "export", str(tmp_path / "b.json"), "--name", "Ada"])
    assert main(["progress", "collect", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "a.json" in told.err
    assert "Ada" in told.out


def test_show_names_each_lesson(capsys):
    assert main(["progress", "show"]) == 0
    assert "11  Blood cells" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"kind": "teachkit progress", "name": "A", "solved": {}, "done": {"00": {"a": {"tries": 1e999}}}}',
    ],
    ids=["nested", "infinite"],
)
def test_a_hostile_file_is_named_and_does_not_cost_the_others(tmp_path, capsys, content):
    assert main(["progress", "export", str(tmp_path / "sound.json"), "--name", "Ada"]) == 0
    (tmp_path / "hostile.json").write_text(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
    assert main(["progress", "collect", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "Ada" in out
    assert all("not a progress that was handed in" in line for line in err.splitlines())
    assert "hostile.json" in err


# What somebody else has made


@pytest.fixture
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


@pytest.mark.skipif(os.name == "nt", reason="links as on Unix")
def test_progress_that_is_kept_elsewhere_by_a_link_stays_there(own_place, tmp_path):
    begin("00")
    own_place.symlink_to(tmp_path / "kept.json")
    for tries in (1, 2):
        check_sum(5)
        assert own_place.is_symlink()
        assert json.loads((tmp_path / "kept.json").read_text())["done"]["00"]["sum"]["tries"] == tries


def test_a_pipe_in_the_place_of_the_progress_is_refused_at_once(own_place):
    os.mkfifo(own_place)
    began = time.monotonic()
    with pytest.raises(UserError, match="your progress cannot be read"):
        progress.record("01", "any", right=True)
    assert time.monotonic() - began < 2


def test_a_lock_that_another_notebook_holds_keeps_an_exercise_two_seconds_at_most(own_place):
    with FileLock(f"{own_place}.lock"), ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        with pytest.raises(UserError, match="held by another notebook"):
            pool.submit(progress.record, "01", "any", True).result()
        assert time.monotonic() - began < 5  # 1.5 s, on a machine that does nothing else
    progress.record("01", "any", right=True)


@pytest.mark.parametrize("entry", [{"tries": True}, {"tries": -1}, {"tries": 10**20}, {"tries": 1, "solved": 3}, {}, 3])
def test_an_entry_of_other_types_is_no_progress(own_place, entry):
    own_place.write_text(json.dumps({"format": 1, "done": {"01": {"any": entry}}}))
    with pytest.raises(UserError, match="this is no progress of this course"):
        progress.read()


def test_an_entry_without_solved_is_not_solved(own_place):
    own_place.write_text(json.dumps({"format": 1, "done": {"01": {"any": {"tries": 1}}}}))
    progress.record("01", "any", right=True)
    assert progress.read()["01"]["any"]["solved"]


def handed_in(file, **changes):
    content = {
        "kind": "teachkit progress",
        "name": "Ada",
        "solved": {"01": [1, 2]},
        "done": {"01": {"a": {"tries": 3}}},
    }
    file.write_text(json.dumps(content | changes))
    return str(file)


@pytest.mark.parametrize("name", ["=1+1", ";=1+1", "a,=1+1", "x|+1", " -1", "＝1+1", "\x1b=2", "a;  =1"], ids=repr)
def test_a_name_is_no_formula_in_a_table(tmp_path, capsys, name):
    assert (
        main(["progress", "collect", handed_in(tmp_path / "a.json", name=name), "--csv", str(tmp_path / "t.csv")]) == 0
    )
    (row,) = list(csv.reader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()))[1:]
    assert row[0].startswith("'")
    assert row[1:3] == ["0/0", "1/2"]


@pytest.mark.parametrize("name", ["\x1b[2Jred", "a\u202eb", "x" * 10**5, "a\nb", "\x9b31m"], ids=lambda name: name[:8])
def test_a_name_neither_moves_the_terminal_nor_fills_it(tmp_path, capsys, name):
    assert main(["progress", "collect", handed_in(tmp_path / "a.json", name=name)]) == 0
    shown = capsys.readouterr().out
    assert all(sign.isprintable() for sign in shown.replace("\n", ""))
    assert shown.count("\n") == 2
    assert len(shown) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ["a"]},
        {"solved": {"01": [10**30, 2]}},
        {"solved": {"01": [True, 2]}},
        {"done": {"a": {"b": {"tries": 1.5}}}},
    ],
    ids=str,
)
def test_what_is_of_other_types_is_left_out_by_name(tmp_path, capsys, changes):
    assert main(["progress", "collect", handed_in(tmp_path / "a.json", **changes)]) == 1
    assert "a.json: not a progress that was handed in" in capsys.readouterr().err


def test_a_file_too_large_to_be_one_is_left_out_unread(tmp_path, capsys):
    with open(tmp_path / "a\x1b.json", "wb") as file:
        file.truncate(20 * 10**9)
    assert main(["progress", "collect", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "20,000 MB" in told
    assert "\x1b" not in told


def test_a_name_that_is_not_in_utf_8_is_handed_in_readable(own_place, tmp_path):
    name = b"Zo\xeb".decode(errors="surrogateescape")  # what a terminal in Latin-1 hands over
    assert main(["progress", "export", str(tmp_path / "mine.json"), "--name", name]) == 0
    assert json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))["name"].startswith("Zo")


def test_what_another_has_handed_in_is_never_written_over(tmp_path, capsys):
    file = tmp_path / "a.json"
    assert [main(["progress", "export", str(file), "--name", "Zoë"]) for _ in range(2)] == [0, 0]
    before = file.read_bytes()
    for name in ("Anna", "Zoë B", "Zo"):
        assert main(["progress", "export", str(file), "--name", name]) == 2
        assert f"a.json: is there already and is not an untouched progress of {name}" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"{text}Dora,1/2\r\n",
        lambda text: text.replace("Zoë", "Zoë B"),
        lambda text: text.replace("0/0", "0/1", 1),
        lambda text: text.replace(",\r\n", ",late\r\n"),
        lambda text: text.replace("\r\n", ",\r\n"),
        lambda text: text.partition("\r\n")[0],
        lambda text: text.replace("tries", "Tries"),
    ],
)
def test_a_table_that_a_teacher_has_written_in_is_never_written_over(tmp_path, capsys, edit):
    words = ["progress", "collect", handed_in(tmp_path / "a.json", name="Zoë"), "--csv", str(tmp_path / "t.csv")]
    assert [main(words), main(words)] == [0, 0]
    edited = edit((tmp_path / "t.csv").read_bytes().decode()).encode()
    (tmp_path / "t.csv").write_bytes(edited)
    capsys.readouterr()
    assert main(words) == 2
    assert "t.csv: is there already and is not an untouched table of teachkit's" in capsys.readouterr().err
    assert (tmp_path / "t.csv").read_bytes() == edited


def test_a_table_that_a_spreadsheet_has_only_saved_anew_is_still_ours(tmp_path):
    words = ["progress", "collect", handed_in(tmp_path / "a.json", name="Zoë"), "--csv", str(tmp_path / "t.csv")]
    assert main(words) == 0
    rows = list(csv.reader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()))
    with open(tmp_path / "t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert main(words) == 0
