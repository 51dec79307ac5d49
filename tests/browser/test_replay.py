"""A replay opened from the disk, in a browser without a network: what it shows at each step is what the log says."""

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_tidy

from teachkit.experiments import recorded
from teachkit.watch.replay import replay
from teachkit.watch.replay.recording import find_pictures, read_records

pytestmark = pytest.mark.browser
EVIL = "</script><img src=x onerror=document.title='broken'>"


@pytest.fixture(scope="module")
def records():
    return recorded.records("few_pictures_0")


@pytest.fixture(scope="module")
def page(browser, records, tmp_path_factory):
    told = read_records(records, "few pictures")
    find_pictures(told)
    told.classes = [EVIL, *told.classes[1:]]
    path = tmp_path_factory.mktemp("replay") / "run.html"
    path.write_bytes(replay.page_of(told))
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    one = context.new_page()
    one.errors, one.asked = [], []
    one.on("pageerror", lambda error: one.errors.append(str(error)))
    one.on("request", lambda request: one.asked.append(request.url))
    one.goto(path.as_uri())
    one.wait_for_selector(".tk-replay[data-loaded='4']")
    yield one
    context.close()


@pytest.fixture
def widget(page):
    return page.locator(".tk-replay")


def test_it_opens_from_the_disk_and_asks_for_nothing_else(page, widget):
    for chart in widget.locator("canvas.tk-canvas").all():
        assert not is_blank(pixels(chart))
    assert page.errors == []
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert page.title() == "few pictures · replay"  # the class's markup was not run


def test_the_numbers_of_every_frame_are_the_logs(page, widget, records):
    steps = [one for one in records if one["kind"] == "step"]
    shown = page.evaluate(
        """() => {
            const widget = document.querySelector('.tk-replay'), range = widget.querySelector('[data-control=time]');
            const rows = [];
            for (let place = 0; place <= Number(range.max); place += 1) {
                range.value = place;
                range.dispatchEvent(new Event('input'));
                const cells = [...widget.querySelectorAll('[data-number]')];
                const numbers = Object.fromEntries(cells.map(cell => [cell.dataset.number, cell.dataset.value]));
                rows.push([Number(widget.dataset.step), numbers]);
            }
            return rows;
        }""",
    )
    assert [step for step, _ in shown] == [one["step"] for one in steps]
    for (_, numbers), record in zip(shown, steps, strict=True):
        for name in ("box", "cls", "dfl", "total", "lr"):
            assert float(numbers[name]) == record[name]
        for name, weight in record["weights"].items():
            assert float(numbers[f"w_{name}"]) == weight
    epochs = [one for one in records if one["kind"] == "epoch"]
    assert float(shown[-1][1]["map50"]) == epochs[-1]["map50"]
    assert float(shown[7][1]["map"]) == epochs[1]["map"]
    assert shown[2][1]["map"] == ""  # before the first validation nothing is claimed


def test_it_plays_to_the_end_by_itself_and_pauses_when_asked(page, widget):
    page.keyboard.press("Home")
    before = pixels(widget.locator("[data-chart=steps] canvas"))
    widget.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(1000)  # the page allows no script of ours to wait on its attributes
    widget.get_by_role("button", name="Pause", exact=True).click()
    place = int(widget.get_attribute("data-place"))
    assert place > 10
    page.wait_for_timeout(250)
    assert int(widget.get_attribute("data-place")) == place
    assert (pixels(widget.locator("[data-chart=steps] canvas")) != before).any()
    page.keyboard.press("End")
    page.keyboard.press("PageUp")
    widget.locator("h2").click()
    page.keyboard.press(" ")
    page.wait_for_selector(".tk-replay[data-place='499'][data-state=paused]", timeout=10_000)


def test_the_keyboard_goes_step_by_step_and_the_boxes_follow(page, widget):
    page.keyboard.press("Home")
    assert widget.get_attribute("data-look") == ""
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert widget.get_attribute("data-step") == "2"
    early = pixels(widget.locator(".tk-pictures canvas"))
    page.keyboard.press("End")
    assert widget.get_attribute("data-look") == "499"
    assert (pixels(widget.locator(".tk-pictures canvas")) != early).any()


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(page, widget, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_tidy(widget, width)
