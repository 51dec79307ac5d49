"""The IoU playground in a real browser: dragged, resized, moved by keys, and how fast it answers."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels

pytestmark = pytest.mark.browser

CELLS = [
    "import teachkit as tk\nplayground = tk.IoUPlayground()\nplayground",
    "print('a cell to lose')",
]
# [widget, px] → drags the box so far to the right → ms until the drawing has it, until numbers and arrows have it
DRAG = """async ([widget, shift]) => {
    const handle = widget.querySelector('[data-control=box]'), frame = handle.getBoundingClientRect();
    const before = Number(widget.dataset.ack), place = widget.dataset.box, started = performance.now();
    const at = { pointerId: 1, bubbles: true, clientY: frame.top + frame.height / 2 };
    handle.setPointerCapture = () => {};
    handle.dispatchEvent(new PointerEvent('pointerdown', { ...at, clientX: frame.left + frame.width / 2 }));
    handle.dispatchEvent(new PointerEvent('pointermove', { ...at, clientX: frame.left + frame.width / 2 + shift }));
    handle.dispatchEvent(new PointerEvent('pointerup', at));
    if (widget.dataset.box === place) throw new Error('the box has not moved');
    const drawn = performance.now() - started;
    while (Number(widget.dataset.ack) <= before) {
        if (performance.now() - started > 5000) throw new Error('no answer within 5 s');
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return [drawn, performance.now() - started];
}"""


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1000)
    page.open(CELLS, "iou.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-iou")
    notebook.wait(one, "widget.dataset.loss")
    notebook.execute("playground.set(predicted=[40, 52, 60, 72], measure='ciou', slide='across')")
    notebook.wait(one, "widget.dataset.box === '40 52 60 72' && widget.dataset.measure === 'ciou'")
    return one


def drag(notebook, widget, start, shift):
    """start: share of the box's width and height; shift: px of the screen."""
    frame = widget.locator("[data-control=box] rect").first.bounding_box()
    x, y = frame["x"] + start[0] * frame["width"], frame["y"] + start[1] * frame["height"]
    notebook.page.mouse.move(x, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x + shift[0], y + shift[1], steps=5)
    notebook.page.mouse.up()


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator("svg").first))
    assert not is_blank(pixels(widget.locator("canvas")))
    assert widget.locator("[data-number=ciou-1]").inner_text() == "0.953"
    assert widget.locator("[data-number=iou-6]").inner_text() == "0"
    assert notebook.errors == []


def test_the_box_is_dragged_even_by_an_arrow_that_lies_over_it(notebook, widget):
    before = pixels(widget.locator("svg").first)
    drag(notebook, widget, (0.5, 0.5), (60, 30))
    notebook.wait(
        widget, "widget.dataset.predicted !== '40 52 60 72' && widget.dataset.predicted === widget.dataset.box"
    )
    x1, y1, x2, y2 = map(float, widget.get_attribute("data-box").split())
    assert x1 > 45
    assert y1 > 54
    assert (x2 - x1, y2 - y1) == (20, 20)
    assert (pixels(widget.locator("svg").first) != before).mean() > 1e-3
    drag(notebook, widget, (1.12, 0.5), (5, 0))  # where an arrow may lie, and no box
    assert widget.locator(".tk-slope").first.evaluate("node => getComputedStyle(node).pointerEvents") == "none"
    assert widget.locator("svg").first.evaluate("node => getComputedStyle(node).touchAction") == "none"


def test_an_edge_and_a_corner_resize_it(notebook, widget):
    drag(notebook, widget, (1, 0.5), (40, 0))
    notebook.wait(widget, "widget.dataset.predicted.split(' ')[2] > 62 && widget.dataset.predicted.startsWith('40 52')")
    assert widget.get_attribute("data-box").endswith(" 72")
    drag(notebook, widget, (0, 0), (-30, -20))
    notebook.wait(widget, "widget.dataset.predicted.split(' ')[0] < 38 && widget.dataset.predicted.split(' ')[1] < 50")
    drag(notebook, widget, (0, 0.5), (4000, 0))  # past its other edge
    notebook.wait(widget, "(([x1, y1, x2]) => x2 - x1 === 2)(widget.dataset.predicted.split(' ').map(Number))")


def test_keys_move_and_resize_it(notebook, widget):
    widget.locator("[data-control=box]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowDown")
    notebook.wait(widget, "widget.dataset.predicted === '41 53 61 73'")
    notebook.page.keyboard.press("Shift+ArrowRight")
    notebook.page.keyboard.press("Shift+ArrowUp")
    notebook.wait(widget, "widget.dataset.predicted === '41 53 62 72'")
    assert "left 41" in widget.locator("[data-control=box]").get_attribute("aria-label")


def test_menus_slider_and_field_answer_and_nonsense_is_refused(notebook, widget):
    widget.locator("[data-control=measure]").select_option("giou")
    notebook.wait(widget, "widget.dataset.measure === 'giou'")
    assert "blind" in widget.locator(".tk-said").inner_text()
    widget.locator("[data-control=place]").select_option(label="apart")
    notebook.wait(widget, "widget.dataset.predicted.startsWith('0 0')")
    widget.locator("[data-control=slide]").select_option("wide")
    notebook.wait(widget, "widget.dataset.slide === 'wide'")
    widget.locator("[data-control=along]").focus()
    before = widget.get_attribute("data-predicted")
    for _ in range(20):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait(widget, f"widget.dataset.predicted !== '{before}'")
    field = widget.locator("[data-control=typed]")
    field.fill("<b>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<b>" in widget.locator(".tk-message").inner_text()
    field.fill("10, 20, 30, 40")
    field.press("Enter")
    notebook.wait(widget, "widget.dataset.predicted === '10 20 30 40'")


def test_keys_stay_inside_and_everything_has_a_name(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    for control in ("box", "measure", "along", "typed"):
        notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        widget.locator(f"[data-control={control}]").focus()
        for key in "dd":  # would delete the cell; a "b" before it would make up for that
            notebook.page.keyboard.press(key)
        assert notebook.page.evaluate(cells) == before
    widget.locator("[data-control=typed]").fill("40, 52, 60, 72")
    nameless = widget.evaluate("""widget => [...widget.querySelectorAll('input, select, button, canvas, [role]')]
        .filter(one => one.role !== 'status' && one.ariaHidden !== 'true'
            && !(one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)).map(one => one.outerHTML)""")
    assert nameless == []
    notebook.page.wait_for_timeout(1000)  # so long it keeps quiet after the last sentence
    widget.locator("[data-control=box]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.querySelector('[aria-live=polite]').textContent.includes('CIoU')")


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, h2, .tk-note, select, td, th, input')]
        .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
        .map(one => one.textContent || one.value)""")
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-chart, .tk-stage, .tk-wide, .tk-said')]
        .map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])""")
    size = widget.locator(".tk-controls").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
    assert cut == []
    left, top, right, bottom = np.array(boxes).T
    overlap_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((overlap_x > 1) & (overlap_y > 1) & ~np.eye(len(boxes), dtype=bool)).any()
    assert size >= 14


def test_it_answers_quickly(notebook, widget):
    slid = [notebook.page.evaluate(MOVE, [widget.element_handle(), "along", 200 + 9 * move]) for move in range(30)]
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 5 if move % 2 else -5]) for move in range(30)]
    under_hand, numbers = np.array(dragged).T
    for name, times in (("slider", slid), ("under the hand", under_hand), ("its numbers", numbers)):
        print(name, [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(slid) <= 300
    assert np.median(numbers) <= 300
    assert np.median(under_hand) <= 60
