import threading
import time

import pytest

from teachkit.watch.cockpit.worker import Worker, stop_running


def counting(limit: float = float("inf")) -> tuple[Worker, list[int]]:
    done: list[int] = []

    def work() -> bool:
        time.sleep(0.001)
        done.append(threading.get_ident())
        return len(done) < limit

    return Worker(work), done


def wait_until(condition, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not come about in time"
        time.sleep(0.002)


def test_no_thread_exists_before_start():
    before = threading.active_count()
    worker, done = counting()
    assert threading.active_count() <= before
    assert not worker.alive
    assert done == []


def test_it_works_on_one_other_thread_until_there_is_nothing_left():
    worker, done = counting(5)
    worker.start()
    wait_until(lambda: not worker.alive)
    assert len(done) == 5
    assert set(done).isdisjoint({threading.get_ident()})
    assert len(set(done)) == 1


def test_stop_waits_for_the_work_at_hand():
    entered, finished = threading.Event(), threading.Event()

    def work() -> bool:
        entered.set()
        time.sleep(0.1)
        finished.set()
        return True

    worker = Worker(work)
    worker.start()
    entered.wait(5)
    worker.stop()
    assert finished.is_set()
    assert not worker.alive


def test_starting_twice_makes_no_second_thread():
    worker, _ = counting()
    worker.start()
    before = threading.active_count()
    worker.start()
    assert threading.active_count() <= before
    worker.stop()


def test_only_one_worker_runs_at_a_time():
    first, first_done = counting()
    second, second_done = counting()
    first.start()
    wait_until(lambda: first_done)
    second.start()
    assert not first.alive
    wait_until(lambda: second_done)
    second.stop()


def test_an_error_ends_the_thread_and_is_kept():
    ended = threading.Event()

    def work() -> bool:
        raise ArithmeticError("boom")

    worker = Worker(work, ended=ended.set)
    worker.start()
    assert ended.wait(5)
    worker.join()
    assert str(worker.error) == "boom"
    worker.start()
    worker.join()


def test_a_thread_that_does_not_end_is_told_of():
    release = threading.Event()
    worker = Worker(lambda: release.wait(20) and False)
    worker.start()
    with pytest.raises(TimeoutError, match="has not ended"):
        worker.stop(timeout=0.05)
    release.set()
    worker.stop()


def test_a_start_while_the_last_work_ends_is_not_lost():
    """More is asked for after the work has looked for more, and before its thread has ended."""
    calls: list[int] = []

    def work() -> bool:
        calls.append(1)
        if len(calls) == 1:
            other = threading.Thread(target=worker.start)
            other.start()
            other.join()
        return False

    worker = Worker(work)
    worker.start()
    wait_until(lambda: not worker.alive)
    assert len(calls) == 2


def test_stop_running_leaves_no_thread():
    worker, _ = counting()
    worker.start()
    stop_running()
    assert not any(thread.name == "teachkit-worker" for thread in threading.enumerate())
