"""The harness: it times by its own clock, and never calls a missing side a result."""

import json
import sys
import time

import pytest

from benchmarks import bench_bccd, bench_gpu, bench_scale, bench_shapes
from benchmarks.runs import DidNotRunError, Tail, read_log, report, run, running, seconds_until, summary, verdict

PERIOD, LIMIT = 0.05, 0.6  # s
WRITER = f"""
import json, sys, time
for epoch in range(3):
    time.sleep({PERIOD})
    with open(sys.argv[1], "a") as log:
        log.write(json.dumps({{"kind": "epoch", "epoch": epoch, "map50": epoch / 2 or None}}) + "\\n")
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


def writer(log, stays=0, code=0):
    """Writes an epoch record every `PERIOD`: mAP50 undefined, 0.5, 1."""
    return [sys.executable, "-S", "-c", WRITER, log, stays, code]


def test_the_time_is_taken_at_the_first_record_that_reaches_the_goal(tmp_path):
    log = tmp_path / "log.jsonl"
    seconds = seconds_until(bench_shapes.reaches(0.5), writer(log, stays=60), log, tmp_path / "out.txt", limit=30)
    assert 2 * PERIOD < seconds < 10
    assert len(read_log(log, "epoch")) <= 3


def test_a_process_that_ends_before_the_goal_is_no_result(tmp_path):
    log = tmp_path / "log.jsonl"
    with pytest.raises(DidNotRunError, match="ended before the goal; nothing printed"):
        seconds_until(bench_shapes.reaches(1.1), writer(log), log, tmp_path / "out.txt", limit=30)


def test_a_goal_in_the_last_line_before_the_end_is_not_lost(tmp_path):
    log = tmp_path / "log.jsonl"
    assert seconds_until(bench_shapes.reaches(1.0), writer(log), log, tmp_path / "out.txt", limit=30) > 3 * PERIOD


def test_a_process_that_takes_too_long_is_ended_and_is_no_result(tmp_path):
    log, began = tmp_path / "log.jsonl", time.monotonic()
    with pytest.raises(DidNotRunError, match="not reached in 1 s"):
        seconds_until(bench_shapes.reaches(1.1), writer(log, stays=60), log, tmp_path / "out.txt", limit=LIMIT)
    with pytest.raises(DidNotRunError, match="no end after 1 s"):
        run(writer(log, stays=60), tmp_path / "out.txt", limit=LIMIT)
    assert time.monotonic() - began < 15


def test_a_failing_process_is_no_result_and_its_last_words_are_told(tmp_path):
    with pytest.raises(DidNotRunError, match="exit code 4; it broke; see "):
        run([sys.executable, "-S", "-c", "print('it broke'); raise SystemExit(4)"], tmp_path / "out.txt", limit=30)


def test_a_process_is_ended_with_the_block_and_chooses_its_own_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    show = "import os, time; print(os.environ.get('OMP_NUM_THREADS'), os.environ['EXTRA'], flush=True); time.sleep(60)"
    with running([sys.executable, "-S", "-c", show], tmp_path / "out.txt", EXTRA="more") as process:
        while not (tmp_path / "out.txt").read_text():
            assert process.poll() is None
    assert process.returncode not in (None, 0)
    assert (tmp_path / "out.txt").read_text() == "None more\n"


def test_a_line_still_being_written_is_read_once_it_is_whole(tmp_path):
    log = tmp_path / "log.jsonl"
    tail = Tail(log)
    assert tail.new() == []
    first, second = json.dumps({"kind": "step"}), json.dumps({"kind": "epoch"})
    log.write_text(first + "\n" + second[:5])
    assert tail.new() == [{"kind": "step"}]
    log.write_text(first + "\n" + second + "\n")
    assert tail.new() == [{"kind": "epoch"}]
    assert tail.new() == []


def test_a_log_without_the_records_asked_for_is_no_result(tmp_path):
    with pytest.raises(DidNotRunError, match="holds no epoch record"):
        read_log(tmp_path / "none.jsonl", "epoch")


def test_the_exit_code_tells_met_missed_and_no_result_apart(capsys):
    assert report(lambda: verdict("as quick as said", True)) == 0
    assert report(lambda: verdict("as quick as said", False)) == 1
    assert capsys.readouterr().out == "met     as quick as said\nMISSED  as quick as said\n"

    def without_peer():
        raise DidNotRunError("the peer is not there")

    assert report(without_peer) == 3
    assert capsys.readouterr().err == "NO RESULT: the peer is not there\n"


def test_without_a_peer_there_is_no_result(monkeypatch, capsys):
    monkeypatch.delenv("PEER_PYTHON", raising=False)
    assert bench_shapes.main([]) == 3
    assert "PEER_PYTHON" in capsys.readouterr().err


def test_a_peer_that_does_not_start_or_has_no_ultralytics_is_no_result(tmp_path):
    with pytest.raises(DidNotRunError, match="does not start"):
        bench_shapes.peer(str(tmp_path / "no-python"), tmp_path, tmp_path, 0, 0.9)
    with pytest.raises(DidNotRunError, match="No module named 'ultralytics'"):
        bench_shapes.peer(sys.executable, tmp_path, tmp_path, 0, 0.9)


def test_without_the_photographs_there_is_no_result(tmp_path, capsys):
    assert bench_bccd.main(["--data", str(tmp_path)]) == 3
    assert "data get bccd" in capsys.readouterr().err


def test_a_summary_gives_the_median_and_the_range():
    assert summary([10.0, 9.5, 12.0]) == "10.0 s (9.5–12.0, 3 runs)"
    assert summary([146.0]) == "146.0 s (1 run)"


def test_without_a_gpu_there_is_no_result(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert bench_gpu.main([]) == 3
    assert capsys.readouterr().err == "NO RESULT: no CUDA GPU is here\n"


@pytest.mark.parametrize(("peer", "told"), [(None, "PEER_PYTHON names no Python"), ("no-python", "does not start")])
def test_on_a_gpu_the_rest_is_measured_without_a_peer_and_the_reason_is_told(peer, told, tmp_path, capsys):
    assert bench_gpu.against_peer(peer, tmp_path) == {}
    assert f"criterion against the peer's: not measured, {'the peer' if peer else ''}" in (
        out := capsys.readouterr().out
    )
    assert told in out


def test_the_code_of_the_ranks_takes_less_than_a_hundredth_of_a_step():
    assert 0 < bench_scale.overhead_of_ranks(200) < bench_scale.OVERHEAD_TARGET
