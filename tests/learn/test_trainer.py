"""One step: the three lines, its record, and the controls that come into force with it."""

import inspect
import json
import math
import threading
from dataclasses import replace

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn.train_step import TrainStep
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.structures import Losses, LossWeights
from tests.learn.tiny import make_batches, same, tiny_detector

STEP_KEYS = ["kind", "step", "epoch", "lr", "box", "cls", "dfl", "total", "weights", "grad_norm", "seconds"]


def test_feed_punish_learn_stand_together_with_nothing_between():
    source = inspect.getsource(TrainStep._feed_punish_learn)
    lines = [line.strip() for line in source.splitlines()[1:] if line.strip()]
    assert lines == [
        "# Feed",
        "predictions = self.model(batch.images)",
        "# Punish",
        "self.losses = self.criterion(predictions, batch.ground_truth)",
        "# Learn",
        "self.optimizer.zero_grad()",
        "self.losses.backward()",
        "self.optimizer.step()",
    ]


def test_a_step_changes_the_weights_as_the_plain_loop_does(make_trainer):
    batches, plain, criterion = make_batches(), tiny_detector(), Criterion()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.01, momentum=0.9)
    trained = tiny_detector()
    given = torch.optim.SGD(trained.parameters(), lr=0.01, momentum=0.9)
    trainer = make_trainer(batches, model=trained, optimizer=given, schedule="constant", clip=None)
    for batch in batches:
        losses = criterion(plain.train()(batch.images), batch.ground_truth)
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
        trainer.step()
    assert same(dict(plain.state_dict()), dict(trained.state_dict()))


def test_a_step_record_has_the_fields_of_the_contract_and_is_json(make_trainer):
    trainer = make_trainer()
    record = trainer.step()
    assert list(record) == STEP_KEYS
    assert trainer.records == [record]
    assert json.loads(json.dumps(record)) == record
    weights = record["weights"]
    assert record["total"] == pytest.approx(sum(weights[name] * record[name] for name in weights), rel=1e-6)


def test_steps_and_epochs_are_counted_from_zero(make_trainer):
    trainer = make_trainer(make_batches(3))
    places = [(record["step"], record["epoch"]) for record in (trainer.step() for _ in range(7))]
    assert places == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2)]
    assert (trainer.step_number, trainer.epoch) == (7, 2)


def test_seconds_count_from_the_start_of_the_process(make_trainer):
    import time

    import psutil

    age = time.time() - psutil.Process().create_time()
    assert make_trainer().step()["seconds"] == pytest.approx(age, abs=1)


def test_the_norm_is_recorded_before_the_gradient_is_clipped(make_trainer):
    model = tiny_detector()
    trainer = make_trainer(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0), clip=1e-3)
    record = trainer.step()
    after = torch.linalg.vector_norm(torch.cat([one.grad.flatten() for one in model.parameters()]))
    assert record["grad_norm"] > 0.1
    assert after.item() == pytest.approx(1e-3, rel=1e-3)


def test_the_same_settings_give_the_same_run(make_trainer):
    one, two = make_trainer(epochs=2), make_trainer(epochs=2)
    for _ in range(6):
        one.step(), two.step()
    assert same(one.state_dict()["train_step"]["model"], two.state_dict()["train_step"]["model"])


def test_an_optimizer_may_be_named_or_handed_over_but_not_tuned_twice():
    model, criterion, data = tiny_detector(), Criterion(), make_batches()
    assert isinstance(Trainer(model, criterion, data, optimizer="sgd", threads=1).optimizer, torch.optim.SGD)
    given = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    assert Trainer(model, criterion, data, optimizer=given, threads=1).optimizer is given
    with pytest.raises(UserError, match="handed over"):
        Trainer(model, criterion, data, optimizer=given, lr=1e-2, threads=1)
    with pytest.raises(UserError, match="no optimizer 'adam'"):
        Trainer(model, criterion, data, optimizer="adam", threads=1)


