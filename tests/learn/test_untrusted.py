"""Files of others: bounded before they are read, and what is in them checked for its types."""

import hashlib
import io
import json
import os
import zipfile

import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.checkpoint import CHECKSUM, load_model, load_run, pack, unpack
from teachkit.learn.log import read_log
from teachkit.untrusted import LARGEST_FILE, MOST_VALUES, check_plain, misfit, read_bounded
from tests.learn.tiny import make_batches


class Named(list):
    classes, image_size = ["ring", "disc", "square"], (32, 32)


@pytest.fixture
def run(make_trainer, tmp_path):
    make_trainer(Named(make_batches(1)), Named(make_batches(1)), save_dir=tmp_path / "run").fit(1)
    return tmp_path / "run"


def changed(run, tmp_path, change):
    """A folder with the last state of the run, changed and with the right checksum."""
    content = unpack((run / "last.pt").read_bytes(), run)
    change(content)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "last.pt").write_bytes(pack(content))
    return tmp_path / "other"


def test_a_pipe_a_folder_and_a_sparse_file_are_refused_before_they_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is no file"):
        read_bounded(tmp_path / "pipe", 10)
    with pytest.raises(OSError):  # noqa: PT011
        read_bounded(tmp_path, 10)
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(UserError, match="20,000 MB are more than is read"):
        read_bounded(tmp_path / "sparse", LARGEST_FILE)
    with pytest.raises(UserError, match="sparse: 20,000 MB"):
        read_log(tmp_path / "sparse")
    with pytest.raises(UserError, match="pipe is no file"):
        read_log(tmp_path / "pipe")
    (tmp_path / "sparse").rename(tmp_path / "last.pt")
    with pytest.raises(UserError, match="20,000 MB"):
        load_run(tmp_path)


def test_a_checkpoint_that_unpacks_to_more_than_it_holds_is_refused_before_that(run, tmp_path):
    packed = (run / "last.pt").read_bytes()
    bomb = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as sound, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as squeezed:
        for member in sound.infolist():
            squeezed.writestr(member.filename, sound.read(member) + bytes(10**5) * ("data/" in member.filename))
    archive = bomb.getvalue()
    (tmp_path / "last.pt").write_bytes(archive + CHECKSUM + hashlib.sha256(archive).hexdigest().encode())
    with pytest.raises(UserError, match="bytes that unpack to"):
        load_run(tmp_path)


def folded(levels):
    nest = [0] * 10
    for _ in range(levels):
        nest = [nest] * 10
    return nest


def cyclic():
    nest = []
    nest.append(nest)
    return nest


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(1).expand(10**9)},
        {"a": [torch.zeros(1000)] * 10**4},
        {"a": torch.zeros(2, 2).to_sparse()},
        {"a": torch.empty(10**6, device="meta")},
        folded(6),
        cyclic(),
        {(1, 2): 3},
        {"a": b"bytes"},
    ],
    ids=["expanded", "one many times", "sparse", "meta", "folded", "cyclic", "a key", "bytes"],
)
def test_what_stands_for_more_than_the_file_holds_is_refused(content):
    with pytest.raises(ValueError, match=r"."):
        check_plain(content, 1000)
    assert MOST_VALUES >= 10**6


@pytest.mark.parametrize("size", [[4096 * 4096, 32], [32], ["a", "b"], None, [True, True], [-1, 32]])
def test_a_picture_size_that_is_none_is_refused(run, tmp_path, size):
    other = changed(run, tmp_path, lambda content: content["rebuilds"].update(image_size=size))
    with pytest.raises(UserError, match="does not hold what is needed here"):
        load_run(other)


@pytest.mark.parametrize("change", [{"widths": [8, 8, 10**6]}, {"num_classes": 10**9}, {"neck": -1}, {"bins": 2.5}])
def test_a_model_that_would_fill_the_memory_is_not_built(run, tmp_path, change):
    other = changed(run, tmp_path, lambda content: content["rebuilds"]["model"].update(change))
    with pytest.raises(UserError, match="does not hold what is needed here"):
        load_model(other, "last", device="cpu")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("progress", "step", "3"),
        ("progress", "step", 10**30),
        ("progress", "started", "yes"),
        ("cursor", "epoch", [1]),
        ("control", "base", "fast"),
        ("train_step", "skips", "few"),
        ("trend", "past", 3),
        ("machine", "threads", "all"),
        ("machine", "threads", None),
        ("goal", "best", [1.0]),
        ("control", "lr", "fast"),
        ("progress", "first_step", None),
    ],
)
def test_a_state_with_a_value_of_another_type_is_refused_and_changes_nothing(make_trainer, part, name, value):
    trainer = make_trainer(make_batches(1))
    trainer.fit(1)
    state = trainer.state_dict()
    state[part][name] = value
    step = trainer.step_number
    with pytest.raises(UserError, match=f"{part}.{name} is"):
        trainer.load_state_dict(state)
    assert trainer.step_number == step
    trainer.fit(1)


