"""Nothing cut, nothing over something else, and letters large enough."""

import numpy as np
from playwright.sync_api import Locator


def assert_tidy(widget: Locator, size: float) -> None:
    """size: px, the least that its text may have."""
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, .tk-note, select, .tk-field')]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent || one.value)""")
    assert cut == []
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-gallery, .tk-panel, .tk-key, ol, ' +
        'table:not(:has(button))')]
        .filter(one => one.offsetParent).map(one => one.getBoundingClientRect())
        .map(box => [box.left, box.top, box.right, box.bottom])""")
    left, top, right, bottom = np.array(boxes).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((across > 1) & (down > 1) & ~np.eye(len(boxes), dtype=bool)).any()
    assert widget.locator(".tk-page").evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= size
