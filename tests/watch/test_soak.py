"""Hours of use, in a minute: nothing may be left over."""

import gc
import os
import threading
import time
import weakref

import ipywidgets
import psutil
import pytest

from teachkit.feed.scenes import CLASSES
from teachkit.watch.cockpit.cockpit import Cockpit


def resident() -> float:
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 2**20


@pytest.fixture
def cockpit(make_trainer):
    one = Cockpit(make_trainer(), classes=CLASSES, memory=4 * 2**20)
    yield one
    if hasattr(one, "session"):
        one.close()


def press(cockpit, kind: str, **content) -> None:
    cockpit._receive(None, {"kind": kind, "ask": cockpit.asked + 1, **content}, [])


def test_ten_thousand_slider_events_and_two_thousand_redraws_leave_memory_flat(cockpit):
    press(cockpit, "start")
    for move in range(2_000):  # the buffers that are bounded fill up
        press(cockpit, "set", values={"lr": 1e-4 * (1 + move % 50)})
    before = resident()
    for move in range(10_000):
        press(cockpit, "set", values={"lr": 1e-4 * (1 + move % 50), "box": move % 20})
        if move % 5 == 0:
            cockpit._draw()
    press(cockpit, "pause")
    cockpit.stop()
    assert cockpit.session.step > 3
    assert resident() - before < 40


def test_hundreds_of_steps_keep_snapshots_within_their_budget(cockpit):
    cockpit.session.keep_every = 1
    cockpit.run(30)
    before = resident()
    cockpit.run(70)
    assert cockpit.session.snapshots.size <= 4 * 2**20
    assert resident() - before < 40


def test_two_hundred_starts_and_stops_of_a_real_training_leave_no_thread(cockpit):
    before = threading.active_count()
    for _ in range(200):
        press(cockpit, "start")
        press(cockpit, "pause")
    until = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before  # one of an earlier test may have ended meanwhile


def test_closed_cockpits_are_forgotten_with_all_they_held(make_trainer):
    registered = len(ipywidgets.widgets.widget._instances)
    gone = []
    for _ in range(3):
        one = Cockpit(make_trainer(), classes=CLASSES)
        press(one, "step")
        one.run(1)
        one._repr_mimebundle_()
        gone += [weakref.ref(part) for part in (one, one.session, one.session.trainer, one.session.trainer.model)]
        one.close()
        del one
    gc.collect()
    assert [part() for part in gone] == [None] * len(gone)
    assert len(ipywidgets.widgets.widget._instances) == registered


def test_no_figure_of_pyplot_is_ever_opened(cockpit):
    from matplotlib import _pylab_helpers

    before = list(_pylab_helpers.Gcf.figs)  # by other tests
    cockpit.static_image()
    assert list(_pylab_helpers.Gcf.figs) == before
