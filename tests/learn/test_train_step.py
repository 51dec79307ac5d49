"""A loss or gradient that is no number, too little memory: the model is left as it was."""

import gc
import math
import weakref

import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn.microbatch import is_out_of_memory, split
from teachkit.punish.criterion import Criterion
from teachkit.structures import Losses
from tests.learn.tiny import make_batches, same, tiny_detector

# not finite


def poison_picture(trainer, value):
    trainer.cursor.data[1].images[0, 0, 5, 5] = value


def poison_box(trainer, value):
    trainer.cursor.data[1].ground_truth.boxes[0, 0, 2] = value


def poison_loss(trainer, value):
    """Only the number is bad: its gradient is that of a constant."""
    healthy, calls = trainer.criterion, []

    def criterion(predictions, truth):
        calls.append(1)
        losses = healthy(predictions, truth)
        return losses if len(calls) != 2 else Losses(losses.box + value, losses.cls, losses.dfl, losses.weights)

    trainer.criterion = criterion


def poison_gradient(trainer, value):
    """The losses are fine, a derivative is not."""
    calls = []

    def spoil(gradient):
        calls.append(1)
        return gradient if len(calls) != 2 else gradient.index_fill(0, torch.tensor([0]), value)

    next(trainer.model.parameters()).register_hook(spoil)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("poison", [poison_picture, poison_box, poison_loss, poison_gradient])
def test_a_step_that_is_not_finite_is_skipped_before_anything_changes(make_trainer, poison, value):
    trainer = make_trainer(lr=1e-3, schedule="constant")
    poison(trainer, value)
    trainer.step()
    before = trainer.state_dict()
    skipped = trainer.step()
    after = trainer.state_dict()
    assert all(same(before["train_step"][part], after["train_step"][part]) for part in ("model", "ema", "optimizer"))
    assert same(before["trend"], after["trend"])
    assert not math.isfinite(skipped["total"] + skipped["grad_norm"])
    (event,) = trainer.events()
    assert (event["what"], event["step"]) == ("skipped", 1)
    assert event["names"] == ["picture-1-0.png", "picture-1-1.png"]
    assert "picture-1-0.png" in event["message"]
    assert "learning rate" in event["message"]
    healthy = trainer.step()
    assert math.isfinite(healthy["total"])
    assert not same(after["train_step"]["model"], dict(trainer.model.state_dict()))


def test_without_a_listener_a_skipped_step_is_a_warning(make_trainer):
    trainer = make_trainer(on_record=None)
    trainer.cursor.data[0].images[:] = math.nan
    with pytest.warns(UserWarning, match="step skipped.*picture-0-0.png"):
        trainer.step()


def test_many_skips_in_a_row_are_called_divergence_and_end_the_run(make_trainer):
    batches = make_batches(6)
    for batch in batches[1:]:
        batch.images[:] = math.nan
    trainer = make_trainer(batches, max_skips=3)
    assert trainer.fit(5)["reason"] == "diverged"
    assert [event["what"] for event in trainer.events()] == ["skipped"] * 3 + ["diverged"]
    assert trainer.step_number == 4
    assert all(bool(one.isfinite().all()) for one in trainer.model.state_dict().values())


def test_skips_that_are_not_in_a_row_are_no_divergence(make_trainer):
    batches = make_batches(4)
    batches[1].images[:] = batches[3].images[:] = math.nan
    trainer = make_trainer(batches, max_skips=2)
    assert trainer.fit(3)["reason"] == "epochs"
    assert len(trainer.events("skipped")) == 6


# out of memory


class Cramped(Detector):
    """Fails above a number of pictures, as a small GPU would: in the forward pass, or on the way back."""

    def __init__(self, room, error=torch.OutOfMemoryError, on_the_way_back=False):
        super().__init__(3, device="cpu", widths=(8, 8, 16), neck=8)
        self.room, self.error, self.on_the_way_back = room, error, on_the_way_back
        self.held = []

    def forward(self, images):
        predictions = super().forward(images)
        scratch = torch.zeros(4096)
        self.held.append(weakref.ref(scratch))
        if len(images) > self.room:
            if not self.on_the_way_back:
                raise self.error("CUDA out of memory")
            predictions.cls_logits.register_hook(self._fail)
        return predictions

    def _fail(self, gradient):
        raise self.error("CUDA out of memory")


@pytest.mark.parametrize(("room", "parts"), [(8, 1), (7, 2), (4, 2), (3, 4), (1, 8)])
def test_a_batch_too_large_is_halved_until_it_fits_and_that_is_said(make_trainer, room, parts):
    trainer = make_trainer(make_batches(3, size=8), model=Cramped(room))
    for _ in range(3):
        trainer.step()
    assert trainer.train_step.accumulation_steps == parts
    told = trainer.events("out_of_memory")
    assert [event["parts"] for event in told] == [2**n for n in range(1, 4) if 2**n <= parts]
    assert all(event["step"] == 0 for event in told)
    assert all("8 pictures" in event["message"] for event in told)
    assert int(trainer.train_step.averaged.n_averaged) == 3


