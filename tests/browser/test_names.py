"""Names of boxes, as names.js places them: asked without a notebook."""

import itertools

import pytest

pytestmark = pytest.mark.browser

WRITE = """async ([boxes, texts]) => {
    const { NamePlaces } = await import("/frontend/names.js");
    const pen = document.createElement("canvas").getContext("2d"), places = new NamePlaces(300, 200);
    const written = boxes.map(box => places.write(pen, texts, box, 12, { paper: "#fff" }));
    return [written, places.taken];
}"""


@pytest.mark.parametrize("step", [0, 1, 4, 9])
def test_no_name_covers_another_or_leaves_the_picture(front_ends, step):
    boxes = [[20 + step * one, 30 + step * one, 80 + step * one, 90 + step * one] for one in range(9)]
    written, taken = front_ends.evaluate(WRITE, [boxes, ["triangle .87", "triangle"]])
    assert written[0]
    assert sum(written) == len(taken) > 1
    assert taken[0][1] + taken[0][3] == pytest.approx(30)  # the first choice: on the upper edge of its box
    for x, y, wide, tall in taken:
        assert 0 <= x <= x + wide <= 300
        assert 0 <= y <= y + tall <= 200
    for (a, b, c, d), (x, y, wide, tall) in itertools.combinations(taken, 2):
        assert a >= x + wide or x >= a + c or b >= y + tall or y >= b + d


def test_where_there_is_no_room_at_all_a_name_is_left_out(front_ends):
    written, taken = front_ends.evaluate(WRITE, [[[0, 0, 300, 200]] * 60, ["a name as wide as the picture itself"]])
    assert not all(written)
    assert sum(written) == len(taken)
