"""The detector from outside: shapes, seeds, modes, mistakes, and a gradient for every weight."""

import copy
import json
import math

import pytest
import torch
from torch.testing import assert_close

from teachkit.boxes import anchor_points
from teachkit.errors import UserError
from teachkit.feed.decode import decode
from teachkit.feed.detector import Detector
from teachkit.feed.device import native_bfloat16

SMALL = {"widths": (4, 6, 8), "neck": 8, "bins": 4, "device": "cpu"}


def small(num_classes=3, **changes):
    return Detector(num_classes, **{**SMALL, **changes})


def pictures(count=2, height=64, width=96, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


@pytest.mark.parametrize(
    ("strides", "widths"),
    [((8, 16), (4, 6, 8)), ((8, 16, 32), (4, 6, 8, 10)), ((4, 8, 16), (4, 6, 8)), ((16,), (4, 6, 8))],
)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (128, 32)])
def test_predictions_have_the_shapes_of_the_contract(strides, widths, height, width):
    predictions = small(strides=strides, widths=widths)(pictures(2, height, width))
    anchors = sum(height // stride * (width // stride) for stride in strides)
    assert predictions.cls_logits.shape == (2, anchors, 3)
    assert predictions.box_logits.shape == (2, anchors, 4, 4)
    points, stride_of_point = anchor_points((height, width), strides)
    assert torch.equal(predictions.anchor_points, points)
    assert torch.equal(predictions.strides, stride_of_point)
    assert predictions.boxes.shape == (2, anchors, 4)
    assert predictions.scores.shape == (2, anchors, 3)


def test_the_defaults_are_those_of_the_contract():
    model = Detector(3, device="cpu")
    assert (model.strides, model.bins) == ((8, 16), 16)
    assert model(pictures(1, 128, 128)).box_logits.shape == (1, 16 * 16 + 8 * 8, 4, 16)


def test_a_prediction_belongs_to_its_anchor_point():
    """A bright spot moves the logits most at the anchor points around it: rows and columns are not mixed up."""
    model = small(strides=(4, 8, 16)).eval()
    dark, spot = torch.zeros(1, 3, 64, 96), torch.zeros(1, 3, 64, 96)
    spot[:, :, 10:14, 72:76] = 1
    before, after = model(dark), model(spot)
    moved = (after.cls_logits - before.cls_logits).abs().sum(-1)[0]
    finest = after.strides == 4
    assert (after.anchor_points[moved.masked_fill(~finest, 0).argmax()] - torch.tensor([74, 12])).abs().max() <= 8


def test_settings_rebuild_the_same_model():
    model = small(4, strides=(8, 16, 32), widths=(4, 6, 8, 10), seed=3)
    rebuilt = Detector(**json.loads(json.dumps(model.settings())), device="cpu")
    assert rebuilt.settings() == model.settings()
    assert torch.equal(weights(rebuilt), weights(model))
    assert torch.equal(rebuilt(pictures()).cls_logits, model(pictures()).cls_logits)


def test_the_seed_alone_decides_the_first_weights():
    torch.manual_seed(1)
    first = weights(small(seed=5))
    torch.manual_seed(2)
    assert torch.equal(weights(small(seed=5)), first)
    assert not torch.equal(weights(small(seed=6)), first)


def test_building_a_detector_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    small()
    assert torch.equal(torch.rand(3), expected)


def test_features_and_head_compose_to_the_forward_pass():
    model = small(strides=(4, 8, 16)).eval()
    features = model.features(pictures())
    assert [one.shape for one in features] == [(2, 8, 64 // stride, 96 // stride) for stride in (4, 8, 16)]
    by_parts, whole = model.head(features), model(pictures())
    for name in ("cls_logits", "box_logits", "anchor_points", "strides"):
        assert torch.equal(getattr(by_parts, name), getattr(whole, name))


def test_an_untrained_detector_says_nothing_is_there():
    scores = Detector(3, device="cpu").eval()(pictures(2, 128, 128)).scores
    assert 0.002 < scores.mean() < 0.05


def test_every_weight_gets_a_gradient():
    model = small()
    predictions = model(pictures())
    (predictions.boxes.square().mean() + predictions.scores.square().mean()).backward()
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_finer_maps_hear_from_coarser_ones():
    model = small(strides=(4, 8, 16))
    predictions = model(pictures())
    predictions.cls_logits[:, predictions.strides == 4].square().mean().backward()
    assert all(value.grad.any() for value in model.backbone.stages[-1].parameters())


def test_the_model_normalises_its_pictures():
    model, seen = small(), []
    model.backbone.register_forward_pre_hook(lambda _, fed: seen.append(fed[0]))
    model(pictures())
    assert abs(seen[0].mean()) < 0.3
    assert 0.5 < seen[0].std() < 2


def test_two_trainings_end_in_the_same_bits():
    def trained():
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            predictions = model(pictures(seed=step))
            optimizer.zero_grad()
            (predictions.boxes.square().mean() * 1e-3 + predictions.scores.square().mean()).backward()
            optimizer.step()
        return weights(model)

    assert torch.equal(trained(), trained())


def test_on_the_cpu_everything_is_float32():
    model = small()
    assert {one.dtype for one in model.features(pictures())} == {torch.float32}
    predictions = model(pictures())
    assert {getattr(predictions, name).dtype for name in ("cls_logits", "box_logits", "boxes")} == {torch.float32}


@pytest.mark.gpu
def test_on_a_gpu_with_bfloat16_the_features_are_bfloat16_and_the_predictions_float32():
    model = small(device="cuda")
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this GPU computes no bfloat16")
    assert {one.dtype for one in model.features(pictures().cuda())} == {torch.bfloat16}
    predictions = model(pictures().cuda())
    assert {predictions.cls_logits.dtype, predictions.box_logits.dtype} == {torch.float32}
    predictions.boxes.mean().backward()


@pytest.mark.parametrize("training", [True, False])
def test_detect_restores_the_mode_of_every_part(training):
    model = small().train(training)
    model.detect(pictures())
    assert {part.training for part in model.modules()} == {training}


def test_detect_leaves_frozen_parts_frozen():
    model = small().train()
    model.backbone.eval()
    model.detect(pictures())
    assert model.training
    assert model.predictor.training
    assert not any(part.training for part in model.backbone.modules())


def test_detect_restores_the_mode_after_an_error():
    model = small().train()
    with pytest.raises(UserError):
        model.detect(pictures(height=60))
    assert model.training


def test_detect_changes_neither_weights_nor_running_means_and_leaves_no_gradient():
    model = small().train()
    before = copy.deepcopy(model.state_dict())
    graphs = []
    model.register_forward_hook(lambda _, images, predictions: graphs.append(predictions.cls_logits.requires_grad))
    found = model.detect(pictures(), score_threshold=0.001)
    assert graphs == [False]  # nothing is kept for a backward pass
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())
    assert not any(one.boxes.requires_grad or one.scores.requires_grad for one in found)
    assert torch.is_grad_enabled()


def test_detect_decodes_what_the_model_predicts_in_eval_mode():
    model = small()
    found = model.detect(pictures(), score_threshold=0.005, iou_threshold=0.5, limit=7)
    expected = decode(model.eval()(pictures()), (64, 96), 0.005, 0.5, 7)
    assert sum(map(len, found)) > 0
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.boxes, other.boxes)
        assert torch.equal(one.scores, other.scores)
        assert torch.equal(one.labels, other.labels)


def test_training_goes_on_after_detecting_in_inference_mode():
    model = small()
    with torch.inference_mode():
        model.detect(pictures())
    model(pictures()).boxes.mean().backward()


def test_a_picture_can_be_another_size_from_batch_to_batch():
    model = small().eval()
    first = model(pictures(1, 64, 64)).cls_logits
    model(pictures(1, 32, 128))
    assert torch.equal(model(pictures(1, 64, 64)).cls_logits, first)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "float32 in 0–1, not .* torch.uint8"),
        (torch.zeros(3, 64, 64), r"\[B, 3, H, W\] torch.float32 in 0–1, not \[3, 64, 64\]"),
        (torch.zeros(64, 3, 64), r"not \[64, 3, 64\]"),
        (torch.zeros(1, 1, 64, 64), r"not \[1, 1, 64, 64\]"),
        (torch.zeros(1, 64, 64, 3), r"not \[1, 64, 64, 3\]"),
        *(
            (torch.zeros(1, 3, 64, 64).to(one), f"not .* {one}")
            for one in (torch.float64, torch.float16, torch.complex64)
        ),
        (torch.zeros(1, 3, 64, 64).to_sparse(), "sparse_coo"),
        (torch.zeros(1, 3, 64, 64, device="meta"), "is on cpu and takes no images .* on meta"),
        (torch.zeros(1, 3, 64, 64).numpy(), "not a ndarray"),
        ([torch.zeros(3, 64, 64)], "not a list"),
        (torch.zeros(1, 3, 60, 64), "60 × 64 px: both sides must be multiples of 16"),
        (torch.zeros(1, 3, 64, 72), "64 × 72 px: both sides must be multiples of 16"),
        (torch.zeros(1, 3, 0, 0), "0 × 0 px: both sides must be multiples of 16"),
        (torch.zeros(1, 3, 16, 16), "one picture of 16 × 16 px is one number per channel"),
    ],
)
def test_pictures_that_cannot_be_fed_are_refused_in_one_line(images, message):
    with pytest.raises(UserError, match=message) as refused:
        small()(images)
    assert "\n" not in str(refused.value)
    if not isinstance(images, torch.Tensor) or images.dtype.is_complex or images.is_sparse:
        with pytest.raises(UserError, match="must be a tensor"):  # it looks at the pixels first
            small().detect(images)


