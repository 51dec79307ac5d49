"""The charts of a run alone on an empty page: where what they draw lies."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


# [rows] → ms of a frame of the raw and the stacked losses, the fastest of fifteen, with the drawing done
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
    for (let time = 0; time < 15; time += 1) {
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


def test_a_frame_of_nine_thousand_rows_costs_hardly_more_than_one_of_a_thousand(front_ends):
    few, some, many = (front_ends.evaluate(FRAME, [rows]) for rows in (100, 1000, 9000))
    print(f"{few:.1f} ms, {some:.1f} ms, {many:.1f} ms")
    assert many < 2 * some + 5


# [values] → the places of those that are drawn
ROWS = """async ([values]) => (await import("/frontend/series.js")).rowsToDraw(values)"""


@given(st.lists(st.none() | st.integers(0, 50), min_size=200, max_size=2000), st.integers(0, 1999))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_drawn_of_a_long_run_keeps_its_spike_its_newest_rows_and_its_end(front_ends, values, place):
    values[place % len(values)] = 999
    rows = front_ends.evaluate(ROWS, [values])
    if rows is None:  # a short run is drawn as it is
        assert len(values) < 256
        return
    assert rows == sorted(set(rows))
    assert len(rows) < 500
    assert place % len(values) in rows
    assert set(range(len(values) - 64, len(values))) <= set(rows)
    there = [row for row, value in enumerate(values) if value is not None]
    assert max(there) in rows
    assert min(values[row] for row in there) in [values[row] for row in rows]
    if None in values:  # a gap stays a gap
        assert None in [values[row] for row in rows]


def test_a_smoothed_curve_forgets_what_is_further_back_than_nine_steps(front_ends):
    smooth = """async ([values]) => (await import("/frontend/series.js")).smoothed(values)"""
    values = [0.1, None, 1e30, *[0.7] * 9, *[0.0] * 9]
    smoothed = front_ends.evaluate(smooth, [values])
    assert smoothed[:2] == [0.1, None]
    assert smoothed[11] == pytest.approx(0.7)
    assert smoothed[20] == 0


# [marks, width, font size, px] → [words, left, right, baseline] of each mark whose words are drawn
WORDS = """async ([marks, width, size]) => {
    const { Chart } = await import("/frontend/charts.js"), { RUN_CHARTS } = await import("/frontend/run_charts.js");
    const chart = new Chart(RUN_CHARTS.raw), drawn = [];
    Object.assign(chart.node.style, { width: `${width}px`, height: `${12 * size}px`, fontSize: `${size}px` });
    document.body.replaceChildren(chart.node);
    Object.assign(chart.canvas.node.style, { width: `${width}px`, height: `${12 * size}px`, fontSize: `${size}px` });
    const step = [0, 50, 100], data = { step, box: [3, 2, 1], cls: [3, 2, 1], dfl: [3, 2, 1] };
    chart.show({ data, ghosts: [], marks, last: 100, cursor: null });
    chart.canvas.measure();
    const pen = chart.canvas.node.getContext("2d"), { fillText } = pen, words = new Set(marks.map((one) => one.label));
    pen.fillText = (text, x, y) => {
        if (words.has(text)) drawn.push([text, x, x + pen.measureText(text).width, y]);
        fillText.call(pen, text, x, y);
    };
    chart.canvas.paint();
    chart.close();
    return drawn;
}"""
ALARM_WORDS = [f"{alarm}: rate 0.7" for alarm in ("spike", "not finite", "diverged")]
STEPS = st.integers(0, 100)


@given(
    st.tuples(STEPS, STEPS, STEPS).map(sorted),
    st.lists(st.tuples(STEPS, st.sampled_from(["rate 0.7", "schedule cosine", "box 75, class 5, DFL 15"])), max_size=8),
    st.sampled_from([(420, 13), (640, 13), (1240, 47)]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_alarm_keeps_its_words_with_their_cause_however_crowded_the_curve_is(front_ends, steps, changes, of):
    alarms = [{"step": step, "label": words, "alarm": True} for step, words in zip(steps, ALARM_WORDS, strict=True)]
    marks = sorted(alarms + [{"step": step, "label": words} for step, words in changes], key=lambda one: one["step"])
    drawn = front_ends.evaluate(WORDS, [marks, *of])
    assert set(ALARM_WORDS) <= {words for words, *_ in drawn}
    for number, (_, left, right, baseline) in enumerate(drawn):
        assert left >= 0
        assert right <= of[0]
        for _, start, end, other in drawn[:number]:
            assert abs(baseline - other) > of[1] * 0.9 or right < start or end < left
