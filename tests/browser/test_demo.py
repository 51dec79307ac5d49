"""The live demo, opened as its command opens it: the recorded acts at once, then the live cockpit, whatever happens."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from notebook_page import REPOSITORY, REST, resize
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# px, of a projector's picture less the browser's own bars, and of all of it
WINDOWS = [(1024, 640), (1024, 768), (1280, 600), (1280, 800), (1366, 650), (1920, 940), (1920, 1080)]
PARTS = "header, header > *, .tk-message, .tk-message > *, .tk-controls > *, .tk-chart, .tk-time, .tk-time > *"
LOOK = """(widget, parts) => {
    const boxes = [...widget.querySelectorAll(parts)].filter(one => one.checkVisibility()).map(one => {
        const { left, top, right, bottom } = one.getBoundingClientRect();
        return { name: one.textContent || one.className, left, top, right, bottom, one };
    });
    const over = boxes.flatMap((a, place) => boxes.slice(place + 1).filter(b => !a.one.contains(b.one)
        && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1).map(b => [a.name, b.name]));
    const out = boxes.filter(a => a.top < 0 || a.left < 0 || a.right > innerWidth || a.bottom > innerHeight);
    const heights = [...widget.querySelectorAll('canvas.tk-canvas')].filter(one => one.checkVisibility())
        .map(one => one.clientHeight);
    return [boxes.length, out.map(a => a.name), over, Math.min(...heights),
        widget.querySelector('.tk-pictures canvas').clientHeight];
}"""
# Every text that can be seen → the smallest of their letters, px; what is drawn on a canvas is 0.86 of its size or more
SMALLEST = """widget => Math.min(...[...widget.querySelectorAll('*')].filter(one => one.checkVisibility()
        && (one.tagName === 'CANVAS' || [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        && !one.closest('.tk-unseen'))
    .map(one => parseFloat(getComputedStyle(one).fontSize) * (one.tagName === 'CANVAS' ? 0.86 : 1)))"""


class Demo:
    """What `make demo` starts, and the address that it hands to the browser."""

    def __init__(self, folder):
        said = subprocess.run(["make", "-n", "demo"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
        command = re.search(r"^\S+/python (-m teachkit demo)$", said, re.M)[1].split()
        opened = folder / "opened"
        opener = folder / "browser"
        opener.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
        opener.chmod(0o755)
        paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=os.environ | {"BROWSER": str(opener), "PYTHONPATH": paths},
        )
        while not opened.exists():
            assert self.process.poll() is None
            assert time.monotonic() < self.began + 60
            time.sleep(0.02)
        self.address = opened.read_text().strip()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def running(browser, tmp_path_factory):
    one = Demo(tmp_path_factory.mktemp("demo"))
    yield one
    if one.process.poll() is None:
        one.end()


@pytest.fixture(scope="module")
def opened_demo(browser, running):
    page = browser.new_context(viewport={"width": 1024, "height": 640}).new_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    page.goto(running.address, wait_until="commit")
    page.frame_locator("#recorded").locator(".tk-replay").wait_for(state="visible", timeout=30_000)
    page.first_picture = time.monotonic() - running.began
    play_before_it_is_live(page)
    page.wait_for_selector("[data-stage=live] .tk-cockpit[data-state=ready]", timeout=90_000)
    page.live = time.monotonic() - running.began
    yield page
    page.context.close()


def play_before_it_is_live(page):
    """The speaker's first keys, with no click before them; those that answer at all answer at once."""
    recorded = page.frame_locator("#recorded")
    page.wait_for_function("() => document.activeElement?.id === 'recorded'")  # it has just been loaded
    page.keyboard.press("p")
    page.keyboard.press("t")
    page.early = [page.evaluate("document.body.dataset.stage"), recorded.locator(".tk-replay.tk-projector").count()]
    page.keyboard.press("p")


@pytest.fixture
def demo(opened_demo):
    """However a test ends, the next one finds the live cockpit as it is at a desk."""
    yield opened_demo
    for view, key in (("[data-stage=recorded]", "t"), (".tk-cockpit.tk-projector", "p")):
        if opened_demo.locator(view).count():
            opened_demo.keyboard.press(key)


@pytest.fixture
def cockpit(demo):
    return demo.locator(".tk-cockpit")


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def wait(page, condition: str, seconds: float = 60) -> None:
    """condition: JavaScript about `widget`, its `step` and its `state`; false while there is no widget yet."""
    page.wait_for_function(
        f"() => {{ const widget = document.querySelector('.tk-cockpit'), state = widget?.dataset.state, "
        f"step = Number(widget?.dataset.step); return widget && ({condition}); }}",
        timeout=seconds * 1000,
    )


def train(page, steps: int) -> None:
    """Until so many more steps are done, or the run has stopped by itself."""
    until = int(page.locator(".tk-cockpit").get_attribute("data-step")) + steps
    wait(page, f"step >= {until} || state === 'rescued'", 120)


def assert_in_sight(page, least_parts: int = 20) -> None:
    for width, height in WINDOWS:
        resize(page, width, height)
        parts, out, over, lowest, pictures = page.locator(".tk-cockpit").evaluate(LOOK, PARTS)
        assert parts > least_parts
        assert (out, over) == ([], []), (width, height)
        assert lowest >= 60, (width, height)
        assert pictures >= 230, (width, height)


def test_a_picture_is_there_before_the_training_is_and_nothing_asks_for_a_password(demo):
    print(f"first picture after {demo.first_picture:.1f} s, live after {demo.live:.1f} s")
    assert demo.first_picture < demo.live
    assert demo.early == ["recorded", 1]
    assert demo.wrong == []


def test_a_recorded_act_is_in_sight_as_a_whole(demo, browser, running):
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.goto(running.address, wait_until="commit")
    page.wait_for_selector("[data-stage=live] .tk-cockpit[data-state]", timeout=30_000)
    page.keyboard.press("t")
    recorded = page.frame_locator("#recorded")
    recorded.locator(".tk-replay").wait_for(state="visible")
    too_high = []
    for width, height in [(1366, 768), (1920, 1080)]:
        page.set_viewport_size({"width": width, "height": height})
        for size in ("large", "as it is"):
            page.keyboard.press("p")
            recorded.locator("html").evaluate(REST)
            if recorded.locator("html").evaluate("page => page.scrollHeight") > height:
                too_high.append((size, height))
    page.close()
    assert too_high == []


def test_the_whole_cockpit_is_in_sight_while_it_trains(demo):
    press(demo, "Start")
    train(demo, 30)
    assert_in_sight(demo)


def test_a_page_loaded_anew_comes_back_to_the_same_run_while_it_trains(demo, cockpit):
    demo.keyboard.press("p")
    step = int(cockpit.get_attribute("data-step"))
    demo.reload(wait_until="commit")
    wait(demo, f"step >= {step} && state === 'running' && widget.matches('.tk-projector')", 20)
    demo.keyboard.press("p")
    assert demo.evaluate("document.body.dataset.stage") == "live"
    wait(demo, "Number(widget.querySelector('[data-chart=raw] canvas').dataset.points) > 0", 20)


def test_a_hundred_times_the_rate_stops_the_run_and_offers_a_way_back_in_sight(demo, cockpit):
    wait(demo, "step >= 100", 200)  # what has learnt little is not always thrown far enough back
    press(demo, "Too high")
    wait(demo, "state === 'rescued'", 200)
    assert_in_sight(demo)  # with a long message and a button beside it


def test_before_a_hall_every_letter_is_large_and_all_is_in_sight(demo, cockpit):
    for _ in range(2):  # a finger that rests on the key
        demo.keyboard.down("p")
    demo.keyboard.up("p")
    for width, height, least in [(1920, 1080, 40), (1366, 768, 28)]:
        resize(demo, width, height)
        assert cockpit.evaluate(SMALLEST) >= least
        parts, out, over, _, pictures = cockpit.evaluate(LOOK, f"{PARTS}, .tk-large > div")
        assert parts >= 8
        assert (out, over) == ([], [])
        assert pictures > height * 0.4
    assert [one.inner_text() for one in cockpit.locator(".tk-large dt").all()] == [
        "total loss",
        "learning rate",
        "mAP50",
    ]
    assert cockpit.locator("[data-large=lr]").inner_text() == "0.7"


def test_one_key_branches_before_the_trouble_and_another_plays_an_act(demo, cockpit):
    demo.keyboard.press("p")
    demo.keyboard.press("2")
    done = "widget.dataset.waiting === '0' && widget.querySelector('[data-large=lr]').textContent === '0.0007'"
    wait(demo, f"state === 'running' && {done}", 90)
    assert "Two futures" in cockpit.locator(".tk-act").inner_text()
    demo.keyboard.press(" ")
    wait(demo, "state === 'paused'")
    demo.keyboard.press("0")
    wait(demo, "state === 'running' && step < 20 && widget.querySelector('[data-large=lr]').textContent === '7e-5'")
    demo.keyboard.press("p")
    assert cockpit.locator(".tk-controls").is_visible()


def test_one_key_plays_the_recorded_acts_and_goes_back(demo):
    recorded = demo.frame_locator("#recorded")
    demo.keyboard.press("p")
    demo.keyboard.press("t")
    recorded.locator(".tk-replay.tk-projector").wait_for(state="visible")  # as large as the live one
    assert not demo.locator(".tk-cockpit").is_visible()
    demo.keyboard.press("1")
    replay = recorded.locator(".tk-replay[data-state=playing]")
    replay.wait_for()
    recorded.locator("h2", has_text="× 100").wait_for(state="visible")
    demo.keyboard.press("t")
    wait(demo, "widget.checkVisibility({ visibilityProperty: true }) && widget.matches('.tk-projector')")
    demo.keyboard.press("p")


def test_where_training_is_slow_the_page_offers_the_recorded_acts(browser, demo, running):
    wait(demo, "state === 'running'")
    page = browser.new_page(viewport={"width": 1024, "height": 640})
    page.clock.install()  # nobody waits for its seconds
    page.goto(running.address, wait_until="commit")
    page.wait_for_selector("[data-stage=live] .tk-cockpit[data-state=running]", timeout=30_000)
    process = psutil.Process(running.process.pid)
    process.suspend()  # no step at all is the slowest pace
    offer = page.locator("#ready", has_text="T plays the recorded acts")
    for _ in ("the last step before it", "and none since"):
        page.clock.run_for(5000)
    seen = offer.is_visible()
    process.resume()
    page.clock.run_for(8000)
    gone = offer.is_hidden()
    page.close()
    assert (seen, gone) == (True, True)


def test_two_pages_show_the_same_run(browser, demo, running, cockpit):
    other = browser.new_context().new_page()
    other.goto(running.address)
    other.wait_for_selector("[data-stage=live] .tk-cockpit[data-state=running]", timeout=20_000)
    press(other, "Pause")
    wait(demo, "state === 'paused'")
    its = other.locator(".tk-cockpit[data-state=paused]")  # it may hear of the last step a moment later
    expect(its).to_have_attribute("data-step", cockpit.get_attribute("data-step"))
    other.context.close()


def test_a_process_that_does_not_answer_is_noticed_within_three_seconds(demo, running):
    process = psutil.Process(running.process.pid)
    process.suspend()  # it holds its connections, and answers nothing
    began = time.monotonic()
    wait(demo, "widget.querySelector('.tk-message').textContent.includes('does not answer')", 20)
    seconds = time.monotonic() - began
    process.resume()
    wait(demo, "!widget.querySelector('.tk-message').textContent.includes('does not answer')", 20)
    print(f"noticed after {seconds:.1f} s")
    assert seconds < 3 or os.getloadavg()[0] > 4


def test_the_command_ends_in_the_midst_of_a_branch_and_the_page_says_so(demo, running, cockpit):
    demo.keyboard.press("g")
    train(demo, 12)
    demo.keyboard.press("b")
    children = psutil.Process(running.process.pid).children(recursive=True)
    began = time.monotonic()
    assert running.end() == 0
    print(f"ended after {time.monotonic() - began:.1f} s")
    assert not list(filter(lives, children))
    wait(demo, "state === 'gone'", 20)
    assert "T plays the recorded acts" in cockpit.locator(".tk-message").inner_text()


def test_nothing_is_left_of_a_command_that_ends_while_it_builds(tmp_path):
    one = Demo(tmp_path)
    children = psutil.Process(one.process.pid).children(recursive=True)
    assert one.end() == 0
    assert not list(filter(lives, children))


def lives(process: psutil.Process) -> bool:
    """A zombie is one that its parent, or the system, has yet to take note of."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
