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


# [rows] → ms of a frame of the raw and the stacked losses, the fastest of five, with the drawing done
FRAME = """async ([rows]) => {
    const { Chart } = await import("/frontend/charts.js");
    const { RUN_CHARTS, weighted } = await import("/frontend/run_charts.js");
    const noise = (row, seed) => 1 + 0.5 * Math.sin(row * 12.9898 * seed) + 20 / (1 + row);
    const step = [...Array(rows).keys()].map((row) => row * 3), of = (seed) => step.map((_, row) => noise(row, seed));
    const same = (value) => step.map(() => value);
    const steps = { step, box: of(1), cls: of(2), dfl: of(3), w_box: same(7.5), w_cls: same(0.5), w_dfl: same(1.5) };
    const charts = ["raw", "weighted"].map((name) => new Chart(RUN_CHARTS[name]));
    for (const { node, canvas } of charts) {
        document.body.append(node);
        Object.assign(canvas.node.style, { display: "block", width: "640px", height: "260px" });
        canvas.measure();
    }
    const times = [];
    for (let time = 0; time < 5; time += 1) {
        const began = performance.now();
        charts.forEach((chart, place) => {
            chart.show({ data: place ? weighted(steps) : steps, ghosts: [], marks: [], last: 3 * rows, cursor: null });
            chart.canvas.node.getContext("2d").getImageData(0, 0, 1, 1);
        });
        times.push(performance.now() - began);
    }
    charts.forEach((chart) => { chart.close(); chart.node.remove(); });
    return Math.min(...times);
}"""


def test_a_frame_of_nine_thousand_steps_does_not_cost_ten_times_one_of_nine_hundred(front_ends):
    few, many = front_ends.evaluate(FRAME, [300]), front_ends.evaluate(FRAME, [3000])  # what is kept of 9,000 steps
    print(f"{few:.1f} ms, {many:.1f} ms")
    assert many < 8 * few + 5
