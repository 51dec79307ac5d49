"""What every widget is held to: nothing cut or covered, keys that stay inside, names for all, prompt answers."""

from collections.abc import Iterable

import numpy as np
from notebook_page import FRAME, MOVE, NotebookPage, resize
from playwright.sync_api import Locator

IN_WORDS = (
    "button, label, legend, fieldset, h2, h3, p, select, input, output, td, th, figcaption, img, "
    ".tk-note, .tk-now, .tk-numbers"
)
PARTS = (
    "button, label, legend, h2, p, ol, img, select, input[type=range], table, .tk-field, .tk-slider, .tk-chart, "
    ".tk-gallery, .tk-panel, .tk-key, .tk-stage, .tk-wide, .tk-said, .tk-now, .tk-transport > *, .tk-tables > div"
)
LETTERS = ".tk-page, .tk-controls, .tk-lead, .tk-choices, .tk-now"
# [what is in words, parts, letters] → words that are cut, pairs of parts that overlap, the letters' sizes in px
LOOK = """(widget, [words, parts, letters]) => {
    const all = (selector) => [...widget.querySelectorAll(selector)].filter(one => one.checkVisibility());
    const told = (one) => one.textContent || one.value || one.alt || one.className;
    const frame = widget.getBoundingClientRect();
    const sticksOut = ({ left, right }) => left < frame.left - 1 || right > frame.right + 1;
    const scrolls = (one) =>
        one !== widget && (getComputedStyle(one).overflowX === 'auto' || scrolls(one.parentElement));
    const cut = all(words).filter(one => getComputedStyle(one).display !== 'inline'
        && (one.scrollWidth > one.clientWidth + 1 || (sticksOut(one.getBoundingClientRect()) && !scrolls(one))));
    const boxes = all(parts).map(one => [one, one.getBoundingClientRect()]);
    const over = boxes.flatMap(([one, a], place) => boxes.slice(place + 1).filter(([other, b]) =>
        !one.contains(other) && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1).map(([other]) => [told(one), told(other)]));
    const sizes = all(letters).map(one => parseFloat(getComputedStyle(one).fontSize));
    return [cut.map(told), over, sizes, boxes.length];
}"""
# Each canvas gets another number of pixels, and its own back. → widths and heights before and meanwhile
PIXELS = """widget => {
    const canvases = [...widget.querySelectorAll('.tk-canvas')];
    const sizes = () => [widget, ...canvases].map(one => [one.clientWidth, one.clientHeight]);
    const before = sizes();
    for (const one of canvases) [one.width, one.height] = [one.width + 1000, one.height + 1000];
    const meanwhile = sizes();
    document.body.dataset.jpThemeLight = document.body.dataset.jpThemeLight ?? 'true'; // all are drawn anew
    return [before, meanwhile];
}"""
MOVES = 11  # so many tell a median
CELLS = "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.id)"


def assert_tidy(widget: Locator, width: int) -> None:
    """width: px, of the window while it is looked at."""
    page, before = widget.page, widget.page.viewport_size
    resize(page, width, before["height"])
    cut, over, sizes, parts = widget.evaluate(LOOK, [IN_WORDS, PARTS, LETTERS])
    places, with_more_pixels = widget.evaluate(PIXELS)
    page.set_viewport_size(before)
    assert parts > 2
    assert cut == []
    assert over == []
    assert places == with_more_pixels  # else a canvas and its place make each other grow, without end
    assert min(sizes) >= (19 if width >= 1920 else 14)


def assert_keys_stay(notebook: NotebookPage, widget: Locator, *controls: str) -> None:
    """None, by name or tag, adds ("b") or deletes ("d d") a cell. By ids: a notebook's only cell is replaced."""
    before = notebook.page.evaluate(CELLS)
    for control in controls:
        for keys in ("b", "dd"):
            notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
            widget.locator(f"[data-control={control}], {control}").first.focus()
            for key in keys:
                notebook.page.keyboard.press(key)
            notebook.page.evaluate(FRAME)
            assert notebook.page.evaluate(CELLS) == before, (control, keys)


def assert_named(widget: Locator) -> None:
    """Every control and picture has a name for screen readers."""
    nameless = widget.evaluate("""widget => [...widget.querySelectorAll('input, select, button, canvas, [role]')]
        .filter(one => !one.hidden && one.role !== 'status' && one.ariaHidden !== 'true'
            && !(one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)).map(one => one.outerHTML)""")
    assert nameless == []


def assert_refused(notebook: NotebookPage, widget: Locator, control: str, nonsense: str = "<b>") -> None:
    """What is typed there is refused in words that repeat it, as text."""
    field = widget.locator(f"[data-control={control}]")
    field.fill(nonsense)
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert nonsense in widget.locator(".tk-message").inner_text()


def moves(notebook: NotebookPage, widget: Locator, control: str, first: int = 200) -> list[float]:
    """ms from each of eleven moves of a slider to its answer on the screen."""
    places = range(first, first + 27 * MOVES, 27)
    return [notebook.page.evaluate(MOVE, [widget.element_handle(), control, place]) for place in places]


def assert_prompt(name: str, times: Iterable[float], most: float = 300) -> None:
    """most: ms, of half of them."""
    median, late = np.percentile(list(times), [50, 95])
    print(f"{name}: median {median:.1f} ms, p95 {late:.1f} ms")
    assert median <= most
