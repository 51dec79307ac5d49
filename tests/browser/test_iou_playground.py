"""The IoU playground in a real browser: dragged, resized, moved by keys, and how fast it answers."""

import json

import pytest
import torch
from notebook_page import is_blank, pixels, resize
from tidy import MOVES, assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

from teachkit.analysis.sliding_box import losses_and_slopes

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.IoUPlayground()\nplayground"]
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


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-iou")
    notebook.wait(one, "widget.dataset.loss")
    notebook.page.wait_for_timeout(100)  # the last move of a drag leaves a frame after it: it would come after this
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


def test_the_box_is_dragged_even_by_an_arrow_that_lies_over_it(notebook, widget):
    before = pixels(widget.locator("svg").first)
    drag(notebook, widget, (0.5, 0.5), (60, 30))
    notebook.wait(
        widget,
        "widget.dataset.predicted === widget.dataset.box && (([x1, y1, x2, y2]) => x1 > 45 && y1 > 54"
        " && x2 - x1 === 20 && y2 - y1 === 20)(widget.dataset.box.split(' ').map(Number))",
    )
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
    assert_refused(notebook, widget, "typed")
    field = widget.locator("[data-control=typed]")
    field.fill("10, 20, 30, 40")
    field.press("Enter")
    notebook.wait(widget, "widget.dataset.predicted === '10 20 30 40'")


def test_keys_stay_inside_and_everything_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "box", "measure", "along", "typed")
    widget.locator("[data-control=typed]").fill("40, 52, 60, 72")
    assert_named(widget)
    notebook.page.wait_for_timeout(1000)  # so long it keeps quiet after the last sentence
    widget.locator("[data-control=box]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.querySelector('[aria-live=polite]').textContent.includes('CIoU')")


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_box_losses_and_numbers_fit_a_projectors_window_at_once(notebook, widget):
    before = notebook.page.viewport_size
    resize(notebook.page, 1920, 1080)
    height = widget.bounding_box()["height"]
    room = notebook.page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
    notebook.page.set_viewport_size(before)
    assert height <= room


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "along"))
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 5 if move % 2 else -5]) for move in range(MOVES)]
    under_hand, numbers = zip(*dragged, strict=True)
    assert_prompt("under the hand", under_hand, 60)
    assert_prompt("its numbers", numbers)


def test_the_box_follows_the_slope_step_by_step_and_all_four_losses_race_from_one_start(notebook, widget):
    walk = widget.locator(".tk-walk")
    widget.locator("[data-control=step]").click()
    notebook.wait(widget, "widget.querySelector('.tk-walk').dataset.moves === '{\"ciou\":1}'")
    notebook.wait(widget, "widget.dataset.predicted !== '40 52 60 72'")
    box = torch.tensor([40.0, 52, 60, 72], dtype=torch.float64)
    _, slopes = losses_and_slopes(box, torch.tensor([24.0, 24, 104, 104], dtype=torch.float64))
    wanted = box - 800 * slopes[3]
    shown = [float(one) for one in widget.get_attribute("data-predicted").split()]
    assert shown == pytest.approx(wanted.tolist(), abs=0.06)
    widget.locator("[data-control=play]").click()
    notebook.wait(widget, "/CIoU: \\d+ moves/.test(widget.querySelector('.tk-walk-said').textContent)")
    assert float(widget.locator("[data-number=iou-0]").inner_text()) >= 0.9
    widget.locator("[data-control=race]").click()
    notebook.wait(
        widget, "/IoU.*GIoU.*DIoU.*CIoU: (\\d+ moves|not)/.test(widget.querySelector('.tk-walk-said').textContent)"
    )
    moves = json.loads(walk.get_attribute("data-moves"))
    assert list(moves) == ["iou", "giou", "diou", "ciou"]
    assert widget.locator(".tk-trails polyline").count() == 4
    assert f"Fewest moves so far: {min(moves.values())}" in walk.inner_text()
    widget.locator("[data-control=box]").focus()
    notebook.page.keyboard.press("ArrowRight")  # by hand: a new walk
    notebook.wait(widget, "widget.querySelector('.tk-walk').dataset.moves === '{}'")


def test_a_walk_without_a_slope_says_so(notebook, widget):
    notebook.execute("playground.set(predicted=[0, 0, 12, 12], measure='iou')")
    notebook.wait(widget, "widget.dataset.measure === 'iou' && widget.dataset.predicted === '0 0 12 12'")
    widget.locator("[data-control=step]").click()
    notebook.wait(widget, "widget.querySelector('.tk-walk-said').textContent.includes('no slope, no move')")
    assert widget.get_attribute("data-predicted") == "0 0 12 12"
