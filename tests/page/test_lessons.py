"""Lessons in a page: tables check as the checkers of the notebooks do, and progress is the file that is collected."""

import inspect
import json
import random
import re
from pathlib import Path

import pytest

from teachkit.__main__ import main
from teachkit.exercises import progress
from teachkit.exercises.answers import row
from teachkit.exercises.lesson import questions
from teachkit.page import lessons
from teachkit.watch.widgets.prediction import Prediction
from tests.page.engine import asked

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CHECKED = [
    (lesson, name, check, table)
    for lesson in progress.LESSONS
    for name, check, table in lessons._checkers(lesson)
    if table
]
# These ask for code, which has to run.
CODE = {"decode by hand", "DFL by hand", "the total in code", "a slope by nudging", "Adam in code"}


def answers_to(table: dict) -> list:
    """Right, every known slip, near misses, other counts, open; each choice beside each letter; each claim wrong."""
    return ANSWERS[table["kind"]](table, random.Random(1))


def numbers_to(table: dict, dice: random.Random) -> list:
    wanted, step = table["wanted"], table["within"]
    near = [[one + dice.choice([-1, 1]) * step * share for one in wanted] for share in (0.5, 0.99, 1.5, 30)]
    known = [one for one, _ in (*table["slips"], *table["also"])]
    short = [[float(f"{one:.2g}") for one in wanted], [100 * one for one in wanted], *([7.5, 7.5], [0.3, 0.8])]
    short += [[float(f"{one:.2g}") for one in row_] for row_ in known]
    single = [[*wanted[:place], one + 2 * step, *wanted[place + 1 :]] for place, one in enumerate(wanted)]
    far = [[dice.uniform(-1, 2) for _ in wanted] for _ in range(9)]
    return [None, wanted, *short, *known, *near, *single, *far, wanted[:-1] or [7.5, 7.5], [*wanted, 1.0]]


def parts_to(table: dict, dice: random.Random) -> list:
    parts = table["parts"]
    right = {name: str(one["wanted"]) if one["kind"] == "number" else one["wanted"] for name, one in parts.items()}
    others = {
        name: [True, False] if one["kind"] == "truth" else [*(str(known[0]) for known, _ in one["slips"]), "77", "two"]
        for name, one in parts.items()
    }
    single = [right | {name: one} for name, all_of in others.items() for one in all_of]
    many = [{name: dice.choice(one) for name, one in others.items()} for _ in range(20)]
    return [right, dict.fromkeys(right), right | {next(iter(right)): None}, *single, *many]


def marks_to(table: dict, dice: random.Random) -> list:
    sets = [one.split() for one in next(iter(table["reasons"].values()))]
    letters = list(table["reasons"])
    return [{letter: dice.choice(sets) for letter in letters} | {letters[0]: one} for one in (None, *sets)]


def shares_to(table: dict, dice: random.Random) -> list:
    pairs = [(0.7, 0.3), (0.01, 0.99), (0.3, 0.7), (1, 0), (0, 1), (0.5, 0.5), (0.7, 0.7), (1.3, -0.3), (0.6, 0.4)]
    pairs += [(share := dice.uniform(0, 1), 1 - share) for _ in range(5)]
    return [dict(zip(table["bins"], pair, strict=True)) for pair in [(None, 1), *pairs]]


def letters_to(table: dict, dice: random.Random) -> list:
    right = table["wanted"] if table["kind"] == "choices" else {a: one for a, (one, _) in table["claims"].items()}
    others = table["choices"] if table["kind"] == "choices" else [True, False]
    single = [right | {letter: other} for letter in right for other in others]
    many = [{letter: dice.choice(others) for letter in right} for _ in range(20)]
    return [right, dict.fromkeys(right), right | {next(iter(right)): None}, *single, *many]


ANSWERS = {
    "numbers": numbers_to, "parts": parts_to, "marks": marks_to, "shares": shares_to, "choices": letters_to,
    "claims": letters_to,
}  # fmt: skip


def handed_over(check, table: dict, answer):
    """The verdict of the notebook. Some checkers are handed the numbers of a row one by one, or parts by name."""
    one_by_one = len(inspect.signature(check).parameters) > 1
    if table["kind"] == "parts" and one_by_one:
        return check(**answer)
    if table["kind"] == "marks" and list(answer) == [""]:
        return check(answer[""])
    if table["kind"] == "numbers" and one_by_one:
        return check(*(answer or [None] * len(table["wanted"])))
    return check(answer)


