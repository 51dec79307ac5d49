"""What each of three ranks does in tests of several ranks: `torchrun --nproc-per-node 3 several.py RESULTS DATA`.

Two of them, and then all three, go through the scenarios, and rank 0 writes what came out: one start of torchrun, for a
start takes longer than all scenarios. At last all three train, and end as the training does.
"""

import io
import json
import os
import sys
import threading
import time
import warnings
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import nn

from teachkit.__main__ import main as teachkit
from teachkit.errors import UserError
from teachkit.feed.augment import AugmentSettings
from teachkit.feed.detector import Detector
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn.batch_norm import SharedBatchNorm, use_whole_batch
from teachkit.learn.ranks import Ranks
from teachkit.punish.criterion import Criterion
from teachkit.structures import Losses
from tests.learn.tiny import Recorded, make_batches, tiny_detector

STEPS = 20
RANK = int(os.environ.get("RANK", 0))
RESULTS, DATA = map(Path, (*sys.argv[1:], "", "")[:2])


def doubled() -> list[Any]:
    """Batches in float64, in which rounding is too small to be seen after some steps; the second one is uneven."""
    batches = [*make_batches(3, size=6), *make_batches(1, size=5, seed=1)]
    batches[2].ground_truth.mask[:3] = False  # a rank has no object
    for batch in batches:
        batch.images, batch.ground_truth.boxes = batch.images.double(), batch.ground_truth.boxes.double()
    return batches


def scenes(count: int = 7, size: int = 4, split: str = "train") -> Loader:
    examples = make_scenes(count, 0, SceneSettings(image_size=64, objects=(1, 2)), split=split)
    augment = AugmentSettings(paste=1.0, vertical_flip=0.5) if split == "train" else None
    return Loader(examples, split, size, 64, "cpu", shuffle=split == "train", augment=augment)


def trainer(data: Any, model: Any = None, **settings: Any) -> Recorded:
    given = {"epochs": 5, "threads": 1, "lr": 1e-3} | settings
    model = Detector(4, device="cpu", widths=(8, 8, 16), neck=8) if model is None else model
    return Recorded(model, Criterion(), data, **given)


def steps_of(one: Recorded, count: int) -> list[dict[str, float]]:
    names = ("box", "cls", "dfl", "total", "grad_norm")
    return [{name: record[name] for name in names} for record in (one.step() for _ in range(count))]


def weight_sums(one: Recorded) -> list[float]:
    """Of weights, running statistics and averaged weights."""
    tensors = [*one.model.state_dict().values(), *one.ema.state_dict().values()]
    return [float(tensor.double().abs().sum()) for tensor in tensors]


# each of them → what the test looks at


def whole_batch(ranks: int | None = None) -> Any:
    """Another optimizer where there are three."""
    choice = {2: "adamw", 3: "sgd"}[ranks or dist.get_world_size()]
    one = trainer(doubled(), tiny_detector().double(), optimizer=choice, lr=7e-3)
    return {"steps": steps_of(one, STEPS), "weights": weight_sums(one)}


def uneven() -> Any:
    """Seven pictures in batches of four: the last one has three, for three ranks one each; with two ranks 1 and 2."""
    data, seen = scenes(), []
    one = trainer(data, validation_data=scenes(5, 2, "val"), lr=5e-4)
    for _ in range(2 * len(data)):
        seen.append(data.batch(*one.cursor.place[:2]).names)
        one.step()
    measured = one.validate()
    return {"seen": gathered(seen), "steps": [record["total"] for record in one.of("step")], "validation": measured}


def fewer_than_ranks() -> Any:
    """A last batch of one picture: a rank has none of it."""
    found = {}
    for synced in (True, False):
        one = trainer(scenes(5, 4), sync_batch_norm=synced)
        found[str(synced)] = {"totals": [one.step()["total"] for _ in range(4)], "weights": gathered(weight_sums(one))}
    return found


class StrangeOnce(Criterion):
    """A class loss of NaN in the first call of rank 1. Its slopes are finite, so that no gradient tells of it."""

    strange = RANK == 1

    def __call__(self, *given: Any) -> Losses:
        losses = super().__call__(*given)
        if self.strange:
            losses.cls, self.strange = losses.cls + float("nan"), False
        return losses


def not_finite_on_one() -> Any:
    pictures = make_batches(2, size=6)
    if RANK == 1:
        pictures[0].images[:, 0, 0, 0] = float("nan")
    strange = Recorded(tiny_detector(), StrangeOnce(), make_batches(2, size=6), threads=1)
    return {"picture": skipped_by_all(trainer(pictures)), "loss": skipped_by_all(strange)}


def skipped_by_all(one: Recorded) -> Any:
    before = weight_sums(one)
    one.step()
    skipped = weight_sums(one) == before
    one.step()
    return {
        "skipped": gathered([skipped, one.train_step.skips, weight_sums(one)]),
        "events": one.events("skipped"),
        "records": gathered(len(one.records)),
    }


def control() -> Any:
    """Rank 0 alone is asked: for a rate, a weight, a pause, and at last to stop."""
    one = trainer(make_batches(2, size=4), epochs=200)

    def ask(record: dict[str, Any]) -> None:
        one.records.append(record)
        if record["kind"] != "step":
            return
        match record["step"]:
            case 2:
                one.control.set(lr=0.0123, box=3)
            case 4:
                one.control.pause()
                threading.Timer(0.3, one.control.resume).start()
            case 6:
                one.criterion.weights.dfl = 9
            case 8:
                one.control.stop()

    one.on_record = ask
    began = time.perf_counter()
    end = one.fit()
    rates = [one.optimizer.param_groups[0]["lr"], one.criterion.weights.as_dict(), end["reason"], one.step_number]
    what = [event["what"] for event in one.events()]
    return {"told": gathered(rates), "events": what, "seconds": time.perf_counter() - began, "steps": one.of("step")}


