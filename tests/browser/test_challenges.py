"""The challenges, the film and repaired labels in a real browser, with their Python behind the page."""

import base64

import pytest

import teachkit as tk
from teachkit.experiments import recorded
from teachkit.feed.scenes import SceneSettings

pytestmark = pytest.mark.browser

# [front end, style sheet] → a widget whose messages go to Python, and whose answers come back from there
SHOW = """async ([script, sheet]) => {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const front_end = (await import(address)).default, heard = [];
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
    const send = async (message) => {
        for (const [content, buffers] of await window.askPython(message))
            heard.forEach((listen) => listen(content, buffers.map(bytes)));
    };
    const model = { get: () => undefined, set: () => {}, off: () => {}, on: (_, listen) => heard.push(listen), send };
    const style = Object.assign(document.createElement("style"), { textContent: sheet });
    document.body.replaceChildren(style, document.createElement("div"));
    await front_end.render({ model, el: document.body.lastChild });
}"""


@pytest.fixture(scope="module")
def page(browser):
    """Whatever is shown there asks the newest of its widgets."""
    one = browser.new_page(viewport={"width": 1000, "height": 800})
    one.widgets, one.errors = [], []
    one.on("pageerror", lambda error: one.errors.append(str(error)))

    def answer(message):
        sent = []
        one.widgets[-1].send = lambda content, buffers=None: sent.append(
            [content, [base64.b64encode(one).decode() for one in buffers or []]]
        )
        one.widgets[-1]._receive(None, message, [])
        return sent

    one.expose_function("askPython", answer)
    yield one
    one.close()


@pytest.fixture
def alive(page):
    """alive(widget) → the widget, alone on the page."""

    def one(widget):
        page.widgets.append(widget)
        page.set_content("<!doctype html><body style='margin: 0'>")
        page.evaluate(SHOW, [str(widget._esm), str(widget._css)])
        return page.locator(".tk-root").first

    yield one
    page.goto("about:blank")  # nothing of it goes on
    while page.widgets:
        page.widgets.pop().close()
    errors, page.errors = page.errors, []
    assert errors == []


def wait(widget, condition):
    widget.page.wait_for_function(f"widget => {condition}", arg=widget.element_handle(), timeout=10_000)


def test_a_flood_of_boxes_finds_more_and_ruins_the_score(alive):
    widget = alive(tk.CheatPlayground())
    wait(widget, "Number(widget.dataset.f1) > 0.7")
    found = float(widget.get_attribute("data-found"))
    widget.locator("[data-control=thrown]").focus()
    widget.page.keyboard.press("End")
    wait(widget, "widget.dataset.thrown === '300' && Number(widget.dataset.f1) < 0.1")
    assert float(widget.get_attribute("data-found")) > found
    assert float(widget.get_attribute("data-map50")) < 0.2
    widget.locator("[data-control=sure]").select_option("hardly")
    wait(widget, "Number(widget.dataset.map50) > 0.7")
    assert widget.locator("[data-number=map50]").inner_text() == f"{float(widget.get_attribute('data-map50')):.2f}"


def test_suspects_are_judged_by_button_and_by_key(alive):
    model, _ = recorded.detector("shapes")
    faulty = tk.load_data("shapes", split="test", limit=24, scenes=SceneSettings(wrong_labels=0.2), device="cpu")
    judge = tk.JudgePlayground(faulty, tk.load_data("shapes", split="test", limit=24, device="cpu"), model)
    widget = alive(judge)
    wait(widget, "widget.dataset.done === '0'")
    assert "is wrong" not in widget.inner_text()
    widget.locator("[data-control=wrong]").click()
    wait(widget, "widget.dataset.done === '1'")
    assert judge.values["verdicts"] == "w"
    for place in range(1, len(judge.suspects)):
        widget.page.keyboard.press("f")
        wait(widget, f"widget.dataset.done === '{place + 1}'")
    assert "All judged" in widget.inner_text()
    assert widget.locator("[data-control=fine]").is_disabled()
    widget.get_by_role("button", name="Reset", exact=True).click()
    wait(widget, "widget.dataset.done === '0'")


def test_cells_are_counted_by_clicks_and_by_keys_before_the_boxes_are_shown(alive):
    model, classes = recorded.detector("shapes")
    batch = next(iter(tk.load_data("shapes", "val", limit=3, device="cpu")))
    widget = alive(tk.DoctorPlayground(model, batch, classes))
    wait(widget, "widget.dataset.open === 'true'")
    canvas = widget.locator("canvas.tk-canvas").first
    widget.page.wait_for_timeout(200)
    box = canvas.bounding_box()
    middle = {"x": box["width"] / 2, "y": box["height"] / 2}
    canvas.click(position=middle)
    canvas.click(position=middle | {"x": middle["x"] + 40})
    canvas.click(position=middle)  # takes the first mark away
    assert widget.locator("[data-number=count]").inner_text() == "1"
    widget.locator("[data-control=more]").focus()
    widget.page.keyboard.press("Enter")
    assert widget.locator("[data-number=count]").inner_text() == "2"
    widget.locator("[data-control=done]").click()
    wait(widget, "widget.dataset.open === 'false'")
    before = int(widget.get_attribute("data-boxes"))
    widget.locator("[data-control=threshold]").focus()
    widget.page.keyboard.press("End")
    wait(widget, f"Number(widget.dataset.boxes) < {before}")
    widget.locator("[data-control=picture]").select_option("1")
    wait(widget, "widget.dataset.open === 'true'")
    assert widget.locator("[data-number=count]").inner_text() == "0"


def test_the_film_plays_to_its_end_and_the_slider_stops_it(alive):
    film = tk.TrainingFilm("loss weights")
    widget = alive(film)
    wait(widget, "widget.dataset.frame === '0'")
    first = widget.locator(".tk-gallery canvas").screenshot()
    widget.locator("[data-control=play]").click()
    wait(widget, "Number(widget.dataset.frame) > 2 && widget.dataset.playing === 'true'")
    widget.locator("[data-control=frame]").focus()
    widget.page.keyboard.press("End")
    wait(widget, f"widget.dataset.frame === '{film.last}' && widget.dataset.playing === 'false'")
    assert widget.locator(".tk-gallery canvas").screenshot() != first
    widget.locator("[data-control=play]").click()  # from the beginning again
    wait(widget, "Number(widget.dataset.frame) < 9 && widget.dataset.playing === 'true'")
    widget.locator("[data-control=play]").click()
    widget.locator("[data-control=picture]").select_option("2")
    wait(widget, "widget.dataset.playing === 'false'")
    widget.page.wait_for_timeout(200)
    assert film.values["picture"] == 2


def test_labels_are_repaired_one_by_one_and_all_at_once(alive):
    model, _ = recorded.detector("shapes")
    faulty = tk.load_data("shapes", split="test", limit=24, scenes=SceneSettings(wrong_labels=0.3), device="cpu")
    browser = tk.LabelBrowser(faulty, model, kind="wrong class")
    widget = alive(browser)
    wait(widget, "widget.dataset.repaired === '0'")
    first = widget.locator("li button").first
    first.focus()
    widget.page.keyboard.press("Enter")
    wait(widget, "widget.dataset.repaired === '1'")
    assert "✓ repaired" in first.inner_text()
    assert first.evaluate("one => one === document.activeElement")
    widget.locator("[data-control=repair-all]").click()
    wait(widget, f"widget.dataset.repaired === '{len(browser.chosen())}'")
