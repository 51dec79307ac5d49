"""The live demo as Voila shows it on a projector: whatever happens, all of the cockpit stays in sight."""

import shutil

import pytest

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
    const heights = [...widget.querySelectorAll('canvas.tk-canvas')].map(one => one.clientHeight);
    return [boxes.length, out.map(a => a.name), over, Math.min(...heights),
        widget.querySelector('.tk-pictures canvas').clientHeight];
}"""


@pytest.fixture(scope="module")
def demo(browser, tmp_path_factory):
    from notebook_page import REPOSITORY, Server

    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(REPOSITORY / "notebooks" / "live_demo.ipynb", folder)
    with Server(folder, app="voila", options=("--TagRemovePreprocessor.remove_cell_tags=script",)) as server:
        page = browser.new_context(viewport={"width": 1024, "height": 640}).new_page()
        page.goto(server.url("voila/render/live_demo.ipynb"), wait_until="commit")
        page.wait_for_selector(".tk-cockpit[data-state=ready]", timeout=90_000)
        yield page
        page.context.close()


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def train(page, steps: int) -> None:
    """Until so many more steps are done, or the run has stopped by itself."""
    until = int(page.locator(".tk-cockpit").get_attribute("data-step")) + steps
    page.wait_for_function(
        """until => { const { step, state } = document.querySelector('.tk-cockpit').dataset;
            return Number(step) >= until || state === 'rescued'; }""",
        arg=until,
        timeout=120_000,
    )


def assert_in_sight(page) -> None:
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)
        parts, out, over, lowest, pictures = page.locator(".tk-cockpit").evaluate(LOOK, PARTS)
        assert parts > 20
        assert (out, over) == ([], []), (width, height)
        assert lowest >= 60, (width, height)
        assert pictures >= 230, (width, height)


def test_the_whole_cockpit_is_in_sight_while_it_trains(demo):
    assert demo.locator("table").count() == 0  # the script is for the speaker alone
    press(demo, "Start")
    train(demo, 30)
    assert_in_sight(demo)


def test_a_hundred_times_the_rate_stops_the_run_and_offers_a_way_back_in_sight(demo):
    press(demo, "Too high")
    train(demo, 60)
    assert demo.locator(".tk-cockpit").get_attribute("data-state") == "rescued"
    assert_in_sight(demo)  # with a long message and a button beside it