def stop_of_another() -> Any:
    one = trainer(make_batches(2, size=4), epochs=200)
    if RANK == 1:
        one.control.stop()
    return gathered([one.fit()["reason"], one.step_number])


def batch_norm() -> Any:
    """Answers, slopes and statistics of a layer that is shared, and of torch's on the whole batch."""
    torch.manual_seed(0)
    whole, ranks = torch.randn(7, 3, 4, 5, dtype=torch.float64) + 100, dist.get_world_size()
    slope = torch.randn_like(whole)
    own = slice(7 * RANK // ranks, 7 * (RANK + 1) // ranks)
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3)).double()
    use_whole_batch(model, True)
    assert isinstance(model[0], SharedBatchNorm)
    x = whole[own].clone().requires_grad_()
    y = model(x)
    y.backward(slope[own])
    plain, z = nn.BatchNorm2d(3, momentum=0.3).double(), whole.clone().requires_grad_()
    expected = plain(z)
    expected.backward(slope)
    weight_slope = model[0].weight.grad.clone()
    dist.all_reduce(weight_slope)
    pairs = [
        (y, expected[own]),
        (x.grad, z.grad[own]),
        (weight_slope, plain.weight.grad),
        (model[0].running_mean, plain.running_mean),
        (model[0].running_var, plain.running_var),
    ]
    exact = _differences(pairs)  # before the layers go on
    half = [one.detach().bfloat16().requires_grad_() for one in (whole[own] - 100, whole - 100)]
    in_half = [layer.float()(one) for layer, one in zip((model, plain), half, strict=True)]
    for answer, its_slope in zip(in_half, (slope[own], slope), strict=True):
        answer.backward(its_slope.bfloat16())
    of_half = [(in_half[0], in_half[1][own]), (half[0].grad, half[1].grad[own])]
    return gathered([exact, _differences(of_half)])


def _differences(pairs: Any) -> list[float]:
    return [float((a - b).detach().abs().max()) for a, b in pairs]


def resumed() -> Any:
    """From the state of the launch before, if there is one; and what differs."""
    file = RESULTS / "state.pt"
    one = trainer(scenes(), save_dir=file.parent / "run", lr=5e-4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if file.exists():
            one.load_state_dict(torch.load(file, weights_only=True))
    step = one.step_number
    totals = [one.step()["total"] for _ in range(3)]
    if RANK == 0:
        torch.save(one.state_dict(), file)
    saves = gathered(one.checkpointer is not None)
    return {"step": step, "totals": totals, "warnings": [str(one.message) for one in caught], "saves": saves}


def other_data() -> Any:
    """Rank 0 is told in a sentence; the other ranks end once it is gone."""
    try:
        trainer(scenes(7 if RANK == 0 else 8, 4))
    except UserError as error:
        dist.barrier()
        return str(error)
    except SystemExit:
        return None


def more_ranks_than_pictures() -> str:
    """In a batch: what the command says on stderr."""
    with redirect_stderr(io.StringIO()) as said:
        try:
            teachkit(["train", "--data", str(DATA), "--batch-size", "1"])
            dist.barrier()
        except SystemExit:
            pass
    return said.getvalue()


SCENARIOS = [whole_batch, batch_norm, uneven, fewer_than_ranks, not_finite_on_one, control, stop_of_another, resumed]
SCENARIOS += [other_data, more_ranks_than_pictures]


def gathered(value: Any) -> list[Any]:
    return Ranks().gathered(value)


def join(ranks: int, start: int) -> None:
    """As if torchrun had started that many anew."""
    os.environ |= {"WORLD_SIZE": str(ranks), "TORCHELASTIC_RESTART_COUNT": str(start)}
    Ranks()


def draw_slowly(*_: Any) -> None:
    time.sleep(1)
    (RESULTS / "left before").write_text(str(len(list(RESULTS.glob("left by *")))))


def main() -> None:
    torch.set_num_threads(1)
    for start, ranks in enumerate((2, 3)):
        file = RESULTS / f"{ranks}.json"
        if ranks > RANK:
            join(ranks, start)
            found = {scenario.__name__: scenario() for scenario in SCENARIOS}
            if RANK == 0:
                file.with_suffix(".new").write_text(json.dumps(found))
                file.with_suffix(".new").rename(file)
            dist.destroy_process_group()
        while not file.exists():
            time.sleep(0.02)
    join(3, 2)
    words = ["--data", str(DATA), "--epochs", "1", "--until", "map50=1"]
    words += ["--save", str(RESULTS / "end"), "--log", str(RESULTS / "end.jsonl")]
    refuse = patch(
        "teachkit.commands.records.LogWriter", side_effect=PermissionError(13, "rank 0 alone may write here")
    )
    with patch("teachkit.commands.train._draw", draw_slowly), nullcontext() if RANK == 0 else refuse:
        code = teachkit(["train", *words])
    (RESULTS / f"left by {RANK}").touch()
    sys.exit(code)


if __name__ == "__main__":
    main()