@pytest.mark.parametrize("strides", [8, (), (16, 8), (8, 8), (2, 8), (1, 8), (3,)])
def test_strides_that_do_not_fit_are_refused(strides):
    with pytest.raises(UserError, match=r"choose from \(4, 8, 16, 32, 64\), each once and finest first"):
        small(strides=strides)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"num_classes": value} for value in (0, 2.5, True, "3", math.nan, 10**9)),
        *({"bins": value} for value in (1, 2.5)),
        *({"neck": value} for value in (0, 2.5, None)),
        *({"widths": value} for value in ((8, 1, 16), (8, 8.5, 16), (8, 16, -16))),
        *({"seed": value} for value in (-1, 2.5, None, "a", 2**63, 10**30)),
    ],
    ids=str,
)
def test_a_detector_of_impossible_numbers_is_refused(wrong):
    name = {"widths": "a width"}.get(*wrong, *wrong)
    with pytest.raises(UserError, match=f"^{name} must be a whole number"):
        small(**wrong)


def test_a_device_that_is_not_there_is_refused_in_one_line():
    with pytest.raises(UserError, match="take auto, cpu, cuda or mps") as refused:
        small(device="tpu")
    assert "\n" not in str(refused.value)


def test_pixels_of_0_to_255_are_refused_before_they_give_a_wrong_answer():
    with pytest.raises(UserError, match="divide them by 255"):
        small().detect(pictures() * 255)


