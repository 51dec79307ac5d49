"""Every widget on a page of its own: as narrow as at 200 %, and in JupyterLab's bright and dark theme."""

import base64
import functools
import io
from contextlib import contextmanager

import pytest
from notebook_page import pixels, resize
from PIL import Image, ImageStat
from tidy import assert_tidy

import teachkit as tk
from teachkit.experiments import recorded
from teachkit.feed.scenes import SceneSettings
from teachkit.watch.widgets.prediction import Prediction

pytestmark = pytest.mark.browser


def detector_and_data():
    model, classes = recorded.detector("shapes")
    data = tk.load_data("shapes", split="test", limit=24, device="cpu")
    data.classes = classes
    return model, data


def trained_cockpit():
    cockpit = tk.Cockpit(images=32, validation_images=8)
    cockpit.run(3)
    return cockpit


def trained_monitor():
    """A training of six batches, looked at three times."""
    data, exam = tk.load_data("shapes", batch_size=4, limit=24, device="cpu"), tk.load_data("shapes", "val", limit=8)
    model = tk.Detector(4, device="cpu")
    monitor = tk.TrainingMonitor(model, data, tk.Criterion(), exam, every=3)
    for batch in monitor.training_data:
        monitor.criterion(model(batch.images), batch.ground_truth).backward()
    return monitor


def prediction():
    because = ["Up to a point only.", "The valley is left.", "Something does."]
    choices = ["it falls faster", "it rises, because each step goes over the valley and lands higher", "nothing"]
    return Prediction("The learning rate is ten times as large. What happens to the loss?", choices, 1, because)


def judge():
    model, _ = recorded.detector("shapes")
    faulty = tk.load_data("shapes", split="test", limit=24, scenes=SceneSettings(wrong_labels=0.2), device="cpu")
    one = tk.JudgePlayground(faulty, tk.load_data("shapes", split="test", limit=24, device="cpu"), model)
    one.judge("w")
    return one


def doctor():
    model, data = detector_and_data()
    one = tk.DoctorPlayground(model, next(iter(data)), data.classes)
    one.set(count=3)
    return one


# entry → a widget that it shows
WIDGETS = {
    "challenges/cheat": lambda: tk.CheatPlayground(thrown=30),
    "challenges/doctor": doctor,
    "challenges/judge": judge,
    "cockpit/cockpit": trained_cockpit,
    "widgets/anchor_point": tk.AnchorPointPlayground,
    "motion/film": lambda: tk.TrainingFilm("loss weights", frame=20),
    "widgets/assigner": tk.AssignerPlayground,
    "widgets/augment": tk.AugmentPlayground,
    "widgets/confidence": tk.ConfidencePlayground,
    "widgets/data_quality": tk.DataQualityPlayground,
    "widgets/dfl": tk.DFLPlayground,
    "widgets/errors_browser": lambda: tk.ErrorsBrowser(*detector_and_data()),
    "widgets/hidden_edge": tk.HiddenEdgePlayground,
    "widgets/iou": tk.IoUPlayground,
    "widgets/label_browser": lambda: tk.LabelBrowser(*reversed(detector_and_data())),
    "widgets/learning_rate": tk.LearningRatePlayground,
    "widgets/loss_weights": tk.LossWeightsPlayground,
    "motion/monitor": trained_monitor,
    "widgets/optimizer": tk.OptimizerPlayground,
    "widgets/prediction": prediction,
    "widgets/runs_side_by_side": lambda: tk.RunsSideBySide("few_pictures_0", "many_pictures_0", names=["few", "many"]),
    "widgets/chart": tk.SearchPlayground,
    "widgets/threshold": lambda: tk.ThresholdPlayground(nms=True),
}


# [front end, style sheet, messages of Python, traits] → a widget that has drawn them
SHOW = """async ([script, sheet, messages, traits]) => {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const front_end = (await import(address)).default, heard = [];
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
    const silent = { get: (name) => traits[name], set: () => {}, off: () => {}, send: () => {} };
    const model = { ...silent, on: (_, listen) => heard.push(listen) };
    const style = Object.assign(document.createElement("style"), { textContent: sheet });
    document.body.replaceChildren(style, document.createElement("div"));
    await front_end.render({ model, el: document.body.lastChild });
    for (const [content, buffers] of messages) heard.forEach((listen) => listen(content, buffers.map(bytes)));
}"""


def messages(widget):
    """What it sends to a page that opens."""
    sent = []
    widget.send = lambda content, buffers=None: sent.append(
        [content, [base64.b64encode(one).decode() for one in buffers or []]]
    )
    widget.asked = 1
    if "hello" in widget.answers:
        widget.answers["hello"]({"kind": "hello", "ask": 1})
    return sent


@functools.cache
def shown(entry):
    """Front end, style sheet, messages and traits of a widget. Made once: each is looked at in many ways."""
    widget = WIDGETS[entry]()
    values = {name: getattr(widget, name) for name in widget.traits(sync=True) if name[0] != "_"}
    traits = {name: value for name, value in values.items() if isinstance(value, dict | list | str)}
    parts = [str(widget._esm), str(widget._css), messages(widget), traits]
    widget.close()
    return parts


@pytest.fixture(scope="module")
def page(browser):
    one = browser.new_page()
    yield one
    one.close()