def test_the_loop_of_the_contract_runs_beside_a_trainer(make_trainer):
    """A hook of the trainer left behind in the optimizer would touch the student's own steps."""
    trainer = make_trainer()
    trainer.step()
    assert not trainer.optimizer._optimizer_step_pre_hooks


# a control that is moved comes into force with the next step, and is recorded at that step


@pytest.mark.parametrize("steps_before", [0, 1, 5])
def test_a_learning_rate_is_in_force_at_the_next_step_and_recorded_there(make_trainer, steps_before):
    trainer = make_trainer(epochs=10)
    for _ in range(steps_before):
        trainer.step()
    trainer.control.lr = 0.0123
    records = [trainer.step() for _ in range(3)]
    assert [record["lr"] for record in records] == [0.0123] * 3
    (event,) = trainer.events()
    assert (event["step"], event["what"], event["lr"]) == (steps_before, "lr", 0.0123)
    assert trainer.records.index(event) < trainer.records.index(records[0])


def test_weights_moved_by_the_control_are_recorded_at_the_step_that_uses_them(make_trainer):
    trainer = make_trainer()
    trainer.step()
    trainer.control.weights.box = 3
    trainer.control.set(cls=1)
    assert trainer.criterion.weights.box == 7.5  # not before the next step
    record = trainer.step()
    (event,) = trainer.events("weights")
    assert record["weights"] == event["weights"] == {"box": 3.0, "cls": 1.0, "dfl": 1.5}
    assert event["step"] == record["step"] == 1
    assert record["total"] == pytest.approx(3 * record["box"] + record["cls"] + 1.5 * record["dfl"], rel=1e-6)


def test_weights_moved_directly_on_the_criterion_are_recorded_too(make_trainer):
    trainer = make_trainer()
    trainer.step()
    trainer.criterion.weights.dfl = 9
    trainer.step()
    trainer.step()
    assert [(event["step"], event["weights"]["dfl"]) for event in trainer.events("weights")] == [(1, 9.0)]


@pytest.mark.parametrize("new", [LossWeights(1, 2, 3), Criterion(LossWeights(1, 2, 3))], ids=["weights", "criterion"])
def test_weights_given_anew_in_mid_run_are_those_that_the_sliders_show_and_move(make_trainer, new):
    trainer = make_trainer()
    trainer.step()
    if isinstance(new, LossWeights):
        trainer.criterion.weights = new
    else:
        trainer.criterion = new
    assert trainer.control.weights.as_dict() == {"box": 1, "cls": 2, "dfl": 3}
    assert trainer.step()["weights"] == {"box": 1, "cls": 2, "dfl": 3}
    trainer.control.weights.box = 9
    record = trainer.step()
    assert record["weights"] == trainer.criterion.weights.as_dict() == trainer.control.weights.as_dict()
    assert record["weights"] == {"box": 9, "cls": 2, "dfl": 3}
    assert record["total"] == pytest.approx(9 * record["box"] + 2 * record["cls"] + 3 * record["dfl"], rel=1e-6)
    assert [event["step"] for event in trainer.events("weights")] == [1, 2]


def test_a_slider_moved_by_another_thread_in_the_middle_of_a_step_waits_for_the_next(make_trainer):
    class SlowDetector(Detector):
        def forward(self, images):
            if moving.is_set():
                moving.clear()
                mover = threading.Thread(target=lambda: trainer.control.set(lr=0.5, box=2))
                mover.start()
                mover.join()
            return super().forward(images)

    moving = threading.Event()
    trainer = make_trainer(model=SlowDetector(3, device="cpu", widths=(8, 8, 16), neck=8))
    moving.set()
    during, after = trainer.step(), trainer.step()
    assert during["lr"] != 0.5
    assert during["weights"]["box"] == 7.5
    assert after["lr"] == 0.5
    assert after["weights"]["box"] == 2
    assert [event["step"] for event in trainer.events()] == [1, 1]


def test_a_schedule_takes_over_again_after_a_fixed_rate(make_trainer):
    trainer, untouched = make_trainer(epochs=5), make_trainer(epochs=5)
    trainer.control.lr = 0.1
    trainer.step(), untouched.step()
    trainer.control.schedule = "cosine"
    assert trainer.step()["lr"] == untouched.step()["lr"] != 0.1


