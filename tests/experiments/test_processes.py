"""Processes that rest between two sweeps: they come back, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from teachkit.experiments import processes
from teachkit.experiments.processes import Process
from teachkit.learn.interrupts import HeldInterrupt

PATIENCE = 20  # s


def number(process):
    return process.submit(os.getpid).result(PATIENCE)


def ends(pid):
    """Whether the process ends soon. One that has ended already is none to wait for."""
    try:
        psutil.Process(pid).wait(PATIENCE)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.fixture
def process(monkeypatch):
    """None rests but those of the test, and one may."""
    monkeypatch.setattr(processes, "_resting", type(processes._resting)())
    monkeypatch.setattr(processes, "usable_cores", lambda: 2)
    one = Process()
    yield one
    one.end()


def test_one_that_rests_is_taken_before_a_new_one_is_started_and_two_never_share_it(process):
    process.rest()
    assert Process.rested_or_new() is process
    other = Process.rested_or_new()
    assert other is not process
    other.end()


def test_ctrl_c_in_its_terminal_leaves_it_alive(process):
    os.kill(number(process), signal.SIGINT)
    assert number(process)


def held():
    with HeldInterrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
    return interrupt.received


def test_ctrl_c_in_the_midst_of_a_step_is_none_of_its_business(process):
    assert process.submit(held).result(PATIENCE) is False


def test_no_more_rest_than_there_are_other_cores(process):
    other = Process()
    pid = number(other)
    process.rest()
    other.rest()
    assert list(processes._resting) == [process]
    assert ends(pid)


def test_one_that_is_cancelled_at_rest_is_not_taken(process):
    process.rest()
    process.stop.set()
    other = Process.rested_or_new()
    assert other is not process
    other.end()


def test_one_that_was_killed_at_rest_is_replaced(process):
    pid = number(process)
    process.rest()
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)
    other = Process.rested_or_new()
    assert number(other) != pid
    other.end()


def test_after_a_while_without_work_it_ends(process, monkeypatch):
    monkeypatch.setattr(processes, "REST", 0.01)
    pid = number(process)
    process.rest()
    assert ends(pid)
    assert not processes._resting


def test_its_time_begins_anew_with_each_rest(process, monkeypatch):
    monkeypatch.setattr(processes, "REST", 0.2)
    process.rest()
    assert Process.rested_or_new() is process
    monkeypatch.setattr(processes, "REST", 60)
    process.rest()
    time.sleep(0.4)
    assert list(processes._resting) == [process]


def test_one_that_was_cancelled_ends_and_does_not_rest(process):
    pid = number(process)
    process.stop.set()
    assert process.submit(processes.cancelled).result(PATIENCE)
    process.rest()
    assert not processes._resting
    assert ends(pid)


def test_what_another_process_started_is_left_to_it(process, monkeypatch):
    process.rest()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other = Process.rested_or_new()
    assert other is not process
    other.end()


@pytest.mark.parametrize("number", [0, signal.SIGKILL])  # 0: it ends by itself, and waits for nobody's rest
def test_it_does_not_outlive_the_process_that_started_it(number):
    program = f"""if __name__ == "__main__":
        import os
        from teachkit.experiments.processes import Process
        process = Process()
        print(process.submit(os.getpid).result(), flush=True)
        process.rest()
        os.kill(os.getpid(), {int(number)})"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == -number
    assert number or ended.stderr == ""
    assert ends(int(ended.stdout))