@contextmanager
def shower(page):
    """show(entry, dark) → the widget, on a page that tells its theme as JupyterLab does."""
    errors = []
    page.on("pageerror", note := lambda error: errors.append(str(error)))

    def one(entry, dark=False):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto("about:blank")  # nothing is left of what was shown before
        page.set_content("<!doctype html><body style='margin: 0'>")
        page.evaluate("dark => { document.body.dataset.jpThemeLight = !dark; }", dark)
        page.evaluate(SHOW, shown(entry))
        return page.locator(".tk-root").first

    yield one
    page.remove_listener("pageerror", note)
    assert errors == []


@pytest.fixture
def show(page):
    with shower(page) as show:
        yield show


@pytest.fixture(scope="module", params=WIDGETS)
def bright(page, request):
    """Each widget, opened once for all that is looked at in the bright theme."""
    with shower(page) as show:
        yield show(request.param)


def test_nothing_is_cut_overlaps_or_has_to_be_scrolled_across(bright):
    for width in (540, 640, 800, 1024):  # px; a cell of a window of 640 px has 540
        bright.page.set_viewport_size({"width": width, "height": 900})
        assert_tidy(bright, width)
        assert bright.evaluate(ACROSS) == [], width


# what is wider than its place: it is cut, or has to be scrolled
ACROSS = """widget => [document.documentElement, widget, ...widget.querySelectorAll('*')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline'
        && !one.matches('.tk-unseen')).map(one => `${one.className}: ${one.scrollWidth - one.clientWidth} px`)"""


@pytest.mark.parametrize("width", [540, 640, 800, 1024])
def test_the_slider_of_the_rate_and_the_losses_are_in_sight_together(show, width):
    cockpit = show("cockpit/cockpit")
    resize(cockpit.page, width, 450)  # a window of 900 px at 200 %
    slider = cockpit.locator("[data-control=lr]").bounding_box()
    losses = cockpit.locator("[data-chart=raw]").bounding_box()
    ends = [one["y"] + one["height"] for one in (slider, losses)]
    assert max(ends) - min(slider["y"], losses["y"]) < 400
    assert losses["width"] > 200
    assert losses["height"] > 120


# texts whose contrast with the ground below them is under 4.5 (WCAG 2.2, 1.4.3)
PALE = """widget => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const mix = ([r, g, b, share = 1], below) => [r, g, b].map((one, k) => one * share + below[k] * (1 - share));
    const ground = (one) => one === document.documentElement ? [255, 255, 255]
        : mix(numbers(getComputedStyle(one).backgroundColor), ground(one.parentElement));
    const light = (colour) => colour.map((one) => one / 255)
        .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
        .reduce((sum, one, k) => sum + one * [0.2126, 0.7152, 0.0722][k], 0);
    const own = (one) => one.value || [...one.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
    return [...widget.querySelectorAll(':not(option, canvas, input[type=range], svg *)')].filter((one) => own(one)
        && one.checkVisibility()).flatMap((one) => {
            const [below, style] = [ground(one), getComputedStyle(one)];
            const [a, b] = [mix(numbers(style.color), below), below].map(light).sort((c, d) => d - c);
            const contrast = (a + 0.05) / (b + 0.05) * style.opacity;
            return contrast < 4.5 ? [`${one.className} ${one.textContent.slice(0, 20)}: ${contrast.toFixed(1)}`] : [];
        });
}"""


def assert_stands_out(widget, dark):
    assert widget.evaluate(PALE) == []
    x, y, *_ = widget.bounding_box().values()
    title = {"x": x + 12, "y": y + 3, "width": 28, "height": 17}
    ground = Image.open(io.BytesIO(widget.page.screenshot(clip=title))).convert("L")
    assert (ImageStat.Stat(ground).mean[0] < 80) == dark


def test_every_text_stands_out_from_its_ground(bright):
    bright.page.set_viewport_size({"width": 1280, "height": 720})
    assert_stands_out(bright, dark=False)


@pytest.mark.parametrize("entry", WIDGETS)
def test_every_text_stands_out_from_a_dark_ground(show, entry):
    assert_stands_out(show(entry, dark=True), dark=True)


# as JupyterLab does: its page is hidden meanwhile, and shown again before the next frame
CHANGE_THEME = """async () => {
    document.body.hidden = true;
    document.body.dataset.jpThemeLight = false;
    await null;
    document.body.hidden = false;
}"""


def test_a_chart_follows_the_theme_that_is_chosen_while_it_is_open(show):
    widget = show("widgets/confidence")
    bright = pixels(widget.locator("canvas.tk-canvas"))
    widget.page.evaluate(CHANGE_THEME)
    widget.page.wait_for_timeout(100)
    dark = pixels(widget.locator("canvas.tk-canvas"))
    assert bright.mean() > 200
    assert dark.mean() < 80
    assert (dark.max(2) > 180).any()  # letters and ticks are bright now


@pytest.mark.parametrize("dark", [False, True])
def test_a_choice_looks_empty_until_it_is_made(show, dark):
    widget = show("widgets/prediction", dark)
    chosen, other = widget.locator("input[type=radio]").all()[:2]
    chosen.check()
    middle = {name: pixels(one)[7:9, 7:9].astype(int) for name, one in (("chosen", chosen), ("other", other))}
    paper = pixels(widget)[3:5, 12:20].astype(int).mean((0, 1))
    assert abs(middle["other"] - paper).max() < 12
    assert abs(middle["chosen"] - paper).max() > 80


@pytest.mark.parametrize("dark", [False, True])
def test_a_slider_that_cannot_be_moved_is_seen(show, dark):
    widget = show("widgets/dfl", dark)
    slider = widget.locator("input[type=range]:disabled").first
    seen = pixels(slider).astype(int)
    ground = seen[0, 0]
    assert (abs(seen - ground).max(2) > 40).mean() > 0.1