@pytest.mark.parametrize(
    ("error", "on_the_way_back"),
    [(torch.OutOfMemoryError, False), (torch.OutOfMemoryError, True), (MemoryError, False), (RuntimeError, True)],
)
def test_memory_is_given_back_whatever_raised(make_trainer, monkeypatch, error, on_the_way_back):
    model = Cramped(4, error, on_the_way_back)
    trainer = make_trainer(make_batches(2, size=8), model=model)
    held_when_handed_back = []

    def is_available():  # asked when the traceback has been let go of, and before the cache is emptied
        held_when_handed_back.append([reference() is not None for reference in model.held])
        return False

    with monkeypatch.context() as patch:
        patch.setattr("teachkit.learn.microbatch.torch.cuda.is_available", is_available)
        trainer.step()
    gc.collect()
    assert trainer.train_step.accumulation_steps == 2
    assert held_when_handed_back[0] == [False]
    assert not any(reference() is not None for reference in model.held)


def test_parts_add_up_to_the_slope_of_the_whole_batch(make_trainer):
    """With losses that are means over the pictures, and norms that do not look at the batch, to rounding."""

    def criterion(predictions, truth):
        return Losses(predictions.boxes.mean() / 32, predictions.scores.mean(), predictions.box_logits.square().mean())

    whole, halved = (make_trainer(make_batches(1, size=8), criterion=criterion, clip=None) for _ in range(2))
    halved.train_step.accumulation_steps = 4
    for trainer in (whole, halved):
        trainer.model.eval()
        trainer.model.train = lambda mode=True: None  # keep the norms' statistics out of it
        trainer.step()
    for one, other in zip(whole.model.parameters(), halved.model.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-7)
    assert halved.records[0]["total"] == pytest.approx(whole.records[0]["total"], rel=1e-6)


def test_the_norms_statistics_move_once_although_the_step_was_tried_twice(make_trainer):
    trainer = make_trainer(make_batches(1, size=4), model=Cramped(3))
    trainer.step()
    counts = [int(one) for name, one in trainer.model.state_dict().items() if name.endswith("num_batches_tracked")]
    # two parts, and not the failed attempt; what both strides share sees each part twice
    assert set(counts) == {2, 4}


def test_a_single_picture_that_does_not_fit_is_a_clear_error(make_trainer):
    trainer = make_trainer(make_batches(1, size=4), model=Cramped(0))
    with pytest.raises(UserError, match="one picture at a time: choose a smaller image size"):
        trainer.step()


def test_an_error_on_the_way_leaves_the_accumulation_as_it_was_and_says_nothing(make_trainer):
    trainer = make_trainer(make_batches(2, size=4), model=Cramped(0))
    with pytest.raises(UserError, match="one picture at a time"):
        trainer.step()
    assert trainer.train_step.accumulation_steps == 1
    assert not trainer.records
    trainer.model.room = 2
    trainer.step()
    assert [event["parts"] for event in trainer.events("out_of_memory")] == [2]


def test_other_errors_are_not_taken_for_a_lack_of_memory(make_trainer):
    trainer = make_trainer(model=Cramped(0, ValueError))
    before = trainer.state_dict()["train_step"]
    with pytest.raises(ValueError, match="CUDA"):
        trainer.step()
    after = trainer.state_dict()["train_step"]
    assert all(same(before[part], after[part]) for part in ("model", "ema"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9e12 bytes")
    )


def test_a_real_allocation_that_fails_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**46)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("size", "parts", "sizes"), [(8, 2, [4, 4]), (7, 2, [4, 3]), (5, 4, [2, 2, 1]), (2, 8, [1, 1])]
)
def test_a_split_loses_no_picture(size, parts, sizes):
    batch = make_batches(1, size=size)[0]
    shares, pieces = zip(*split(batch, parts), strict=True)
    assert [len(piece) for piece in pieces] == sizes
    assert sum(shares) == pytest.approx(1)
    assert [name for piece in pieces for name in piece.names] == batch.names
    assert torch.equal(torch.cat([piece.images for piece in pieces]), batch.images)


def test_the_detector_under_test_is_otherwise_the_real_one():
    batch = make_batches(1)[0]
    torch.manual_seed(0)
    losses = [Criterion()(model(batch.images), batch.ground_truth) for model in (Cramped(9), tiny_detector())]
    assert losses[0].total.item() == losses[1].total.item()
