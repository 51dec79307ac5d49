"""A run written into one page: whole, small, and with nothing in it that could break out or be fetched."""

import json
import os
import re
from statistics import fmean

import pytest
import torch

from teachkit.__main__ import main
from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.learn.log import LogWriter
from teachkit.watch.cockpit.acts import ACTS
from teachkit.watch.replay import replay
from teachkit.watch.replay.page import recorded_acts
from teachkit.watch.replay.recording import open_run, read_records
from tests.learn.rerun import rerun


def embedded(path) -> dict:
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="run">(.*?)</script>', text, re.S).group(1))


@pytest.fixture
def records(make_trainer):
    kept = []
    trainer = make_trainer(on_record=kept.append)
    trainer.fit(2)
    return kept


def test_every_number_of_the_page_is_the_logs(tmp_path, records):
    run = embedded(replay.export(records, tmp_path / "run.html"))
    steps = [one for one in records if one["kind"] == "step"]
    assert run["steps"]["step"] == [one["step"] for one in steps]
    for name in ("total", "box", "cls", "dfl", "lr"):
        assert run["steps"][name] == [one[name] for one in steps], name
    assert run["steps"]["w_dfl"] == [one["weights"]["dfl"] for one in steps]
    epochs = [one for one in records if one["kind"] == "epoch"]
    assert run["validation"]["total"] == [one["val_total"] for one in epochs]
    assert run["menus"][0] == [0, "constant", "adamw"]


def test_markup_in_a_class_name_cannot_end_the_data(tmp_path, make_session):
    evil = "</script><script>alert(1)</script><!--"
    session = make_session()
    session.classes = [evil, "b", "c", "d"]
    session.run(3)
    page = replay.export(session, tmp_path / "run.html")
    text = page.read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert "alert(1)" in text
    assert "<!--" not in text.split('id="run">')[1]
    assert embedded(page)["classes"][0] == evil


def test_a_title_with_markup_stays_text(tmp_path, records):
    run = read_records(records, "<b>x</b>")
    assert b"<title>&lt;b&gt;" in replay.page_of(run)


def test_the_page_fetches_nothing(tmp_path, records):
    text = replay.export(records, tmp_path / "run.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|\bimport\s|\bsrc=|<link|url\(", text)
    assert "default-src 'none'" in text


def test_a_sessions_changes_pictures_and_detections_are_in_it(tmp_path, make_session):
    session = make_session()
    session.run(6)
    session.trainer.control.set(lr=0.001)
    session.run(6)
    run = embedded(replay.export(session, tmp_path / "run.html"))
    assert len(run["pictures"]) == 2
    assert run["marks"][0]["label"] == "rate 0.001"
    assert run["steps"]["lr"][6] == 0.001
    assert run["looks"][-1] == [12, json.loads(json.dumps(session.probes.found))]
    assert run["truth"] == [session.pictures.ground_truth.image(one)[0].tolist() for one in range(2)]


def test_what_a_session_did_is_run_again_from_its_records_bit_for_bit(make_trainer, make_session):
    """Optimizers and settings changed, and twice gone back in time, once on a branch."""
    kept = []
    session = make_session(make_trainer(on_record=kept.append), keep_every=4)
    session.run(7)
    session.use_optimizer("sgd")
    session.run(5)
    session.trainer.control.set(box=2.0, lr=0.02)
    session.run(6)
    session.rewind(15)
    session.trainer.control.set(schedule="one_cycle")
    session.run(4)
    session.branch(9)
    session.trainer.control.set(dfl=0.5)
    session.run(8)
    again = make_trainer()
    assert rerun(again, kept) is None
    ours, theirs = session.trainer.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_sessions_schedule_and_optimizer_are_shown_from_the_step_on_at_which_they_changed(tmp_path, make_session):
    session = make_session()
    session.run(3)
    session.use_optimizer("sgd")
    session.trainer.control.set(schedule="one_cycle")
    session.run(9)
    session.trainer.control.set(lr=0.01)
    session.run(3)
    menus = embedded(replay.export(session, tmp_path / "run.html"))["menus"]
    assert menus == [[0, "constant", "adamw"], [3, "one_cycle", "sgd"], [12, "constant", "sgd"]]


