"""The charts of a run alone on an empty page: where what they draw lies."""

import pytest

pytestmark = pytest.mark.browser

# [chart, data] → where its round and its square markers lie, px: those of the points, and the one beside the name
MARKERS = """async ([name, data]) => {
    const { Chart } = await import("/frontend/charts.js"), { RUN_CHARTS } = await import("/frontend/run_charts.js");
    const chart = new Chart(RUN_CHARTS[name]), drawn = { circle: [], square: [] };
    chart.node.style.height = "300px";
    document.body.replaceChildren(chart.node);
    chart.show({ data, ghosts: [], marks: [], last: 100, cursor: null });
    await new Promise(requestAnimationFrame);
    const pen = chart.canvas.node.getContext("2d"), { arc, rect } = pen;
    pen.arc = (x, y, ...more) => { drawn.circle.push([x, y]); arc.call(pen, x, y, ...more); };
    pen.rect = (x, y, wide, tall) => {
        if (wide === tall) drawn.square.push([x + wide / 2, y + tall / 2]);
        rect.call(pen, x, y, wide, tall);
    };
    chart.canvas.measure();
    chart.canvas.paint();
    chart.close();
    return Object.values(chart.settings.series).map((one) => drawn[one.marker]);
}"""


def test_a_name_stands_at_the_end_of_its_line(front_ends):
    data = {"step": [0, 50, 100], "map50": [0.1, 0.5, 0.9], "map": [0, 0.3, 0.6]}
    for *points, end in front_ends.evaluate(MARKERS, ["map", data]):
        assert len(points) == 3
        assert end == pytest.approx(points[-1])