def written(table: dict, answer):
    """As it is put into the page's form."""
    if table["kind"] == "numbers":
        return answer and ", ".join(map(repr, answer))
    if table["kind"] == "shares":
        return {bin_: share if share is None else repr(share) for bin_, share in answer.items()}
    return answer


@pytest.mark.parametrize(("lesson", "check", "table"), [(one, check, table) for one, _, check, table in CHECKED])
def test_a_table_gives_the_verdict_of_its_checker(lesson, check, table):
    several = table["kind"] == "numbers" and len(inspect.signature(check).parameters) > 1
    answers = [one for one in answers_to(table) if not several or one is None or len(one) == len(table["wanted"])]
    script = """
        const { checked } = await import("LIVE/../lessons/checks.js");
        answer = data.answers.map((one) => checked(data.table, one));"""
    given = asked(script, {"table": table, "answers": [written(table, one) for one in answers]})
    for answer, verdict in zip(answers, given, strict=True):
        wanted = handed_over(check, table, answer)
        asked_for = re.compile(r"(asked for|one number), not")  # then the answer itself is told, as it was written
        assert verdict["right"] == wanted.right, answer
        assert asked_for.split(verdict["words"])[0] == asked_for.split(wanted.words)[0], answer


def test_numbers_are_read_as_people_write_them():
    script = """const { numbersIn } = await import("LIVE/../lessons/checks.js"); answer = data.map(numbersIn);"""
    texts = ["(1, 2)", "0.5 .5", "−2;3", "1/4", "1e-3", "40 %", "0,25", "0,25; 0,5", "1,2,3", "-12,-4", "two", "1/0"]
    texts += [
        "0x10",
        "+3",
        "½",
        "5.",
        ".5 %",
        "1e400",
        "--3",
        "1,5/2",
        "3 px",
        "1.000,5",
        "50 % 20",
        "78;",
        "nan",
        "",
        "%",
    ]
    given = asked(script.replace("numbersIn)", "(one) => numbersIn(one))"), [*texts, "1/2/3"])
    assert given == [row(one) for one in [*texts, "1/2/3"]]
    pairs = asked(script.replace("numbersIn)", "(one) => numbersIn(one, 2))"), ["78,20", "0,5", "0.5,1"])
    assert pairs == [row(one, 2) for one in ["78,20", "0,5", "0.5,1"]] == [[78, 20], [0, 5], [0.5, 1]]


@pytest.mark.parametrize("lesson", progress.LESSONS)
def test_a_prediction_says_in_the_page_what_it_says_in_the_notebook(lesson):
    asks = questions(lesson)
    script = """
        const { predictionKernel } = await import("LIVE/../playgrounds/prediction.js");
        answer = Object.values(data).map((asked) => asked.choices.map((_, choice) => {
          const committed = [], kernel = predictionKernel(asked, (right) => committed.push(right)), said = [];
          kernel.on("msg:custom", (message) => said.push(message));
          kernel.answer("set", { choice }); kernel.answer("set", { choice: 0 }); kernel.answer("reset");
          kernel.answer("set", { choice: 99 });
          return { said: said[0].verdict, committed, reopened: said[2].verdict, refused: said[3].refused };
        }));"""
    for question, given in zip(asks.values(), asked(script, asks), strict=True):
        for choice, answer in enumerate(given):
            widget = Prediction(**question)
            assert answer["said"] == widget.commit(choice)
            assert answer["committed"] == [choice == question["right"]]  # the first choice alone counts
            assert answer["reopened"] == ""
            assert answer["refused"].startswith("choose one of a, b")
            widget.close()


