"""A loop that is looked on at, in a real browser: seen while it runs, and played afterwards."""

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_named, assert_tidy

pytestmark = pytest.mark.browser

CELLS = [
    "import threading, torch\ntorch.set_num_threads(1)\nimport teachkit as tk\n"
    "data, exam = tk.load_data('shapes', batch_size=4, limit=48), tk.load_data('shapes', 'val', limit=4)\n"
    "model, go_on = tk.Detector(4), threading.Event()\n"
    "monitor = tk.TrainingMonitor(model, data, tk.Criterion(), exam, every=2)\nmonitor",
]
# Python is busy from the third look on, until it is told that the page has shown it: no message reaches it meanwhile.
LOOP = """for number, batch in enumerate(monitor.training_data):
    monitor.criterion(model(batch.images), batch.ground_truth).backward()
    if number == 5:
        import pathlib, time
        until = time.monotonic() + 20
        while not pathlib.Path('seen').exists() and time.monotonic() < until:
            time.sleep(0.05)
pathlib.Path('seen').unlink()"""


@pytest.fixture(scope="module")
def widget(notebook, server):
    one = notebook.widget(".tk-monitor")
    notebook.wait(one, "widget.dataset.looks === '1'")
    notebook.page.evaluate(
        """source => { window.loop = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
            .requestExecute({ code: source, store_history: false }); }""",
        LOOP,
    )
    notebook.wait(one, "widget.dataset.looks === '3'")
    one.locator("[data-control=time]").focus()
    notebook.page.keyboard.press("ArrowLeft")  # it is played while Python is busy
    notebook.wait(one, "widget.dataset.step === '2'")
    notebook.page.keyboard.press("End")
    (server.folder / "seen").touch()
    notebook.wait(one, "widget.dataset.looks === '7'")
    assert notebook.page.evaluate("async () => (await window.loop.done).content.status") == "ok"
    return one


def test_it_was_seen_while_the_loop_ran_and_shows_the_newest(notebook, widget):
    notebook.wait(widget, "widget.dataset.step === '12'")
    assert not any(is_blank(pixels(canvas)) for canvas in widget.locator("canvas").all())


def test_the_slider_goes_back_by_keys_and_by_mouse(notebook, widget):
    pictures, time = widget.locator(".tk-pictures canvas"), widget.locator("[data-control=time]")
    time.focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "widget.dataset.step === '12'")
    newest = pixels(pictures)
    notebook.page.keyboard.press("Home")
    notebook.wait(widget, "widget.dataset.step === '0'")
    assert (pixels(pictures) != newest).mean() > 1e-3
    box = time.bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    notebook.wait(widget, "widget.dataset.step === '6'")


def test_it_plays_to_the_end(notebook, widget):
    widget.locator("[data-control=time]").focus()
    notebook.page.keyboard.press("Home")
    play = widget.locator("[data-control=play]")
    play.click()
    assert play.inner_text() == "Pause"
    notebook.wait(widget, "widget.dataset.state === 'paused' && widget.dataset.step === '12'")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "time", "play")
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_a_second_view_shows_what_the_first_one_has(notebook, widget):
    notebook.run_cell("monitor")
    second = notebook.widget(".tk-monitor", 1)
    notebook.wait(second, "widget.dataset.looks === '7' && widget.dataset.step === '12'")
    notebook.page.wait_for_timeout(200)
    canvas = second.locator(".tk-pictures canvas")
    assert pixels(canvas).std() > 20
