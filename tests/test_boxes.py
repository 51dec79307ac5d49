"""The IoU family against torchvision, its slopes against finite differences, and the geometry of anchor points."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close
from torchvision import ops

from teachkit.boxes import (
    anchor_points,
    area,
    boxes_to_distances,
    ciou,
    contains,
    diou,
    distances_to_boxes,
    expected_bin,
    giou,
    iou,
    shape_gap,
    sides,
)

TRUTH = torch.tensor([0.0, 0.0, 80.0, 80.0])
FAMILY = {
    iou: ops.box_iou,
    giou: ops.generalized_box_iou,
    diou: ops.distance_box_iou,
    ciou: ops.complete_box_iou,
}
LOSSES = {giou: ops.generalized_box_iou_loss, diou: ops.distance_box_iou_loss, ciou: ops.complete_box_iou_loss}


def box_of(left, top, width, height):
    return (left, top, left + width, top + height)


PLACE, SIDE = st.floats(-200, 200), st.floats(0.1, 300)
BOX = st.builds(box_of, PLACE, PLACE, SIDE, SIDE)
TWO_BOXES = st.tuples(BOX, BOX).map(lambda pair: torch.tensor(pair, dtype=torch.float64).unbind())


def random_boxes(count, seed=0, smallest=0.1):
    generator = torch.Generator().manual_seed(seed)
    left_top = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 100 - 20
    wh = smallest + torch.rand(count, 2, generator=generator, dtype=torch.float64) ** 3 * 100
    return torch.cat([left_top, left_top + wh], -1)


@pytest.mark.parametrize(("ours", "theirs"), FAMILY.items(), ids=lambda function: function.__name__)
def test_all_pairs_are_as_in_torchvision(ours, theirs):
    a, b = random_boxes(60, seed=1), random_boxes(50, seed=2)
    assert_close(ours(a[:, None], b[None]), theirs(a, b), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("ours", "theirs"), LOSSES.items(), ids=lambda function: function.__name__)
def test_slopes_are_as_in_torchvision(ours, theirs):
    a, b = random_boxes(300, seed=7), random_boxes(300, seed=8)
    ours_at, theirs_at = a.clone().requires_grad_(), a.clone().requires_grad_()
    (1 - ours(ours_at, b)).sum().backward()
    theirs(theirs_at, b).sum().backward()
    assert_close(ours_at.grad, theirs_at.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("ours", "theirs"), LOSSES.items(), ids=lambda function: function.__name__)
@given(pair=TWO_BOXES)
def test_any_two_boxes_are_compared_as_in_torchvision(ours, theirs, pair):
    a, b = pair
    assert_close(1 - ours(a, b), theirs(a[None], b[None])[0], rtol=0, atol=2e-6)


@given(pair=TWO_BOXES)
def test_the_family_keeps_its_order_and_its_bounds(pair):
    a, b = pair
    overlap, hull, distance, complete = (measure(a, b) for measure in FAMILY)
    assert 0 <= overlap <= 1
    assert -1 <= hull <= overlap + 1e-12
    assert -1 <= distance <= overlap + 1e-12
    assert -1.5 < complete <= distance + 1e-12


@given(pair=TWO_BOXES, scale=st.floats(1, 100), shift=st.tuples(PLACE, PLACE))
def test_scale_and_translation_leave_all_of_them_alone(pair, scale, shift):
    offset = torch.tensor(shift * 2, dtype=torch.float64)
    for measure in FAMILY:
        assert_close(measure(*(box * scale + offset for box in pair)), measure(*pair), rtol=0, atol=5e-5)


@given(pair=TWO_BOXES)
def test_it_does_not_matter_which_box_comes_first(pair):
    for measure in FAMILY:
        assert_close(measure(*pair), measure(*reversed(pair)), rtol=0, atol=1e-12)


def alpha_of(a, b):
    """The trade-off of CIoU (arXiv 1911.08287, eq. 11), from the two things it trades."""
    gap = shape_gap(a, b)
    return gap / (1 - iou(a, b) + gap)


def test_slope_of_ciou_is_that_of_finite_differences_with_alpha_frozen():
    a, b = random_boxes(200, seed=3, smallest=1), random_boxes(200, seed=4, smallest=1)
    alpha = alpha_of(a, b)
    nudged = a.clone().requires_grad_()
    ciou(nudged, b).sum().backward()
    for edge in range(4):
        step = torch.zeros(4, dtype=torch.float64)
        step[edge] = 1e-6
        above, below = (diou(moved, b) - alpha * shape_gap(moved, b) for moved in (a + step, a - step))
        assert_close(nudged.grad[:, edge], (above - below) / 2e-6, rtol=1e-5, atol=1e-6)


DEGENERATE = {
    "no height": ((10, 20, 40, 20), (12, 18, 42, 30)),
    "no width": ((10, 20, 10, 50), (12, 18, 42, 30)),
    "a point": ((10, 20, 10, 20), (12, 18, 42, 30)),
    "a true box without height": ((12, 18, 42, 30), (10, 20, 40, 20)),
    "a true box that is a point": ((12, 18, 42, 30), (10, 20, 10, 20)),
    "both points": ((10, 20, 10, 20), (30, 40, 30, 40)),
    "the same point": ((10, 20, 10, 20), (10, 20, 10, 20)),
    "a point in the corner of a picture": ((0, 0, 0, 0), (0, 0, 640, 640)),
    "crossed lines": ((0, 50, 100, 50), (50, 0, 50, 100)),
    "inside out": ((40, 30, 10, 20), (12, 18, 42, 30)),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("measure", FAMILY, ids=lambda function: function.__name__)
def test_degenerate_boxes_have_finite_values_and_slopes(measure, name, dtype):
    a, b = (torch.tensor(box, dtype=dtype, requires_grad=True) for box in DEGENERATE[name])
    value = measure(a, b)
    value.backward()
    assert value.isfinite()
    assert a.grad.isfinite().all()
    assert b.grad.isfinite().all()


def test_torchvision_does_not_survive_the_degenerate_boxes():
    """Should this fail one day, torchvision has been mended and the table above has lost its reason."""
    point, box = (torch.tensor([corners], dtype=torch.float32) for corners in DEGENERATE["a point"])
    point.requires_grad_()
    ops.complete_box_iou_loss(point, box).sum().backward()
    assert point.grad.isnan().any()


def test_half_precision_is_computed_in_float32():
    a, b = torch.tensor([300.0, 300.0, 700.0, 700.0]), torch.tensor([320.0, 310.0, 640.0, 720.0])  # exact in bfloat16
    for measure in FAMILY:
        for dtype in (torch.bfloat16, torch.float16):
            assert_close(measure(a.to(dtype), b.to(dtype)), measure(a, b), rtol=0, atol=0)


def test_a_small_box_inside_a_large_one_is_moved_by_ciou_alone():
    centred, aside = torch.tensor([[30.0, 30.0, 50.0, 50.0], [5.0, 5.0, 25.0, 25.0]], requires_grad=True).unbind()
    for measure in (iou, giou):
        assert measure(centred, TRUTH) == measure(aside, TRUTH)
    assert 1 - ciou(centred, TRUTH).item() == pytest.approx(0.938, abs=5e-4)
    assert 1 - ciou(aside, TRUTH).item() == pytest.approx(1.035, abs=5e-4)


def slope_of_a_shift(measure, box):
    """How much the measure changes when the box is moved right by one pixel."""
    box = torch.tensor(box, requires_grad=True)
    measure(box, TRUTH).backward()
    return float(box.grad[0] + box.grad[2])


@pytest.mark.parametrize(("measure", "moves"), [(iou, False), (giou, False), (diou, True), (ciou, True)])
def test_only_a_centre_penalty_moves_a_box_that_lies_inside(measure, moves):
    assert (abs(slope_of_a_shift(measure, [5.0, 5.0, 25.0, 25.0])) > 1e-3) == moves


def test_areas_and_sides():
    boxes = torch.tensor([[1.0, 2.0, 4.0, 10.0], [5.0, 5.0, 3.0, 9.0]])
    assert_close(torch.stack(sides(boxes), -1), torch.tensor([[3.0, 8.0], [-2.0, 4.0]]))
    assert_close(area(boxes), torch.tensor([24.0, 0.0]))
    assert_close(area(boxes[:1]), ops.box_area(boxes[:1]))


def test_boxes_that_do_not_meet_have_no_overlap_however_far_apart():
    near, far = torch.tensor([90.0, 0.0, 100.0, 10.0]), torch.tensor([900.0, 900.0, 910.0, 910.0])
    assert iou(near, TRUTH) == iou(far, TRUTH) == 0
    assert giou(far, TRUTH) < giou(near, TRUTH) < 0


def test_anchor_points_are_the_centres_of_cells_finest_map_first_row_by_row():
    points, strides = anchor_points((16, 32), (8, 16))
    assert points.tolist() == [
        [4, 4], [12, 4], [20, 4], [28, 4],
        [4, 12], [12, 12], [20, 12], [28, 12],
        [8, 8], [24, 8],
    ]  # fmt: skip
    assert strides.tolist() == [8] * 8 + [16] * 2
    assert points.dtype == strides.dtype == torch.float32


def test_a_box_is_the_anchor_point_and_four_distances_in_strides():
    point, stride = torch.tensor([[44.0, 60.0]]), torch.tensor([8.0])
    box = distances_to_boxes(torch.tensor([[2.0, 1.5, 3.0, 0.5]]), point, stride)
    assert box.tolist() == [[28, 48, 68, 64]]


@given(box=BOX, point=st.tuples(PLACE, PLACE), stride=st.sampled_from([4, 8, 16, 32]))
def test_distances_to_boxes_and_back(box, point, stride):
    box, point, stride = (torch.tensor([one], dtype=torch.float64) for one in (box, point, stride))
    distances = boxes_to_distances(box, point, stride)
    assert_close(distances_to_boxes(distances, point, stride), box, rtol=0, atol=1e-9)


def test_points_and_strides_may_differ_from_image_to_image():
    points, strides = torch.rand(3, 5, 2) * 100, torch.full((3, 5), 8.0)
    distances = torch.rand(3, 5, 4)
    boxes = distances_to_boxes(distances, points, strides)
    for image in range(3):
        assert_close(boxes[image], distances_to_boxes(distances[image], points[image], strides[image]))
    assert_close(boxes_to_distances(boxes, points, strides), distances, rtol=0, atol=1e-5)


def test_a_side_is_the_mean_of_the_bins_and_not_the_likeliest():
    quarter_and_rest = torch.tensor([0.25, 0, 0, 0, 0.75]).log()
    assert expected_bin(quarter_and_rest) == pytest.approx(3)
    assert 44 + 8 * expected_bin(quarter_and_rest) == pytest.approx(68)
    assert expected_bin(torch.zeros(16)) == pytest.approx(7.5)
    assert expected_bin(torch.tensor([0.0, math.inf, 0.0]).clamp(max=1e4)) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_and_autocast_do_not_move_a_side(dtype):
    logits = (torch.randn(50, 16, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    exact = expected_bin(logits.double())
    assert_close(expected_bin(logits).double(), exact, rtol=0, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(expected_bin(logits.float()).double(), exact, rtol=0, atol=1e-5)


def test_a_point_on_the_edge_is_not_inside():
    box = torch.tensor([8.0, 8.0, 16.0, 24.0])
    points = torch.tensor([[12, 16], [8, 16], [16, 16], [12, 8], [12, 24], [8, 8], [7, 16], [12, 23.9]])
    assert contains(box, points).tolist() == [True, False, False, False, False, False, False, True]


def test_points_inside_every_box_make_a_table():
    boxes, points = random_boxes(7, seed=5), random_boxes(9, seed=6)[:, :2]
    table = contains(boxes[:, None], points)
    assert table.shape == (7, 9)
    for row, box in enumerate(boxes):
        for column, (x, y) in enumerate(points):
            assert table[row, column] == (box[0] < x < box[2] and box[1] < y < box[3])