def test_progress_of_a_browser_is_collected_like_that_of_a_notebook(tmp_path, capsys):
    script = """
        const kept = new Map();
        globalThis.localStorage = {
          getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) };
        const { record, counts, exported, read } = await import("LIVE/../lessons/progress.js");
        record("03", "a tie", false); record("03", "a tie", true); record("03", "a tie", false);
        record("08", "prediction: repair", true); record("08", "weight or rate", true);
        answer = { file: exported("Ada", data), counts: counts(data)["03"], done: read() };"""
    answer = asked(script, lessons.exercises())
    assert answer["counts"] == [1, 5]
    assert answer["done"]["03"]["a tie"]["tries"] == 3
    file = tmp_path / "ada.json"
    file.write_text(answer["file"], encoding="utf-8")
    assert main(["progress", "collect", str(file)]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[0] == "Ada"
    assert row[1 + 3 :][:1] == ["1/5"]
    assert row[-2:] == ["2", "5"]
    progress_file = tmp_path / "progress.json"
    progress_file.write_text(json.dumps({"format": progress.FORMAT, "done": answer["done"]}))
    assert progress.read(progress_file) == answer["done"]


def test_damaged_progress_is_left_out_and_what_is_sound_stays():
    whole = {"03": {"a tie": {"tries": 2, "solved": "2026-01-01T10:00"}}}
    parts = [None, [], 5, {"03": None}, {"03": [1]}, {"03": {"a tie": 7}}]
    parts.append({"03": {"a tie": {"tries": "x", "solved": 1}}})
    texts = ["[", "null", "5", *(json.dumps({"format": 1, "done": one}) for one in parts)]
    texts.append(json.dumps({"format": 1, "done": whole | {"04": 3, "05": {"a tie": None}}}))
    script = """
        let kept;
        globalThis.localStorage = { getItem: () => kept, setItem: (_, text) => { kept = text; } };
        const { record, counts, read } = await import("LIVE/../lessons/progress.js");
        answer = data.texts.map((text) => {
          kept = text;
          const before = read();
          record("08", "weight or rate", true);
          return { before, solved: counts(data.exercises)["08"][0] };
        });"""
    answers = asked(script, {"texts": texts, "exercises": lessons.exercises()})
    assert answers.pop() == {"before": whole | {"05": {}}, "solved": 1}
    assert all(sum(map(len, one["before"].values())) == 0 and one["solved"] == 1 for one in answers)


def test_every_exercise_that_a_table_can_check_is_alive_in_its_page():
    missing = set()
    for notebook in NOTEBOOKS.glob("[01]*.ipynb"):
        here = list(lessons.alive_in(notebook).values())
        there = {one["name"] for one in here if one["kind"] == "exercise"}
        told = {one["name"] for one in here if one["kind"] == "code"}
        assert all(f"“{name}”" in lessons.needs_notebook(here) for name in told)
        assert there | told == set(progress.exercises_of(notebook.stem[:2]))
        missing |= told
    assert missing == CODE


def test_every_prediction_is_alive_in_its_page():
    for notebook in NOTEBOOKS.glob("[01]*.ipynb"):
        there = [one["name"] for one in lessons.alive_in(notebook).values() if one["kind"] == "prediction"]
        assert there == list(dict.fromkeys(there))
        assert set(there) == set(questions(notebook.stem[:2]))


CELLS = {
    "tk.IoUPlayground(measure='giou')": ("playground", "iou", {"measure": "giou"}),
    "walks = tk.OptimizerPlayground()\nwalks": ("playground", "optimizer", {}),
    "tk.TrainingFilm('pictures', frame=3)": ("playground", "film_of_pictures", {"frame": 3}),
    "tk.TrainingFilm('my own')": None,
    "tk.IoUPlayground(picture=batch.images[5])": None,  # of something that only a kernel has
    "tk.RunsSideBySide('runs/mine', 'runs/yours')": None,
    "%matplotlib inline\nprint(1)": None,
}


LIVE = {
    "race = tk.LearningRatePlayground(factor=10, optimizer='sgd')\nrace": [
        f"optimizer=sgd&lr={rate}" for rate in ("0.005", "0.05", "0.5")
    ],
    "cockpit = tk.Cockpit(small_trainer(lr=0.07))\ncockpit.run(9)\ncockpit": ["optimizer=adamw&lr=0.07"],
    "tk.Cockpit(small_trainer(lr=mine))": None,
    "tk.Cockpit(small_trainer(clip=1.0))": None,
    "tk.Cockpit(trainer)": None,
}


@pytest.mark.parametrize("source", LIVE)
def test_a_training_from_plain_settings_has_its_link_to_the_live_page(source, tmp_path):
    notebook = tmp_path / "08_x.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    found = lessons.alive_in(notebook).get(0)
    assert (found and [query for _, query in found["runs"]]) == LIVE[source]


@pytest.mark.parametrize("source", CELLS)
def test_a_cell_comes_alive_if_the_page_has_all_it_shows(source, tmp_path):
    notebook = tmp_path / "03_x.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    found = lessons.alive_in(notebook).get(0)
    assert (found and (found["kind"], found["name"], found["first"])) == CELLS[source]