def test_pixels_that_are_normalised_already_are_refused():
    with pytest.raises(UserError, match=r"not down to .*: the model normalises them itself"):
        small().detect((pictures() - 0.45) / 0.225)


@pytest.mark.parametrize(("found", "native"), [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({}, False)])
def test_a_processor_says_whether_it_computes_in_bfloat16_and_a_new_detector_stays_in_float32(
    found, native, monkeypatch
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: found, raising=False)
    assert native_bfloat16(torch.device("cpu")) == native
    assert not Detector(2, device="cpu").half_precision


def test_bfloat16_is_asked_of_autocast_alone():
    """Which takes neither what vmap is given, nor float64."""
    model = Detector(2, device="cpu", widths=(4, 6, 8), neck=8).eval()
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = model(images).cls_logits
    model.half_precision = True
    rounded = model(images).cls_logits
    assert not torch.equal(rounded, expected)
    assert_close(rounded, expected, rtol=0.05, atol=0.05)
    model.channels_last = False
    each = torch.func.vmap(lambda one: model(one[None]).cls_logits[0])(images)
    assert_close(each, expected, rtol=0.05, atol=0.05)
    model.channels_last = True
    assert_close(model.double()(images.double()).cls_logits.float(), expected, rtol=1e-4, atol=1e-4)