def test_groups_keep_the_ratio_of_their_rates(make_trainer):
    model = tiny_detector()
    weights, biases = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": weights, "lr": 0.01}, {"params": biases, "lr": 0.03}]
    trainer = make_trainer(model=model, optimizer=torch.optim.SGD(groups, lr=0.01), epochs=3)
    for move in (None, 0.2):
        trainer.control.lr = move
        trainer.step()
        one, other = (group["lr"] for group in trainer.optimizer.param_groups)
        assert other == pytest.approx(3 * one)


def test_an_optimizer_set_in_mid_run_brings_its_own_rates(make_trainer):
    trainer = make_trainer(schedule="constant")
    trainer.step()
    trainer.optimizer = torch.optim.RMSprop(
        [
            {"params": [weight], "lr": rate}
            for weight, rate in zip(trainer.model.parameters(), (0.01, 0.03), strict=False)
        ]
    )
    trainer.control.lr = 0.002
    assert trainer.step()["lr"] == 0.002
    assert [group["lr"] for group in trainer.optimizer.param_groups] == pytest.approx([0.002, 0.006])


def test_a_fresh_optimizer_takes_over_at_the_next_step(make_trainer):
    trainer = make_trainer(schedule="constant")
    trainer.step()
    trainer.change_optimizer("sgd", lr=0.02)
    assert trainer.step()["lr"] == 0.02
    assert [event["step"] for event in trainer.events("optimizer")] == [1]


# without objects, and with sides beyond the bins


@pytest.mark.parametrize("empty", ["one picture", "one batch", "all", "no room for objects"])
def test_pictures_without_objects_are_learned_from(make_trainer, empty):
    batches = make_batches()
    for batch in batches if empty in ("all", "no room for objects") else batches[:1]:
        truth = batch.ground_truth
        truth.mask[: 1 if empty == "one picture" else None] = False
        if empty == "no room for objects":
            truth.boxes, truth.labels, truth.mask = truth.boxes[:, :0], truth.labels[:, :0], truth.mask[:, :0]
    trainer = make_trainer(batches)
    records = [trainer.step() for _ in range(8)]
    assert all(math.isfinite(record["total"]) and record["grad_norm"] > 0 for record in records)
    assert not trainer.events()


