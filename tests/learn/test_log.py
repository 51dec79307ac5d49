"""The log is whole lines of JSON at any moment, whatever happens to the disk or the process."""

import json
import math
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from teachkit.errors import UserError
from teachkit.learn.checkpoint import load_run
from teachkit.learn.log import LogWriter, as_json, cut_log, read_log, refuse_other_log
from tests.learn.tiny import make_batches, without_times

RECORDS = [
    {"kind": "start", "settings": {"schedule": "cosine", "weights": {}, "batches": 2}, "seconds": 0.5},
    {"kind": "step", "step": 0, "epoch": 0, "box": 0.5},
    {"kind": "event", "step": 1, "what": "skipped", "names": ["Ünïcode.png"]},
    {"kind": "step", "step": 1, "epoch": 0, "box": math.nan},
    {"kind": "epoch", "epoch": 0, "map50": math.nan},
]


UNFIT = [
    "[" * 100_000,
    '{"kind": "step", "epoch": 0}',
    '{"kind": "step", "step": "a"}',
    '{"kind": "epoch", "epoch": null}',
    '{"kind": "event", "step": 3}',
    '{"kind": "start", "settings": 3}',
    '{"kind": "look", "step": 3}',
    '{"kind": ["step"]}',
]


def test_each_record_is_a_line_that_can_be_read_at_once(tmp_path):
    with LogWriter(tmp_path / "deep" / "log.jsonl") as log:
        for count, record in enumerate(RECORDS, start=1):
            log.write(record)
            assert len((tmp_path / "deep" / "log.jsonl").read_text(encoding="utf-8").splitlines()) == count


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_is_no_number_becomes_null_and_valid_json(tmp_path, value):
    with LogWriter(tmp_path / "log") as log:
        log.write({"kind": "step", "box": value, "weights": {"box": value}, "list": [value, 1.5]})

    def refuse(constant):
        raise AssertionError(constant)

    line = json.loads((tmp_path / "log").read_text(), parse_constant=refuse)
    assert line == {"kind": "step", "box": None, "weights": {"box": None}, "list": [None, 1.5]}


def test_not_a_number_becomes_none_at_any_depth():
    assert as_json({"a": [1.0, float("nan")], "b": (float("inf"), {"c": -float("inf")}), "d": "nan"}) == {
        "a": [1.0, None], "b": [None, {"c": None}], "d": "nan",
    }  # fmt: skip


def test_a_record_comes_back_as_it_was(tmp_path):
    with LogWriter(tmp_path / "log") as log:
        for record in RECORDS[:3]:
            log.write(record)
    assert read_log(tmp_path / "log") == RECORDS[:3]


def test_a_log_may_be_begun_anew_or_gone_on_with(tmp_path):
    for append, count in ((False, 1), (True, 2), (False, 1)):
        with LogWriter(tmp_path / "log", append) as log:
            log.write(RECORDS[0])
        assert len(read_log(tmp_path / "log")) == count


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_last_line_that_a_crash_cut_off_is_left_out(tmp_path, cut):
    with LogWriter(tmp_path / "log") as log:
        for record in RECORDS[:3]:
            log.write(record)
    data = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(data[:-cut])
    assert read_log(tmp_path / "log") == RECORDS[:2]
    with LogWriter(tmp_path / "log", append=True) as log:
        log.write(RECORDS[2])
    assert read_log(tmp_path / "log") == RECORDS[:3]


@pytest.mark.parametrize("line", ["{", "[1]", "null", '{"step": 3}', "step 3", *UNFIT])
def test_a_line_that_is_no_record_is_named_with_its_number(tmp_path, line):
    (tmp_path / "log").write_text(f'{{"kind": "start"}}\n{line}\n{{"kind": "end"}}\n')
    with pytest.raises(UserError, match="log:2: not a record"):
        read_log(tmp_path / "log")


def test_a_place_that_cannot_be_written_is_refused_before_the_training(tmp_path):
    with pytest.raises(UserError, match="no log of a training: name another file"):
        LogWriter(tmp_path)


