"""Several ranks, started by torchrun: they learn what one process learns, and end together."""

import json
import random
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn
from torch.distributed import run

from teachkit.__main__ import main
from teachkit.errors import UserError
from teachkit.feed.formats.write import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn import ranks as ranks_module
from teachkit.learn.batch_norm import SharedBatchNorm, use_whole_batch
from teachkit.learn.control import Asked, Rate
from teachkit.learn.ranks import ALONE, Failure, LostRankError, Ranks
from teachkit.learn.validation import own_batches
from teachkit.structures import share_of
from tests import forked
from tests.learn import several
from tests.learn.tiny import make_batches

ROOT = Path(__file__).resolve().parent.parent.parent
TORCHRUN = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]

# What each rank runs that torchrun has forked: started, it would not have torchrun's way with signals.
RANK = """
import signal, sys
from teachkit.__main__ import main
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""
# torchrun with its command line, of which each rank is forked where torch is loaded already
COMMAND = """
import sys, warnings
from torch.distributed import run
warnings.simplefilter("default")
run.main(sys.argv[1:])
"""
# torchrun without its command line: its ranks are forked where torch is loaded already
AGENT = """
import os, sys, warnings
os.environ["OMP_NUM_THREADS"] = "1"
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
def rank(*places):
    warnings.simplefilter("default")
    sys.argv[1:] = places
    from tests.learn import several
    several.main()
where = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "run_id": str(os.getpid())}
config = LaunchConfig(1, 1, 3, start_method="fork", max_restarts=0, **where)
elastic_launch(config, rank)(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven pictures in batches of four; two to validate."""
    folder, settings = tmp_path_factory.mktemp("data") / "seven", SceneSettings(image_size=64, objects=(1, 2))
    splits = {split: make_scenes(count, 0, settings, split=split) for split, count in (("train", 7), ("val", 2))}
    write_folder(splits, folder, "yolo")
    return folder


@pytest.fixture(scope="module")
def results(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What three ranks leave, see there."""
    results = tmp_path_factory.mktemp("ranks")
    ended = forked.python(AGENT, results, folder, timeout=240)
    assert (results / "3.json").exists(), ended.stderr
    assert ended.returncode != 0
    return results


@pytest.fixture(scope="module")
def found(results: Path) -> dict[int, dict[str, Any]]:
    """What two and then three ranks have found; the three go on from the state of the two."""
    return {ranks: json.loads((results / f"{ranks}.json").read_text()) for ranks in (2, 3)}


@pytest.fixture(params=[2, 3])
def ranks(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_they_learn_in_twenty_steps_what_one_process_learns_from_whole_batches(found, ranks):
    alone, shared = several.whole_batch(ranks), found[ranks]["whole_batch"]
    for one, other in zip(alone["steps"], shared["steps"], strict=True):
        assert other == pytest.approx(one, rel=1e-5)
    assert shared["weights"] == pytest.approx(alone["weights"], rel=1e-5)


def test_a_shared_batch_norm_is_torchs_on_the_whole_batch(found, ranks):
    differences = found[ranks]["batch_norm"]
    assert max(max(exact) for exact, _ in differences) < 1e-10
    assert max(max(in_half) for _, in_half in differences) < 0.03  # two of bfloat16's steps at 2 to 4
    assert len(differences) == ranks


def test_each_picture_of_an_uneven_batch_is_read_by_one_rank(found, ranks):
    whole, batches = several.scenes(), zip(*found[ranks]["uneven"]["seen"], strict=True)
    for place, batch in enumerate(batches):
        assert [name for share in batch for name in share] == whole.batch(place // 2, place % 2).names


def test_uneven_batches_with_augmentation_are_learned_as_by_one_process(found, ranks):
    data, validation = several.scenes(), several.scenes(5, 2, "val")
    one = several.trainer(data, validation_data=validation, lr=5e-4)
    totals = [one.step()["total"] for _ in range(4)]
    assert found[ranks]["uneven"]["steps"] == pytest.approx(totals, rel=1e-5)
    assert found[ranks]["uneven"]["validation"] == pytest.approx(one.validate(), rel=1e-4, abs=1e-6)


def test_a_rank_without_a_picture_takes_the_step_all_the_same(found, ranks):
    one = several.trainer(several.scenes(5, 4))
    found_here = found[ranks]["fewer_than_ranks"]
    assert found_here["True"]["totals"] == pytest.approx([one.step()["total"] for _ in range(4)], rel=1e-4)
    first, *others = found_here["True"]["weights"]
    assert all(other == first for other in others)
    assert all(0 < total < 100 for total in found_here["False"]["totals"])  # NaN is neither


@pytest.mark.parametrize("where", ["picture", "loss"])
def test_a_step_that_is_not_finite_on_one_rank_is_skipped_by_all(found, ranks, where):
    results = found[ranks]["not_finite_on_one"][where]
    assert [one[:2] for one in results["skipped"]] == [[True, 0]] * ranks
    assert all(one[2] == results["skipped"][0][2] for one in results["skipped"])
    (event,) = results["events"]
    assert len(event["names"]) == 6  # of the whole batch
    first, *others = results["records"]
    assert first > 0
    assert others == [0] * (ranks - 1)


def test_rank_0_alone_is_controlled_and_all_follow(found, ranks):
    results = found[ranks]["control"]
    assert results["told"] == [[0.0123, {"box": 3.0, "cls": 0.5, "dfl": 9.0}, "interrupted", 9]] * ranks
    assert results["events"] == ["lr", "weights", "paused", "continued", "weights"]
    assert [step["lr"] == 0.0123 for step in results["steps"]] == [False] * 3 + [True] * 6


def test_a_stop_of_any_rank_stops_all(found, ranks):
    assert found[ranks]["stop_of_another"] == [["interrupted", 0]] * ranks


def test_another_number_of_ranks_goes_on_from_a_state_and_says_what_differs(found, tmp_path):
    first, second = found[2]["resumed"], found[3]["resumed"]
    assert (first["step"], second["step"]) == (0, 3)
    assert first["warnings"] == []
    assert second["warnings"] == ["the state was made with 2 rank(s), now 3: results may differ in the last digits"]
    assert second["saves"] == [True, False, False]
    alone = several.trainer(several.scenes(), lr=5e-4)
    totals = [alone.step()["total"] for _ in range(6)]
    assert [*first["totals"], *second["totals"]] == pytest.approx(totals, rel=1e-4)


def test_ranks_with_other_pictures_are_told_apart_in_a_sentence(found, ranks):
    assert found[ranks]["other_data"] == (
        "rank 1 and rank 0 differ in the training pictures, labels or batch size: give all ranks the same"
    )


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({"version of torch": "2.11.0"}, r"the version of torch \(2\.11\.0 and .+\): give all ranks the same"),
        ({"code of teachkit": "0" * 64}, "the code of teachkit: give all ranks the same"),
    ],
)
def test_ranks_of_other_versions_are_told_apart_in_a_sentence(monkeypatch, differing, told):
    """As if the second of two had answered so: no machine here has two versions."""
    ranks = Ranks.__new__(Ranks)
    ranks.rank, ranks.count = 0, 2
    monkeypatch.setattr(ranks, "gathered", lambda own: [own, {**own, **differing}])
    with pytest.raises(UserError, match=f"^rank 1 and rank 0 differ in {told}"):
        ranks.compare({"model": [1]})
    monkeypatch.setattr(ranks, "gathered", lambda own: [own, dict(own)])
    ranks.compare({"model": [1]})


@pytest.mark.parametrize("words", [["train"], ["train", "--lr", "much"], ["train", "--data", "shapes", "--box"]])
def test_a_typing_mistake_is_told_by_one_of_the_ranks(monkeypatch, capsys, words):
    """The others leave it time: torchrun ends all with the first."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    waited: list[float] = []
    monkeypatch.setattr("teachkit.__main__.time.sleep", waited.append)
    lines = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
        assert code == 2
        lines += capsys.readouterr().err.splitlines()
        assert len(waited) == int(rank)
    assert len(lines) == 1
    assert waited[0] > 10


# the command, and ranks that are killed


def lines_of(log: Path) -> list[dict[str, Any]]:
    return (
        [json.loads(line) for line in log.read_text().splitlines(True) if line.endswith("\n")] if log.exists() else []
    )


def writes(process: psutil.Process, log: Path) -> bool:
    """As rank 0 alone does."""
    return str(log) in {file.path for file in process.open_files()}


def kill_at(process: Any, log: Path, step: int, rank: int) -> float:
    end = time.monotonic() + 60
    while sum(one["kind"] == "step" for one in lines_of(log)) <= step:
        assert process.exitcode is None
        assert time.monotonic() < end
        time.sleep(0.01)
    by_rank = sorted(psutil.Process(process.pid).children(), key=lambda one: not writes(one, log))
    assert [writes(one, log) for one in by_rank] == [True, False]
    by_rank[rank].kill()
    return time.monotonic()


def test_torchrun_starts_each_rank_as_one_process_is_started() -> None:
    asked = run.parse_args([*TORCHRUN, "-m", "--", "teachkit", "train", "--data", "shapes"])
    _, program, words = run.config_from_args(asked)
    assert [program, *words] == [sys.executable, "-u", "-m", "teachkit", "train", "--data", "shapes"]


def test_killed_ranks_end_all_and_the_next_start_loses_nothing(folder, tmp_path, capsys):
    """Any of them at any step. torchrun starts them anew once; when it gives up, one process goes on."""
    log, save = tmp_path / "log.jsonl", tmp_path / "run"
    options = ["--data", folder, "--epochs", 10, "--batch-size", 6, "--lr", 1e-4, "--log", log, "--save", save]
    (tmp_path / "rank.py").write_text(RANK)
    forks = ["--start-method", "fork", "--run-path", "--", tmp_path / "rank.py"]
    process = forked.begun(COMMAND, *TORCHRUN, *forks, "train", *options, err=tmp_path / "err")
    kill_at(process, log, random.randint(2, 5), random.randint(0, 1))
    began = kill_at(process, log, 10, 1)
    forked.end(process, 60)
    err = (tmp_path / "err").read_text()
    assert time.monotonic() - began < 30
    assert process.exitcode != 0
    assert "exitcode: -9" in err
    assert "another of the 2 ranks is gone" in err
    assert "Signal 9 (SIGKILL)" in err
    done = max(one["step"] for one in lines_of(log) if one["kind"] == "step")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["train", "--resume", str(save), "--log", str(log)]) == 0
    assert "made with 2 rank(s), now 1" in capsys.readouterr().err
    records = lines_of(log)
    assert [one["step"] for one in records if one["kind"] == "step"] == list(range(20))
    assert [one["epoch"] for one in records if one["kind"] == "epoch"] == list(range(10))
    again, alone = (one for one in records if one["kind"] == "event")
    assert (again["what"], alone["what"]) == ("resumed", "resumed")
    assert again["step"] < 10
    assert alone["step"] == done + 1
    assert records[-1]["kind"] == "end"


def test_more_ranks_than_pictures_in_a_batch_is_one_line(found, ranks):
    wording = f"{ranks} ranks share 7 pictures in batches of 1: start at most 1, or take larger batches"
    assert found[ranks]["more_ranks_than_pictures"] == f"python -m teachkit train: {wording}\n"


def test_rank_0_alone_opens_logs_and_no_rank_ends_before_it_has_drawn(results):
    """torchrun ends all of them with the first whose exit code is not 0, as that of a goal that is missed."""
    assert lines_of(results / "end.jsonl")[-1]["reason"] == "epochs"
    assert (results / "left before").read_text() == "0"


# one process


def test_alone_nothing_is_sent():
    assert (ALONE.share, ALONE.first) == ((0, 1), True)
    value = torch.ones(2)
    assert ALONE.sum(value) is value
    assert ALONE.mean(value) is value
    assert ALONE.told(3) == 3
    assert ALONE.collected(3) == ALONE.gathered(3) == [3]
    assert ALONE.together(lambda: 4) == ALONE.of_first(lambda: 4) == 4
    model = torch.nn.Linear(1, 1)
    assert ALONE.ready(model) is model
    with pytest.raises(UserError, match="no such thing"):
        ALONE.gathered(Failure("no such thing"))


def test_a_step_in_which_a_rank_is_lost_is_still_to_come(make_trainer, monkeypatch):
    whole, broken = make_trainer(), make_trainer()
    lost: list[int] = []

    @contextmanager
    def losing(_: Any) -> Iterator[None]:
        if broken.step_number == 2 and not lost:
            lost.append(2)
            raise LostRankError("another of the 2 ranks is gone")
        yield

    monkeypatch.setattr(broken.ranks, "sharing", losing)
    assert broken.fit(1)["reason"] == "interrupted"
    assert broken.step_number == 2
    (event,) = broken.events()
    assert event["message"] == "another of the 2 ranks is gone: nothing of step 2 was learned"
    assert broken.fit()["reason"] == "epochs"
    whole.fit(1)
    assert [one["total"] for one in broken.of("step")] == [one["total"] for one in whole.of("step")]


class SaysItIsOnAGpu(nn.Parameter):
    is_cuda = True


@pytest.mark.parametrize(("parameter", "kind"), [(SaysItIsOnAGpu, nn.SyncBatchNorm), (nn.Parameter, SharedBatchNorm)])
def test_a_shared_batch_norm_is_torchs_own_on_gpus_alone_for_it_refuses_cpus(parameter, kind):
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4, momentum=0.3))
    model[0].weight = parameter(model[0].weight.detach())
    norm = model[1]
    use_whole_batch(model, True)
    assert type(model[1]) is kind
    assert (model[1].momentum, model[1].weight) == (0.3, norm.weight)
    assert model[1].running_mean is norm.running_mean
    use_whole_batch(model, True)  # once more changes nothing
    assert type(model[1]) is kind


@pytest.mark.parametrize("ranks", [None, "1", ""])
def test_a_single_process_does_not_even_look_for_others(monkeypatch, ranks):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if ranks is not None:
        monkeypatch.setenv("WORLD_SIZE", ranks)
    assert Ranks().count == 1
    assert not torch.distributed.is_initialized()


def test_a_rank_that_was_not_started_by_torchrun_is_told_how(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(UserError, match=r"rank 1 of 2.*MASTER_ADDR.*torchrun"):
        Ranks()


def test_ranks_that_never_come_are_waited_for_less_than_half_a_minute(monkeypatch):
    assert ranks_module.ALL_THERE < 30
    monkeypatch.setattr(ranks_module, "ALL_THERE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for name, value in {"WORLD_SIZE": 2, "RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(UserError, match=r"this is rank 0 of 2, but it cannot reach the others .*1/2 clients joined"):
        Ranks()


@pytest.mark.parametrize(("count", "ranks"), [(8, 2), (7, 2), (7, 3), (1, 3), (2, 5), (0, 2)])
def test_every_picture_is_one_ranks_and_shares_differ_by_one_at_most(count, ranks):
    shares = [list(range(count))[share_of(count, (rank, ranks))] for rank in range(ranks)]
    assert [place for share in shares for place in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("data", [several.scenes(9, 2, "val"), make_batches(5)], ids=["a loader", "a list"])
def test_every_batch_of_the_validation_is_measured_by_one_rank(count, data):
    read = []
    for rank in range(count):
        ranks = Ranks.__new__(Ranks)
        ranks.rank, ranks.count = rank, count
        read += [(number, batch.names) for number, batch in own_batches(data, ranks)]
    assert sorted(read) == [(number, batch.names) for number, batch in enumerate(data, start=1)]


@pytest.mark.parametrize("lr", [None, 0.25])
@pytest.mark.parametrize("weights", [{}, {"box": 1.0, "cls": 0.1, "dfl": 7.7}])
def test_what_is_asked_for_comes_through_as_numbers(lr, weights):
    asked = Asked(Rate(1e-7, "steps", lr), weights, paused=True, stopped=False)
    assert Asked.from_numbers(asked.as_numbers()) == asked
