import threading
import time

from teachkit.watch.cockpit.painter import Painter


def test_it_draws_at_its_rate_and_skips_what_it_missed():
    draws: list[float] = []
    alive = threading.Event()
    alive.set()

    def slow_draw() -> None:
        draws.append(time.perf_counter())
        time.sleep(0.05)

    painter = Painter(slow_draw, alive.is_set, rate=20)
    painter.start()
    time.sleep(0.6)
    alive.clear()
    painter.stop()
    assert 3 <= len(draws) <= 8  # 12 were due, but each takes as long as the pause after it


def test_a_moved_control_is_drawn_at_once():
    drawn = threading.Event()
    painter = Painter(drawn.set, lambda: True, rate=0.05)  # by itself once in 20 s
    painter.start()
    assert drawn.wait(5)
    drawn.clear()
    painter.wake()
    assert drawn.wait(5)
    painter.stop()


def test_the_last_draw_comes_after_the_work_has_ended():
    seen: list[bool] = []
    alive = threading.Event()
    alive.set()
    painter = Painter(lambda: seen.append(alive.is_set()), alive.is_set, rate=100)
    painter.start()
    time.sleep(0.05)
    alive.clear()
    painter.wake()
    until = time.monotonic() + 5
    while painter.alive and time.monotonic() < until:
        time.sleep(0.005)
    assert not painter.alive
    assert seen[-1] is False


def test_starting_again_and_again_leaves_one_thread_at_most():
    painter = Painter(lambda: None, lambda: True)
    for _ in range(50):
        painter.start()
    assert sum(thread.name == "teachkit-painter" for thread in threading.enumerate()) == 1
    painter.stop()
    assert not any(thread.name == "teachkit-painter" for thread in threading.enumerate())