UNFIT = {
    "a batch that no pass has": lambda state: state["cursor"].update(batch_index=1),
    "an epoch before the first": lambda state: state["cursor"].update(epoch=-1),
    "random numbers in part": lambda state: state["cursor"]["random"].pop("global"),
    "a weight too few": lambda state: state["train_step"]["in_force"]["weights"].pop("box"),
    "no threads": lambda state: state["machine"].update(threads=0),
    "a setting of the optimizer too few": lambda state: state["train_step"]["optimizer"]["state"]["param_groups"][
        1
    ].pop("betas"),
    "moments of another parameter": lambda state: state["train_step"]["optimizer"]["state"]["param_groups"][0][
        "params"
    ].__setitem__(1, 0),
    "moments of no parameter": lambda state: state["train_step"]["optimizer"]["state"]["state"].update(
        {-1: state["train_step"]["optimizer"]["state"]["state"][0]}
    ),
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_a_state_that_fails_only_at_the_next_step_is_refused_before_it(make_trainer, change):
    trainer = make_trainer(make_batches(1))
    trainer.fit(1)
    state = trainer.state_dict()
    change(state)
    with pytest.raises(UserError, match="this state is of another model"):
        trainer.load_state_dict(state)
    trainer.fit(1)


def test_what_a_later_version_has_more_is_named_and_left_out(make_trainer):
    trainer = make_trainer(make_batches(1))
    trainer.fit(1)
    state = trainer.state_dict()
    state["progress"]["mood"] = "good"
    with pytest.warns(UserWarning, match="by another version: left out: mood"):
        make_trainer(make_batches(1)).load_state_dict(state)


def test_types_are_compared_where_both_have_a_value():
    assert misfit({"a": 1, "b": [1.0, {"c": "x"}]}, {"a": 2, "b": [3, {"c": "y"}], "d": 4}) is None
    assert misfit({"a": 1}, {"a": None}) == "a is None"
    assert misfit({"best": 0.5, "lr": None}, {"best": None, "lr": 0.1}) is None
    assert misfit({"lr": None}, {"lr": "fast"}) == "lr is 'fast'"
    assert misfit({"weights": {"box": 1.0, "cls": 1.0}}, {"weights": {"box": 1.0}}) == "weights has no cls"
    assert misfit({"b": [1.0, {"c": "x"}]}, {"b": [3.0, {"c": 4}]}) == "b[1].c is 4"
    assert misfit({"a": True}, {"a": 1}) == "a is 1"


RECORDS = {
    "a step before 0": {"kind": "step", "step": -1, "epoch": 0},
    "a step of text": {"kind": "step", "step": "3", "epoch": 0},
    "a yes for a step": {"kind": "step", "step": True},
    "a loss of text": {"kind": "step", "step": 1, "box": "low"},
    "a huge number": {"kind": "step", "step": 1, "box": 10**400},
    "weights of text": {"kind": "step", "step": 1, "weights": {"box": "7"}},
    "a score of text": {"kind": "epoch", "epoch": 0, "map50": "good"},
    "an event without a step": {"kind": "event", "what": "spike"},
    "a rate without a schedule": {"kind": "event", "what": "lr", "step": 1, "lr": 0.1},
    "weights without those before": {"kind": "event", "what": "weights", "step": 1, "weights": {}},
    "a look with a text score": {"kind": "look", "step": 1, "found": [[[1, 2, 3, 4, 0, "high"]]]},
    "a look of short rows": {"kind": "look", "step": 1, "found": [[[1, 2]]]},
    "an end without a reason": {"kind": "end"},
    "settings of another type": {"kind": "start", "settings": {"data": 3}},
    "no kind": {"kind": ["step"]},
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_of_other_types_is_named_by_its_line(tmp_path, record):
    lines = [json.dumps(one) for one in ({"kind": "start", "settings": {}}, record)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"log.jsonl:2: not a record of a training log"):
        read_log(tmp_path / "log.jsonl")
