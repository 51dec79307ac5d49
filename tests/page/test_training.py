"""The small training in a page against torch: step by step with torch's state put in, and left to itself."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from teachkit.errors import UserError
from teachkit.experiments.small import BATCH_SIZE, SIDE, small_scenes, small_trainer, small_validation_batch
from teachkit.feed.loader import Loader
from teachkit.page.__main__ import differences
from teachkit.page.trace import Program
from teachkit.page.training import MOST_OBJECTS, NotingAssigner, named, recorded_program, training_program
from teachkit.scoring import objects_found
from teachkit.structures import LOSS_NAMES, Batch, Detections, GroundTruth
from tests.page.engine import EngineError

STEPS, FREE_STEPS, SEEDS = 64, 160, 5


@pytest.fixture(scope="module")
def program() -> Program:
    return training_program()


def fed(batch: Batch) -> dict[str, Tensor]:
    """The batch as a page holds it: padded to the same number of objects always."""
    truth, count = batch.ground_truth, len(batch)
    room = MOST_OBJECTS - truth.boxes.shape[1]
    return {
        "images": batch.images,
        "boxes": torch.cat([truth.boxes, torch.zeros(count, room, 4)], 1),
        "labels": torch.cat([truth.labels, torch.zeros(count, room, dtype=torch.int64)], 1),
        "mask": torch.cat([truth.mask, torch.zeros(count, room, dtype=torch.bool)], 1),
    }


def setting(tensors: dict[str, Tensor]) -> list[tuple]:
    return [("set", name, one.detach().clone()) for name, one in tensors.items()]


def trainer_of(optimizer: str, seed: int = 0):
    trainer = small_trainer(optimizer=optimizer, seed=seed)
    trainer.model.half_precision = False
    return trainer


def batches(count: int) -> list[Batch]:
    """As the trainer of seed 0 is fed."""
    data = Loader(small_scenes("train"), "train", BATCH_SIZE, SIDE, "cpu", 0)
    return [data.batch(step // len(data), step % len(data)) for step in range(count)]


def memory_of(trainer, optimizer: str) -> dict[str, Tensor]:
    state = trainer.optimizer.state
    return {
        f"{optimizer}.{what}.{name}": one
        for name, parameter in trainer.model.named_parameters()
        for what, one in state.get(parameter, {}).items()
        if one is not None
    }


@pytest.mark.parametrize(("optimizer", "steps"), [("adamw", STEPS), ("sgd", STEPS // 4)])
def test_one_step_from_torchs_state_is_torchs_step_while_the_sliders_jump(program, engine, optimizer, steps):
    trainer, dice = trainer_of(optimizer), np.random.default_rng(0)
    trainer.criterion.assigner = NotingAssigner()
    commands, truths = [], []
    for batch in batches(steps):
        weights = [usual * 10 ** dice.uniform(-1, 1) for usual in (7.5, 0.5, 1.5)]
        rate = (7e-3 if optimizer == "adamw" else 5e-2) * 10 ** dice.uniform(-1.5, 0.5)
        for name, weight in zip(LOSS_NAMES, weights, strict=True):
            setattr(trainer.criterion.weights, name, weight)
        for group in trainer.optimizer.param_groups:
            group["lr"] = rate
        inputs = named("model", trainer.model) | memory_of(trainer, optimizer) | fed(batch)
        commands += setting(inputs | {"weights": torch.tensor(weights), f"{optimizer}.lr": torch.tensor(rate)})
        truth = GroundTruth(*(fed(batch)[name] for name in ("boxes", "labels", "mask")))
        losses = trainer.criterion(trainer.model(batch.images), truth)
        trainer.optimizer.zero_grad()
        losses.backward()
        gradients = {f"gradient.{name}": one.grad for name, one in trainer.model.named_parameters()}
        trainer.optimizer.step()
        wanted = {name: getattr(losses, name) for name in (*LOSS_NAMES, "total")}
        wanted |= {"positive": trainer.criterion.assigner.last.positive} | gradients | named("model", trainer.model)
        truths.append({name: one.detach().clone() for name, one in wanted.items()})
        commands += [("run", "gradient"), ("run", optimizer), *(("get", name) for name in wanted)]
    results, rate = iter(engine(program, commands)), rate_of(commands)
    otherwise_assigned = 0
    for truth in truths:
        got = {name: next(results) for name in truth}
        otherwise_assigned += not torch.equal(got["positive"], truth["positive"])
        for name in (*LOSS_NAMES, "total"):
            assert float(got[name]) == pytest.approx(float(truth[name]), rel=2e-5, abs=1e-7), name
        slopes, wanted_slopes = (in_a_row(one, "gradient.") for one in (got, truth))
        assert float((slopes - wanted_slopes).abs().max()) <= 1e-5 * float(wanted_slopes.abs().max())
        weights, wanted_weights = (in_a_row(one, "model.") for one in (got, truth))
        torch.testing.assert_close(weights, wanted_weights, rtol=1e-4, atol=2e-4 * rate)
    assert otherwise_assigned <= 1


def in_a_row(tensors: dict[str, Tensor], prefix: str) -> Tensor:
    return torch.cat([one.flatten() for name, one in tensors.items() if name.startswith(prefix)])


def rate_of(commands) -> float:
    return max(float(value[0]) for what, name, *value in commands if what == "set" and name.endswith(".lr"))


def test_left_to_itself_it_finds_as_many_objects_as_torch_does(program, engine):
    exam = small_validation_batch()
    by_torch = []
    for seed in range(SEEDS):
        trainer = trainer_of("adamw", seed)
        for _ in range(FREE_STEPS):
            trainer.step()
        by_torch.append(objects_found(trainer.ema.detect(exam.images), exam.ground_truth)[0])
    commands = []
    for step, batch in enumerate(batches(FREE_STEPS)):
        decay = min(0.995, (1 + step) / (10 + step)) if step else 0.0
        commands += setting(fed(batch) | {"decay": torch.tensor(decay)})
        commands += [("run", name) for name in ("gradient", "adamw", "average")]
    averages = [name for name in program.tensors if name.startswith("average.")]
    averaged = dict(zip(averages, engine(program, commands + [("get", name) for name in averages]), strict=True))
    commands = setting({name.replace("average", "model", 1): one for name, one in averaged.items()})
    for start in range(0, len(exam), 8):
        commands += [("set", "images", exam.images[start : start + 8]), ("run", "predict")]
        commands += [("get", "found.boxes"), ("get", "found.scores")]
    looks = engine(program, commands)
    detections = detections_of(torch.cat(looks[::2]), torch.cat(looks[1::2]))
    by_page, there = objects_found(detections, exam.ground_truth)
    assert min(by_torch) <= by_page <= max(by_torch), (by_page, by_torch)
    assert min(by_torch) > there / 3  # or the spread would say nothing


def detections_of(boxes: Tensor, scores: Tensor) -> list[Detections]:
    from torchvision import ops

    found = []
    for its_boxes, its_scores in zip(boxes, scores, strict=True):
        anchor, label = (its_scores > 0.25).nonzero(as_tuple=True)
        kept = ops.batched_nms(its_boxes[anchor], its_scores[anchor, label], label, 0.7)
        found.append(Detections(its_boxes[anchor][kept], its_scores[anchor, label][kept], label[kept]))
    return found


def test_averaging_and_shares_are_the_trainers_own(program, engine):
    from teachkit.analysis.gradients import gradient_share

    trainer = trainer_of("adamw")
    commands = []
    for step in range(12):
        trainer.step()
        decay = min(0.995, (1 + step) / (10 + step)) if step else 0.0
        commands += [*setting(named("model", trainer.model) | {"decay": torch.tensor(decay)}), ("run", "average")]
    probe = batches(1)[0]
    statistics = [name for name in named("model", trainer.model) if "running" in name]
    commands += [*setting(fed(probe)), ("run", "shares"), ("get", "products"), *(("get", name) for name in statistics)]
    averages = named("average", trainer.ema)
    products, *rest = engine(program, commands + [("get", name) for name in averages])
    truth = gradient_share(trainer.model, trainer.criterion, probe)
    norms = products.double().diagonal().sqrt()
    torch.testing.assert_close(norms, torch.tensor(list(truth.norms.values())).double(), rtol=1e-5, atol=0)
    for name, one in zip(statistics, rest, strict=False):  # the measurement leaves no trace
        torch.testing.assert_close(one, named("model", trainer.model)[name], rtol=0, atol=0)
    for one, (name, truth_) in zip(rest[len(statistics) :], averages.items(), strict=True):
        torch.testing.assert_close(one, truth_, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("name", ["shapes", "bccd"])
def test_a_recorded_detector_finds_in_a_page_what_it_finds_in_torch(engine, name):
    from teachkit.experiments import recorded

    program, about = recorded_program(name)
    model, classes = recorded.detector(name)
    picture = torch.rand(1, 3, about["side"], about["side"], generator=torch.Generator().manual_seed(0))
    commands = [("set", "images", picture), ("run", "predict"), ("get", "found.boxes"), ("get", "found.scores")]
    boxes, scores = engine(program, commands)
    with torch.no_grad():
        wanted = model(picture)
    assert about["classes"] == classes
    torch.testing.assert_close(scores, wanted.scores, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(boxes, wanted.boxes.clamp(0, about["side"]), rtol=1e-4, atol=1e-3)


def test_an_export_is_the_same_each_time(tmp_path):
    for time in ("one", "two"):
        recorded_program("shapes")[0].write(tmp_path / time)
    for kind in ("json", "bin"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_no_scene_of_the_small_setting_has_more_objects_than_the_graph_has_room_for():
    for split in ("train", "val"):
        assert max(map(len, small_scenes(split).boxes)) <= MOST_OBJECTS


def test_what_a_page_does_not_know_is_refused_by_name():
    with pytest.raises(UserError, match=r"half is torch\.float16"):
        Program().trace("sum", lambda: {}, {"half": torch.zeros(2, dtype=torch.float16)})
    program = Program()
    program.trace("one", dict, {"x": torch.zeros(2)})
    with pytest.raises(UserError, match="x is"):
        program.trace("two", dict, {"x": torch.zeros(3)})


def test_an_operator_that_a_page_does_not_have_fails_when_the_graph_is_loaded(engine):
    program, x = Program(), torch.rand(3, 3)
    program.trace("erf", lambda: {"out": x.erf()}, {"x": x})
    with pytest.raises(EngineError, match=r"operators that this page does not have: aten\.erf\.default"):
        engine(program, [])


def test_another_process_exports_the_same_to_the_last_bit(program, exported, tmp_path):
    program.write(tmp_path / "training")
    assert differences(tmp_path, exported) == []


def test_the_written_graphs_are_plain_json(program, tmp_path):
    program.write(tmp_path / "graphs")
    json.loads((tmp_path / "graphs.json").read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