def test_a_session_that_has_not_begun_is_refused(tmp_path, make_session):
    with pytest.raises(UserError, match="press Start"):
        replay.export(make_session(), tmp_path / "run.html")


def test_undefined_numbers_are_null_and_nothing_else_breaks(tmp_path, records):
    records[2] = records[2] | {"total": float("nan")}
    assert None in embedded(replay.export(records, tmp_path / "run.html"))["steps"]["total"]


def test_a_long_run_stays_under_five_megabytes(tmp_path, records):
    step = next(one for one in records if one["kind"] == "step")
    endless = {name: 1 / 3 for name in ("total", "box", "cls", "dfl", "lr")}
    long = [
        step | {name: value / (place + 7) for name, value in endless.items()} | {"step": place}
        for place in range(45000)
    ]
    page = replay.export(long, tmp_path / "run.html")
    assert page.stat().st_size < 5_000_000
    assert len(embedded(page)["steps"]["step"]) == 45000


def test_a_recorded_run_brings_its_pictures(tmp_path):
    run = embedded(replay.export("few_pictures_0", tmp_path / "run.html"))
    assert len(run["pictures"]) == 4
    assert len(run["looks"]) >= 20
    assert run["settings"]["pictures"] == 32


def test_the_command_takes_a_folder_or_a_log(tmp_path, records, capsys):
    with LogWriter(tmp_path / "run" / "log.jsonl") as log:
        for record in records:
            log.write(record)
    for source in (tmp_path / "run", tmp_path / "run" / "log.jsonl"):
        assert main(["replay", str(source), str(tmp_path / "out" / "a.html")]) == 0
        assert "open it in any browser" in capsys.readouterr().out
        assert embedded(tmp_path / "out" / "a.html")["steps"]["step"]


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, capsys):
    assert main(["replay", str(tmp_path / "nothing"), str(tmp_path / "a.html")]) == 2
    assert main(["replay", str(tmp_path), str(tmp_path / "a.html")]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 2
    assert "log.jsonl" in errors[1]
    assert not (tmp_path / "a.html").exists()


def test_a_run_without_a_step_is_refused():
    with pytest.raises(UserError, match="no step"):
        open_run([{"kind": "start", "settings": {}}])


def test_all_recorded_logs_can_be_opened():
    for path in sorted(recorded.RUNS.glob("*_pictures_*.jsonl")):
        assert open_run(path.stem).end == "epochs"


def test_a_branch_keeps_its_first_future_and_what_was_found_in_it(tmp_path, make_session):
    session = make_session(keep_every=5)
    session.run(12)
    session.detect()
    session.branch(6)
    session.trainer.control.set(lr=0.02)
    session.run(3)
    run = embedded(replay.export(session, tmp_path / "run.html"))
    assert run["steps"]["step"] == list(range(9))
    assert run["ghosts"][0]["steps"]["step"] == list(range(12))
    assert run["ghosts"][0]["looks"]
    assert run["marks"][-1]["label"] == "rate 0.02"


@pytest.fixture(scope="module")
def acts():
    content = recorded_acts().decode().split('id="run">', 1)[1].split("</script>", 1)[0]
    return {act["key"]: act for act in json.loads(content)["acts"]}


def test_the_recorded_acts_are_those_of_the_demo(acts):
    assert list(acts) == [key for key in ACTS if key != "g"]
    for key, act in acts.items():
        assert (act["title"], act["question"]) == (ACTS[key].name, ACTS[key].question)
        assert len(act["pictures"]) == len(act["truth"]) == 2
        assert act["first"] < act["steps"]["step"][-1] - 30
        assert len(act["looks"]) > 10


def test_the_recorded_acts_keep_the_divergence_with_its_cause_and_the_first_future(acts):
    alarms = [mark["label"] for mark in acts["1"]["marks"] if mark["alarm"]]
    assert any(label.startswith("diverged: rate 0.7") for label in alarms)
    assert acts["1"]["steps"]["lr"][-20:] == [0.007] * 20  # lowered again
    assert acts["1"]["scores"]["map50"][-1] == 0  # for long enough to see that it repairs nothing
    grey, calm = acts["2"]["ghosts"][-1], acts["2"]
    assert max(grey["steps"]["lr"]) == 0.7
    fork = next(place for place, lr in enumerate(calm["steps"]["lr"]) if lr == 0.0007)
    assert calm["steps"]["box"][:fork] == grey["steps"]["box"][:fork]
    assert max(calm["steps"]["cls"][fork:]) < max(grey["steps"]["cls"][fork:])


def test_in_the_recorded_acts_nothing_leaps_that_nobody_moved(acts):
    for act in (acts[key] for key in acts if key != "1"):  # × 100 leaps as it will
        raw = [sum(losses) for losses in zip(*(act["steps"][name] for name in ("box", "cls", "dfl")), strict=True)]
        moved = [mark["step"] for mark in act["marks"]]
        for step in range(9, len(raw) - 9):
            if not any(step - 9 < mark < step + 9 for mark in moved):
                assert fmean(raw[step : step + 9]) < 1.2 * fmean(raw[step - 9 : step]), (act["key"], step)


def test_in_the_recorded_acts_each_missing_loss_costs_what_its_name_says(acts):
    good = acts["0"]["scores"]["map50"]
    assert acts["4"]["scores"]["map50"][-1] > 0.6  # DFL teaches the edges alone
    assert acts["5"]["scores"]["map50"][-1] < 0.4 < good[-1]
    assert acts["6"]["scores"]["map50"][-1] < 0.3
    assert sum(map(len, acts["6"]["looks"][-1][1])) == 0


# A stranger's run


def foreign_log(tmp_path, **settings):
    step = {"kind": "step", "step": 0, "epoch": 0, "total": 1.0, "box": 1.0, "cls": 1.0, "dfl": 1.0, "lr": 0.1}
    lines = [{"kind": "start", "settings": {"data": "shapes", "image_size": 64} | settings}, step]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "run"


def test_a_folder_that_a_stranger_names_is_not_looked_into_unless_asked(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(
        "teachkit.watch.replay.recording.load_data", lambda source, *_, **__: looked.append(source) or 1 / 0
    )
    run = foreign_log(tmp_path, data="/usr")
    with pytest.warns(UserWarning, match="no pictures, for /usr is not in our data folder: give --data"):
        replay.export(run, tmp_path / "run.html")
    assert not looked
    with pytest.raises(ZeroDivisionError):
        replay.export(run, tmp_path / "run.html", data="/usr")
    assert looked == ["/usr"]


@pytest.mark.parametrize("size", [4096, [4096, 64], "large", {"a": 1}, -5])
def test_scenes_of_a_size_that_takes_minutes_are_not_drawn(tmp_path, size):
    page = replay.export(foreign_log(tmp_path, image_size=size), tmp_path / "run.html")
    assert embedded(page)["pictures"] == []


def test_a_log_that_is_a_pipe_keeps_nobody_waiting(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "log.jsonl")
    assert main(["replay", str(tmp_path / "run"), str(tmp_path / "out.html")]) == 2
    assert "log.jsonl is no file" in capsys.readouterr().err


def test_a_file_of_others_is_met_before_the_work(tmp_path):
    (tmp_path / "page.html").write_text("a page of mine")
    with pytest.raises(UserError, match=r"page\.html: is there already and is not an untouched replay of teachkit's"):
        replay.export("a run that is nowhere", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "a page of mine"
