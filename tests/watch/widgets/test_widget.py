import re

import pytest

from teachkit.watch.widgets.widget import WATCH, front_end

FRONT_ENDS = sorted(WATCH.rglob("*.js"))


def test_the_files_become_one_module():
    text = front_end("base.js", "charts.js")
    assert text.index("function guardKeys") < text.index("class Chart")


@pytest.mark.parametrize("path", FRONT_ENDS, ids=lambda path: path.name)
def test_no_text_is_ever_read_as_markup_and_nothing_is_fetched(path):
    source = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")  # SVG's name, not an address
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", source)
    assert not re.search(r"https?://|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket", source)