def test_on_a_full_disk_training_goes_on_and_it_is_said_once_and_at_the_end(monkeypatch):
    monkeypatch.setattr("teachkit.learn.log.PATIENCE", 0.1)
    log = LogWriter("/dev/full")
    with pytest.warns(UserWarning, match="disk full, /dev/full needs 0.1 MB"):
        log.write(RECORDS[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.write(RECORDS[1])
    with pytest.warns(UserWarning, match="/dev/full: its last 2 lines found no room, or no reader, and are lost"):
        log.close()


@pytest.mark.parametrize("room", [0, 1, 20, 45])
def test_what_found_no_room_is_written_later_and_no_line_is_torn(tmp_path, monkeypatch, room):
    class Full:
        """A raw file on a disk with room for so many more bytes."""

        def __init__(self, file):
            self.file, self.room = file, room

        def write(self, data):
            if self.room == 0:
                raise OSError(28, os.strerror(28))
            data = bytes(data)[: self.room]
            self.room -= len(data)
            return self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

    with LogWriter(tmp_path / "log") as log:
        log.write(RECORDS[0])
        real, log._file = log._file, Full(log._file)
        with pytest.warns(UserWarning, match="disk full"):
            log.write(RECORDS[1])
        assert read_log(tmp_path / "log") == RECORDS[:1]
        assert (tmp_path / "log").read_bytes().endswith(b"\n")
        log._file = real
        log.write(RECORDS[2])
    assert read_log(tmp_path / "log") == RECORDS[:3]


@pytest.mark.parametrize("stop_at", [3, 4, 6, 8])
def test_cut_back_to_a_state_and_gone_on_with_the_log_is_that_of_one_run(make_trainer, tmp_path, stop_at):
    """The interrupted run logs further than it saves, as one that is killed does."""
    data, validation = make_batches(4), make_batches(1, seed=1)

    def logged(path, append=False):
        log = LogWriter(path, append)
        return log, {"epochs": 3, "on_record": log.write}

    log, settings = logged(tmp_path / "whole")
    whole = make_trainer(data, validation, **settings)
    whole.control.set(box=3)
    whole.fit()
    log.close()

    log, settings = logged(tmp_path / "log")
    cut = make_trainer(data, validation, save_dir=tmp_path / "run", **settings)
    cut.control.set(box=3)
    cut.on_record = lambda record: (log.write(record), cut.control.stop() if cut.step_number == stop_at else None)
    cut.fit()
    cut.saver, cut.on_record = None, log.write
    cut.step(), cut.step()
    log.close()

    state = load_run(tmp_path / "run").state
    cut_log(tmp_path / "log", state["progress"]["step"], state["progress"]["closed_epochs"])
    log, settings = logged(tmp_path / "log", append=True)
    again = make_trainer(data, validation, **settings)
    again.load_state_dict(state)
    again.fit()
    log.close()
    assert without_times(read_log(tmp_path / "log")) == without_times(read_log(tmp_path / "whole"))


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_a_number_that_json_does_not_have_becomes_null_where_a_log_is_cut(tmp_path, value):
    (tmp_path / "log").write_text(f'{{"kind": "step", "step": 0, "lr": {value}}}\n{{"kind": "step", "step": 1}}\n')
    cut_log(tmp_path / "log", 1, 0)
    assert (tmp_path / "log").read_text() == '{"kind": "step", "step": 0, "lr": null}\n'


def test_cutting_is_all_or_nothing(tmp_path, monkeypatch):
    with LogWriter(tmp_path / "log") as log:
        for record in RECORDS:
            log.write(record)
    before = (tmp_path / "log").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("teachkit.files.os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        cut_log(Path(tmp_path / "log"), 1, 0)
    assert (tmp_path / "log").read_bytes() == before


OTHERS = [
    b"0 0.5 0.5 0.1 0.1\n",
    b'{"kind": "video", "step": 3}\n',
    b'{"kind": "start", "settings": {"fps": 25}, "seconds": 1.5}\n',
    b'{"kind": "step", "step": 3, "total": 0.5, "seconds": 2}\n',
    b'{"kind": "epoch", "epoch": 3, "map50": 0.5}\n',
    b'{"kind": "event", "step": 3, "what": "a click", "message": "here"}\n',
    b'{"kind": "end", "reason": "bored"}\n',
    b'{"loss": 0.3}\n',
    b'{"kind": "start"',
    b"PK\x03\x04" + bytes(range(256)),
    b"[" * 100_000 + b"\n",
    b"\n",
]


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("content", OTHERS)
def test_a_file_that_is_no_log_is_never_written_to(tmp_path, content, append):
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("file", "link"):
        with pytest.raises(UserError, match=f"{name}: is there already and is no log of a training"):
            LogWriter(tmp_path / name, append)
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize(("name", "taken"), [("0001.txt", False), ("classes", False), ("run.jsonl", True)])
def test_an_empty_file_becomes_a_log_only_if_it_is_called_as_one(name, taken, tmp_path):
    (tmp_path / name).touch()
    if taken:
        with LogWriter(tmp_path / name) as log:
            log.write(RECORDS[0])
        assert read_log(tmp_path / name) == RECORDS[:1]
    else:
        with pytest.raises(UserError, match="is no log of a training"):
            LogWriter(tmp_path / name)


def test_a_log_is_flushed_to_the_disk_when_a_state_will_count_on_it(tmp_path, monkeypatch):
    flushed = []
    with LogWriter(tmp_path / "log") as log:
        log.write(RECORDS[0])
        monkeypatch.setattr("teachkit.learn.log.os.fsync", flushed.append)
        log.sync()
        assert flushed[0] == log._file.fileno()
    with LogWriter("/dev/null") as log:
        monkeypatch.undo()
        log.sync()


def test_a_log_that_cannot_be_flushed_is_told(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(5, os.strerror(5))

    with LogWriter(tmp_path / "log") as log:
        monkeypatch.setattr("teachkit.learn.log.os.fsync", fail)
        with pytest.warns(UserWarning, match="Input/output error"):
            log.sync()


def test_two_trainings_never_write_one_log(tmp_path):
    with LogWriter(tmp_path / "log") as log:
        for record in RECORDS:
            log.write(record)
        for take in (LogWriter, refuse_other_log):
            with pytest.raises(UserError, match="log: another training writes this log: name another file"):
                take(tmp_path / "log")
    assert read_log(tmp_path / "log")[0] == RECORDS[0]
    refuse_other_log(tmp_path / "log")


def test_of_lines_that_nobody_takes_the_oldest_are_lost_and_the_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("teachkit.learn.log.MOST_WAITING", 2000)
    records = [{"kind": "step", "step": step, "seconds": 1.0} for step in range(500)]

    def fail(_):
        raise OSError(28, os.strerror(28))

    with LogWriter(tmp_path / "log") as log, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with monkeypatch.context() as patch:
            patch.setattr(LogWriter, "_write_waiting", fail)
            for record in records[:-1]:
                log.write(record)
                assert len(log._waiting) <= 2000
        log.write(records[-1])
    kept = read_log(tmp_path / "log")
    assert [record["step"] for record in (kept[0], *kept[-10:])] == [0, *range(490, 500)]
    losses = [re.search(r"log: (\d+) lines that nobody took are lost", str(one.message)) for one in told]
    assert sum(int(one[1]) for one in losses if one) == len(records) - len(kept) > 400