@pytest.mark.parametrize(("side", "count"), [(10.0, 0), (200.0, 1), (500.0, 1), (2000.0, 1)])
def test_sides_beyond_the_last_bin_are_counted_in_the_epoch_record(make_trainer, side, count):
    """From any point of a 32 px picture with strides 8 and 16, a side of 200 px is more than 15 strides away."""
    batches = make_batches(2)
    for batch in batches:
        batch.ground_truth.boxes[:] = torch.tensor([16 - side, 16 - side, 16 + side, 16 + side])
    trainer = make_trainer(batches, epochs=1)
    trainer.fit()
    (epoch,) = trainer.of("epoch")
    assert (epoch["dfl_clipped"] > 0) == bool(count)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": -1},
        {"lr": math.nan},
        {"weight_decay": -0.1},
        {"ema": 1.5},
        {"clip": -1},
        {"clip": math.nan},
        {"schedule": "up"},
        {"epochs": 2.5},
        {"epochs": -1},
        {"warmup": 1.5},
        {"early_stop": 0},
        {"early_stop": 1.5},
        {"max_skips": 0},
        {"threads": 0},
        {"threads": "all"},
        {"threads": 10**6},  # torch would crash
        {"clip": 0},
        {"until": 0.9},
        {"until": ("map50", "0.9")},
        {"until": "map50=0.9"},
        {"settings": {"models": {1, 2}}},
    ],
    ids=str,
)
def test_a_senseless_setting_is_refused_when_the_trainer_is_made(make_trainer, wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        make_trainer(**wrong)


class OfOnesOwn:
    """A criterion whose weights are something else than ours."""

    weights = torch.ones(3)

    def __call__(self, predictions, truth):
        return Criterion()(predictions, truth)


@pytest.mark.parametrize("own", [lambda predictions, truth: Criterion()(predictions, truth), OfOnesOwn()])
def test_a_criterion_without_weights_will_do(make_trainer, own):
    trainer = make_trainer(criterion=own)
    trainer.step()
    trainer.load_state_dict(trainer.state_dict())
    trainer.step()
    assert not trainer.events()
    with pytest.raises(UserError, match="no weights"):
        trainer.control.set(box=1)


@pytest.mark.parametrize("which", ["training", "validation"])
@pytest.mark.parametrize(
    "make", [iter, lambda batches: (one for one in batches), lambda batches: map(id, batches), len]
)
def test_data_that_can_be_walked_only_once_is_refused_at_the_start(make_trainer, which, make):
    with pytest.raises(UserError, match=f"the {which} data is walked anew in each epoch"):
        make_trainer(**{f"{which}_data": make(make_batches())})


@pytest.mark.parametrize("which", ["training", "validation"])
def test_data_without_batches_is_refused_at_the_start(make_trainer, which):
    with pytest.raises(UserError, match=f"the {which} data has no batches"):
        make_trainer(**{f"{which}_data": []})


def test_training_data_without_a_length_is_refused_at_the_start(make_trainer):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(make_batches())

    with pytest.raises(UserError, match="the training data must have a len"):
        make_trainer(DataLoader(Stream(), batch_size=None))


@pytest.mark.parametrize("length", [None, 2])
def test_validation_data_that_gives_nothing_the_second_time_is_told(make_trainer, length):
    class Once:
        def __init__(self):
            self.batches = iter(make_batches(2))

        def __iter__(self):
            return self.batches

    once = Once()
    if length is not None:
        Once.__len__ = lambda self: length
    trainer = make_trainer(make_batches(1), once)
    with pytest.raises(UserError, match="the validation data gives no batches any more"):
        trainer.fit(2)
    assert len(trainer.of("epoch")) == 1


@pytest.mark.parametrize("length", [None, 3])
def test_validation_data_that_gives_other_batches_than_before_is_told(make_trainer, length):
    class Shrinking:
        counts = iter([3, 3, 2, 2, 3])

        def __iter__(self):
            return iter(make_batches(3)[: next(self.counts)])

    data = Shrinking()
    if length is not None:
        Shrinking.__len__ = lambda self: length
    trainer = make_trainer(make_batches(1), data)
    trainer.fit(5)
    told = [(event["step"], event["batches"], event["expected"]) for event in trainer.events("validation")]
    assert told == [(3, 2, 3), (5, 3, 2)]


def test_validation_data_that_gives_fewer_batches_than_it_says_is_told(make_trainer):
    class Short(list):
        def __len__(self):
            return 3

    with pytest.warns(UserWarning, match="the validation data gave 2 batches, not 3: these scores are of other"):
        make_trainer(make_batches(1), Short(make_batches(2)), on_record=None).fit(1)


@pytest.mark.parametrize("when", ["at the start", "in mid-run"])
@pytest.mark.parametrize("parameters", [lambda model: [], lambda model: list(model.parameters())])
def test_the_optimizer_of_another_model_is_refused(make_trainer, when, parameters):
    model = tiny_detector()
    optimizer = torch.optim.SGD([*parameters(model), *tiny_detector().parameters()], lr=0.1)
    trainer = make_trainer(model=model)
    with pytest.raises(UserError, match="this optimizer is of another model"):
        make_trainer(model=model, optimizer=optimizer) if when == "at the start" else trainer.train_step.use_optimizer(
            optimizer
        )


def test_a_criterion_that_learns_may_be_in_the_optimizer(make_trainer):
    class Learning(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.plain = torch.nn.Parameter(torch.ones(())), Criterion()

        def forward(self, predictions, truth):
            losses = self.plain(predictions, truth)
            return Losses(losses.box * self.scale, losses.cls, losses.dfl)

    model, criterion = tiny_detector(), Learning()
    optimizer = torch.optim.SGD([*model.parameters(), *criterion.parameters()], lr=0.1)
    make_trainer(model=model, criterion=criterion, optimizer=optimizer).step()
    assert criterion.scale != 1


@pytest.mark.parametrize("wrap", [lambda model: model, torch.nn.Sequential])
def test_two_trainers_of_one_model_do_not_train_it_at_once(make_trainer, wrap, monkeypatch):
    model = tiny_detector()
    one, other = make_trainer(model=model), make_trainer(model=wrap(model))
    monkeypatch.setattr(one.alone, "_patience", 0.1)
    within, refused = threading.Event(), threading.Event()

    def hold(record):
        within.set()
        assert refused.wait(20)

    one.on_record = hold
    thread = threading.Thread(target=one.step)
    thread.start()
    assert within.wait(20)
    with pytest.raises(UserError, match="this model is trained in another thread"):
        other.step()
    make_trainer().step()
    refused.set()
    thread.join()
    other.step()


INVERTED = {"all": lambda boxes: boxes[..., [2, 3, 0, 1]], "left and right": lambda boxes: boxes[..., [2, 1, 0, 3]]}


@pytest.mark.parametrize("change", INVERTED.values(), ids=INVERTED)
def test_boxes_that_are_inside_out_are_an_event_once(make_trainer, change):
    batches = make_batches()
    batches[1].ground_truth.boxes = change(batches[1].ground_truth.boxes)
    trainer = make_trainer(batches)
    trainer.fit(2)
    (event,) = trainer.events("boxes")
    assert event["step"] == 1
    assert "3 of 3 boxes have x2 < x1 or y2 < y1" in event["message"]
    again = make_trainer(batches)
    again.load_state_dict(trainer.state_dict())
    again.fit(1)
    assert not again.events("boxes")


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("flat", [False, True])
def test_boxes_in_fractions_of_the_image_or_flat_ones_are_an_event(make_trainer, listens, flat):
    batches = make_batches(1)
    boxes = batches[0].ground_truth.boxes
    batches[0].ground_truth.boxes = boxes[..., [0, 1, 0, 3]] if flat else boxes / 32
    trainer = make_trainer(batches, **({} if listens else {"on_record": None}))
    if listens:
        trainer.step()
        assert "in pixels, not in fractions" in trainer.events("boxes")[0]["message"]
    else:
        with pytest.warns(UserWarning, match="in pixels, not in fractions"):
            trainer.step()


def test_sound_boxes_points_and_padding_make_no_event(make_trainer):
    batches = make_batches(2)
    batches[0].ground_truth.boxes[:, 0, 2:] = batches[0].ground_truth.boxes[:, 0, :2]  # points
    batches[1].ground_truth.boxes[~batches[1].ground_truth.mask] = torch.tensor([5.0, 5, 1, 1])
    trainer = make_trainer(batches)
    trainer.fit(1)
    assert not trainer.events("boxes")


@pytest.mark.parametrize("change", [lambda boxes: boxes + 1000, lambda boxes: boxes - 1000, lambda boxes: boxes * 30])
def test_boxes_outside_of_the_images_are_an_event(make_trainer, change):
    batches = make_batches(1)
    batches[0].ground_truth.boxes = change(batches[0].ground_truth.boxes)
    trainer = make_trainer(batches)
    trainer.fit(2)
    (event,) = trainer.events("boxes")
    assert "all 3 boxes lie outside the images of 32 × 32 px" in event["message"]


@pytest.mark.parametrize(
    ("change", "told"),
    [(lambda images: images * 255, "divide them by 255"), (lambda images: images - 5, "not down to -")],
)
def test_pixels_that_are_no_shares_are_an_event_once(make_trainer, change, told):
    batches = make_batches()
    for batch in batches:
        batch.images = change(batch.images)
    trainer = make_trainer(batches)
    trainer.fit(2)
    (event,) = trainer.events("pictures")
    assert event["step"] == 0
    assert told in event["message"]


FOREIGN = {
    "boxes in fractions": (lambda batch: batch.ground_truth.boxes.div_(32), "not in fractions of the image"),
    "boxes elsewhere": (lambda batch: batch.ground_truth.boxes.add_(99), "lie outside the images"),
    "inverted boxes": (lambda batch: batch.ground_truth.boxes.mul_(-1), "x2 < x1 or y2 < y1, left out"),
    "pixels": (lambda batch: batch.images.mul_(255), "divide them by 255"),
}


@pytest.mark.parametrize("fault", FOREIGN)
def test_validation_data_that_is_hardly_meant_is_an_event_once(make_trainer, fault):
    exam, (change, told) = make_batches(1), FOREIGN[fault]
    change(exam[0])
    trainer = make_trainer(make_batches(), validation_data=exam)
    assert trainer.fit(2)["reason"] == "epochs"
    (event,) = trainer.events("validation")
    assert told in event["message"]
    assert "picture-0-0.png" in event["message"]


@pytest.mark.parametrize("data", [[1, 2], "ab", [(torch.zeros(1, 3, 32, 32), None)]], ids=str)
def test_training_data_of_other_things_than_batches_is_refused(make_trainer, data):
    with pytest.raises(UserError, match=r"must give a Batch each time, not a (int|str|tuple)"):
        make_trainer(data).step()
    with pytest.raises(UserError, match=r"the validation data must give a Batch each time, not a (int|str|tuple)"):
        make_trainer(make_batches(), validation_data=data).fit(1)


@pytest.mark.parametrize("names", [None, "ab", [1, 2]])
def test_a_batch_whose_names_are_no_list_of_texts_is_refused(make_trainer, names):
    with pytest.raises(UserError, match="names of a batch of the training data must be a list of texts, not"):
        make_trainer([replace(make_batches(1)[0], names=names)]).step()


def test_what_is_no_model_or_no_criterion_is_refused(make_trainer):
    for model in (None, 5, Detector):
        with pytest.raises(UserError, match=r"the model must be a torch\.nn\.Module such as a Detector, not"):
            Trainer(model, Criterion(), make_batches())
    for criterion in (None, 5, Criterion):
        with pytest.raises(UserError, match=r"the criterion must be one such as Criterion\(\), not"):
            Trainer(tiny_detector(), criterion, make_batches())
        with pytest.raises(UserError, match=r"the criterion must be one such as Criterion\(\), not"):
            make_trainer().criterion = criterion


def test_a_batch_of_other_things_than_tensors_is_refused(make_trainer):
    (batch,) = make_batches(1)
    batch.images = list(batch.images)
    with pytest.raises(UserError, match="images of a batch of the training data must be a tensor, not a list"):
        make_trainer([batch]).step()
    (batch,) = make_batches(1)
    batch.ground_truth.boxes = batch.ground_truth.boxes.numpy()
    with pytest.raises(UserError, match="boxes of a batch of the validation data must be a tensor, not a ndarray"):
        make_trainer(make_batches(), validation_data=[batch]).fit(1)


@pytest.mark.parametrize(
    "wrong",
    [{"settings": [1]}, {"settings": "x"}, {"on_record": 5}, *({"save_dir": one} for one in (5, [], "", b"x", "a\0b"))],
    ids=str,
)
def test_what_is_no_setting_no_folder_and_no_function_is_refused(make_trainer, wrong):
    with pytest.raises(UserError, match=f"^{next(iter(wrong))} must be a"):
        make_trainer(**wrong)


@pytest.mark.parametrize("ask", [{"epochs": 10**30}, {"total_epochs": 10**30}, {"epochs": 2**53}])
def test_more_epochs_than_a_log_can_count_are_refused(make_trainer, ask):
    trainer = make_trainer(make_batches(2))
    with pytest.raises(UserError, match="epochs must be a whole number from 0 to 4,503,599,627,370,496, not"):
        trainer.fit(**ask)
    trainer.control.stop()
    assert trainer.fit(2**52)["reason"] == "interrupted"
    make_trainer(make_batches(2)).load_state_dict(trainer.state_dict())
    with pytest.raises(UserError, match="epochs must be"):
        make_trainer(make_batches(2), epochs=10**30)
