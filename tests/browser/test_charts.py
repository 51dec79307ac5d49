"""The charts of a run alone on an empty page: where what they draw lies."""

import pytest
from notebook_page import REPOSITORY

pytestmark = pytest.mark.browser

# [chart, data] → where its markers lie, series by series, px: those of the points, and the one beside the name
MARKERS = """async ([name, data]) => {
    const settings = RUN_CHARTS[name], drawn = {};
    drawMarker = (pen, marker, x, y) => (drawn[marker] ??= []).push([x, y]);
    const chart = new Chart(settings);
    chart.node.style.height = "300px";
    document.body.replaceChildren(chart.node);
    chart.show({ data, ghosts: [], marks: [], last: 100, cursor: null });
    await new Promise(requestAnimationFrame);
    for (const marker of Object.keys(drawn)) delete drawn[marker];
    chart.canvas.measure();
    chart.canvas.paint();
    chart.close();
    return Object.values(settings.series).map((one) => drawn[one.marker]);
}"""


@pytest.fixture(scope="module")
def page(browser):
    one = browser.new_page()
    for name in ("base.js", "charts.js"):
        one.add_script_tag(path=REPOSITORY / "teachkit" / "watch" / name)
    yield one
    one.close()


def test_a_name_stands_at_the_end_of_its_line(page):
    data = {"step": [0, 50, 100], "map50": [0.1, 0.5, 0.9], "map": [0, 0.3, 0.6]}
    for *points, end in page.evaluate(MARKERS, ["map", data]):
        assert len(points) == 3
        assert end == pytest.approx(points[-1])
