"""Makes the recorded runs of teachkit/experiments/runs: `make recordings`, or `python data/record_runs.py NAME …`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

DATA = Path(__file__).resolve().parent
RUNS = DATA.parent / "teachkit" / "experiments" / "runs"
SEEDS = 5  # what a lesson says of a run holds on all of them
TRAIN = [sys.executable, "-m", "teachkit", "train"]


def shortened(value: object) -> object:
    """Four significant digits: more cannot be seen in a curve."""
    if isinstance(value, list):
        return [shortened(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    return value


def write_log(name: str, records: list[dict]) -> None:
    lines = [json.dumps(shortened(one), ensure_ascii=False) for one in records]
    (RUNS / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def saved_detector(name: str, *options: str) -> None:
    """Trains by the command line and keeps the best weights."""
    from teachkit.learn.checkpoint import pack, save_best, unpack

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*TRAIN, *options, "--save", folder], check=True)
        best = Path(folder) / "best.pt"
        content = unpack(best.read_bytes(), best)
    content["settings"]["data"] = name  # its folder is another on each machine
    save_best(RUNS / name, pack(content))


def shapes() -> None:
    saved_detector("shapes", "--data", "shapes")


def cycle(name: str, pictures: int, epochs: int, seed: int) -> None:
    """A whole run for lesson 09, with what was found on four validation pictures at the end of each pass or so."""
    from teachkit.feed.detector import Detector
    from teachkit.feed.loader import first_images, load_data
    from teachkit.learn.trainer import Trainer
    from teachkit.punish.criterion import Criterion
    from teachkit.watch.replay.recording import detect_on

    training = load_data("shapes", batch_size=8, limit=pictures, seed=seed, device="cpu", augment=False)
    exam = list(load_data("shapes", split="val", device="cpu"))
    kept: list[dict] = []
    trainer = Trainer(
        Detector(len(training.classes), device="cpu", seed=seed),
        Criterion(),
        training,
        exam[:4],
        on_record=kept.append,
        threads=1,
        settings={"data": "shapes", "pictures": pictures, "seed": seed, "batch_size": 8, "val_seed": 0},
    )
    shown = first_images(exam, 4)

    def keep(record: dict) -> None:
        kept.append({key: value for key, value in record.items() if key not in ("grad_norm", "rss_mb", "dfl_clipped")})
        if record["kind"] == "step" and record["step"] % 25 == 24:
            kept.append({"kind": "look", "step": record["step"], "found": detect_on(trainer.ema, shown)})

    trainer.on_record = keep
    trainer.fit(epochs)
    write_log(name, kept)


def overfit() -> None:
    for seed in range(SEEDS):
        cycle(f"few_pictures_{seed}", 32, 125, seed)


def plenty() -> None:
    cycle("many_pictures_0", 1000, 4, 0)


def bccd() -> None:
    """Blood cells: bccd in TEACHKIT_DATA, else in data/."""
    folder = str(Path(os.environ.get("TEACHKIT_DATA") or DATA, "bccd"))
    options = ["--data", folder, "--train-split", "train", "--val-split", "val", "--image-size", "256"]
    saved_detector("bccd", *options, "--epochs", "42", "--batch-size", "4")


def rates() -> None:
    """For lesson 08: six rates with five seeds each, and what the exam said of them at the end."""
    from teachkit.experiments.small import usual_rate
    from teachkit.experiments.sweep import sweep

    for optimizer in ("adamw", "sgd"):
        usual = usual_rate(optimizer)
        wanted = [usual * factor for factor in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)]
        runs = sweep(wanted, seeds=range(SEEDS), optimizer=optimizer, steps=160)
        lines = [
            {
                "kind": "run",
                "optimizer": optimizer,
                "factor": round(run.lr / usual, 6),
                "seed": run.seed,
                "f1": run.f1,
                "diverged": bool(run.diverged),
                **{name: run.losses(name)[::4] for name in ("box", "cls", "dfl")},
            }
            for run in runs
        ]
        write_log(f"rates_{optimizer}", lines)


def unseen() -> None:
    """For lesson 08: five runs without their names; what is moved is moved after 80 of 160 steps."""
    from teachkit.experiments.small import small_trainer, usual_rate

    usual = usual_rate("adamw")
    plans: dict[str, tuple[str, float, dict[str, float]]] = {
        "A": ("adamw", 100 * usual, {}),
        "B": ("adamw", usual, {"box": 75, "cls": 5, "dfl": 15}),
        "C": ("adamw", usual, {}),
        "D": ("sgd", usual_rate("sgd"), {"lr": 100 * usual_rate("sgd")}),
        "E": ("adamw", usual / 100, {}),
    }
    lines = []
    for name, (optimizer, lr, moved) in plans.items():
        trainer = small_trainer(lr, optimizer, seed=7)
        trainer.on_record = lambda record: None
        kept: list[dict] = []
        while trainer.step_number < 160 and trainer.diverged is None:
            if trainer.step_number == 80 and moved:
                trainer.control.set(**moved)
            kept.append(trainer.step())
        curves = {one: [record[one] for record in kept] for one in ("box", "cls", "dfl", "total")}
        lines.append({"kind": "run", "name": name, **curves})
    write_log("unseen", lines)


def data_faults() -> None:
    """For lesson 10: each fault of the data with five seeds."""
    from teachkit.experiments.data_faults import FAULTS, train_with_fault

    write_log("data_faults", [train_with_fault(fault, seed) for fault in FAULTS for seed in range(SEEDS)])


def batches() -> None:
    """For lesson 09: batches of 1 to 64, five seeds each, with the same rate and with one that grows along."""
    from teachkit.experiments.batch_size import SIZES, train_with_batch_size

    plans = [(size, seed, grown) for grown in (False, True) for size in SIZES for seed in range(SEEDS)]
    write_log("batch_sizes", [train_with_batch_size(size, seed, grown=grown) for size, seed, grown in plans])


def class_weights() -> None:
    """For lesson 04: an imbalanced training set, with four choices of class weights and five seeds each."""
    import torch

    from teachkit import scoring
    from teachkit.experiments.small import BATCH_SIZE, NECK, SCENES, SIDE, WIDTHS
    from teachkit.feed.detector import Detector
    from teachkit.feed.loader import Loader
    from teachkit.feed.scenes import CLASSES, make_scenes
    from teachkit.learn.trainer import Trainer
    from teachkit.punish.criterion import Criterion

    rare = make_scenes(192, settings=replace(SCENES, imbalance=0.5), split="train")
    fair = next(iter(Loader(make_scenes(64, settings=SCENES, split="val"), "val", 64, SIDE, "cpu", shuffle=False)))
    counts = torch.bincount(torch.cat(rare.labels), minlength=len(CLASSES))
    weights = counts.max() / counts
    plans = {"none": None, "by rarity": weights, "by rarity, mean 1": weights / weights.mean()}
    plans["4 for each class"] = torch.full((len(CLASSES),), 4.0)
    lines = []
    for plan, values in plans.items():
        for seed in range(SEEDS):
            model = Detector(len(CLASSES), device="cpu", widths=WIDTHS, neck=NECK, seed=seed)
            data = Loader(rare, "train", BATCH_SIZE, SIDE, "cpu", seed)
            trainer = Trainer(model, Criterion(class_weights=values), data, schedule="constant", threads=1)
            for _ in range(150):
                trainer.step()
            found = trainer.ema.detect(fair.images)
            stars, _ = scoring.found_by_class(found, fair.ground_truth, len(CLASSES))[-1]
            f1 = scoring.f1_score(found, fair.ground_truth)
            lines.append({"kind": "run", "weights": plan, "seed": seed, "stars": stars, "f1": f1})
    write_log("class_weights", lines)


def loss_weights() -> None:
    """For the live demo's notes: each loss left out, five seeds each, with what the hall would see of it."""
    from teachkit.structures import LossWeights
    from teachkit.watch.cockpit.presets import PRESETS
    from teachkit.watch.cockpit.start_up import build_trainer

    plans = {"none": {}, "DFL": {"dfl": 0.0}}
    names = {"box": "No box loss", "box and DFL": "Class only", "class": "No class loss"}
    plans |= {missing: PRESETS[name].settings(0, LossWeights()) for missing, name in names.items()}
    lines = []
    for missing, weights in plans.items():
        for seed in range(SEEDS):
            trainer = build_trainer(optimizer="adamw", seed=seed, device="cpu", threads=1)
            trainer.control.set(**weights)
            line: dict = {"kind": "run", "missing": missing, "seed": seed, "map50": [], "map75": [], "boxes": []}
            for _ in range(3):
                for _ in range(50):
                    trainer.step()
                scores = trainer.validate()
                shown = [one for batch in trainer.validation_data for one in trainer.model.detect(batch.images)]
                line["map50"].append(scores["map50"])
                line["map75"].append(scores["map75"])
                line["boxes"].append(sum(len(one) for one in shown))
            lines.append(line)
    write_log("loss_weights", lines)


def box_weight() -> None:
    """For lesson 06: 120 steps without the box loss, without it and DFL, and without the class loss."""
    from teachkit.experiments.small import for_exam, small_trainer, small_validation_batch
    from teachkit.scoring import f1_score, mean_overlap

    exam = small_validation_batch()
    plans = {"usual": {}, "box 0": {"box": 0.0}, "both 0": {"box": 0.0, "dfl": 0.0}, "class 0": {"cls": 0.0}}
    lines = []
    for plan, weights in plans.items():
        for seed in range(SEEDS):
            trainer = small_trainer(seed=seed)
            trainer.control.set(**weights)
            for _ in range(120):
                trainer.step()
            model = for_exam(trainer.model).eval()
            f1 = f1_score(model.detect(exam.images), exam.ground_truth)
            overlap = mean_overlap(model(exam.images), exam.ground_truth)
            lines.append({"kind": "run", "plan": plan, "seed": seed, "overlap": overlap, "f1": f1})
    write_log("box_weight", lines)


def film() -> None:
    """For lesson 06: where the boxes of four exam pictures lie, every fourth step, under three sets of loss weights."""
    from teachkit.experiments.small import for_exam, small_trainer, small_validation_batch
    from teachkit.scoring import mean_overlap, nearest_boxes

    exam = small_validation_batch()
    lines = []
    for plan, weights in {"usual": {}, "box 0": {"box": 0.0}, "both 0": {"box": 0.0, "dfl": 0.0}}.items():
        trainer = small_trainer(seed=0)
        trainer.control.set(**weights)
        line: dict = {"kind": "film", "plan": plan, "steps": [], "overlap": [], "boxes": []}
        while True:
            predictions = for_exam(trainer.model).eval()(exam.images)
            line["steps"].append(trainer.step_number)
            line["overlap"].append(mean_overlap(predictions, exam.ground_truth))
            line["boxes"].append([one.tolist() for one in nearest_boxes(predictions, exam.ground_truth)[:4]])
            if trainer.step_number == 120:
                break
            for _ in range(4):
                trainer.step()
        lines.append(line)
    write_log("film", lines)


def late_drop() -> None:
    """For lesson 08: ten times the usual rate, the same with a tenth of it from step 110 on, and the usual one."""
    from teachkit.experiments.small import small_f1, small_trainer, usual_rate

    usual = usual_rate("adamw")
    lines = []
    for plan, rate, late in (("high", 10, 10), ("high, then usual", 10, 1), ("usual", 1, 1)):
        for seed in range(SEEDS):
            trainer = small_trainer(rate * usual, seed=seed)
            kept = []
            while trainer.step_number < 160:
                if trainer.step_number == 110:
                    trainer.control.set(lr=late * usual)
                kept.append(trainer.step())
            ends = {name: sum(one[name] for one in kept[120:]) / 40 for name in ("box", "cls", "dfl")}
            lines.append({"kind": "run", "plan": plan, "seed": seed, **ends, "f1": small_f1(trainer.model)})
    write_log("late_drop", lines)


def early_exams() -> None:
    """For lesson 09: 16 epochs of 32 pictures, each with two exams: as the Trainer sets it, and with new statistics."""
    from copy import deepcopy

    from torch.optim.swa_utils import update_bn

    from teachkit.feed.detector import Detector
    from teachkit.feed.loader import load_data
    from teachkit.learn.trainer import Trainer
    from teachkit.learn.validation import evaluate
    from teachkit.punish.criterion import Criterion

    exam = list(load_data("shapes", split="val", device="cpu"))[:4]
    lines = []
    for seed in range(SEEDS):
        training = load_data("shapes", batch_size=8, limit=32, seed=seed, device="cpu", augment=False)
        trainer = Trainer(Detector(len(training.classes), device="cpu", seed=seed), Criterion(), training, epochs=125)
        scores: dict[str, list[float]] = {"running": [], "anew": []}
        for _ in range(16):
            for _ in range(len(training)):
                trainer.step()
            anew = deepcopy(trainer.ema)
            update_bn([batch.images for batch in training], anew)
            for name, model in (("running", trainer.ema), ("anew", anew.eval())):
                scores[name].append(evaluate(model, exam)[0].map50)
        lines.append({"kind": "run", "seed": seed, **scores})
    write_log("early_exams", lines)


def preset_shown(name: str, seed: int, steps: int = 100) -> dict:
    """What a preset shows on the small detector: each raw loss at first and at last, the total, the peak, and F1."""
    from statistics import fmean

    from teachkit.experiments.small import small_f1, small_trainer, usual_rate
    from teachkit.structures import LossWeights
    from teachkit.watch.cockpit.presets import PRESETS

    trainer = small_trainer(seed=seed)
    trainer.control.set(**PRESETS[name].settings(usual_rate("adamw"), LossWeights()))
    trainer.on_record = lambda record: None
    records = [trainer.step() for _ in range(steps)]
    line: dict = {"kind": "run", "name": name, "seed": seed, "total": records[0]["total"]}
    for loss in ("box", "cls", "dfl"):
        values = [record[loss] for record in records]
        line[loss] = {"first": fmean(values[:3]), "peak": max(values[:20]), "last": fmean(values[-20:])}
    return line | {"f1": small_f1(trainer.model)}


def presets() -> None:
    """What each preset shows, five seeds each: the tests hold the presets' names to it."""
    from teachkit.watch.cockpit.presets import PRESETS

    write_log("presets", [preset_shown(name, seed) for name in PRESETS for seed in range(SEEDS)])


def searches() -> None:
    """For lesson 10: three searches for a rate; who was ever the winner is trained anew with three other seeds."""
    from teachkit.experiments.search import again, best, search

    lines = []
    for seed in range(3):
        trials = search(16, seed=seed, weights=False, progress=False)
        for so_far in range(1, len(trials) + 1):
            winner = best(trials[:so_far])
            if "again" not in winner:
                winner["again"] = [again(winner, 10 + other) for other in range(3)]
        lines += [{"seed": seed, **trial} for trial in trials]
    write_log("searches", lines)


def five_acts() -> None:
    """For the live demo: its acts as they are played, with what was found every few steps, and the grey futures."""
    from teachkit.learn.log import as_json
    from teachkit.watch.cockpit.acts import ACTS, SETTING
    from teachkit.watch.cockpit.presets import PRESETS
    from teachkit.watch.cockpit.session import Session
    from teachkit.watch.cockpit.start_up import build_session
    from teachkit.watch.replay.replay import content_of

    def play(session: Session, key: str, steps: int) -> None:
        """What the key asks for, then so many steps, or until the run stops itself; one that has stopped goes on."""
        does = {
            "reset": lambda ask: session.reset(),
            "preset": lambda ask: session.trainer.control.set(**session.preset_settings(PRESETS[ask["name"]])),
            "set": lambda ask: session.trainer.control.set(**ask["values"]),
            "fork": lambda ask: session.branch(session.fork_step()),
        }
        for ask in ACTS[key].asks:
            does.get(ask["kind"], lambda ask: None)(ask)
        end, stopped = session.step + steps, bool(session.trouble)
        while session.step < end and (stopped or not session.trouble):
            session.run(5)

    session = build_session(**SETTING, device="cpu", threads=1)
    lines: list[dict] = []

    def keep(key: str, first: int) -> None:
        """first: the step at which the playing of the act begins."""
        content = content_of(session.recording(ACTS[key].name))
        shared = {name: content.pop(name) for name in ("pictures", "truth", "classes", "image_size")}
        lines[:] = lines or [shared]
        lines.append({"key": key, "question": ACTS[key].question, "first": first} | as_json(content))

    play(session, "0", 60)
    play(session, "g", 120)
    keep("0", 0)
    first = session.step
    play(session, "1", 60)
    play(session, "g", 25)
    keep("1", first - 20)
    play(session, "2", 120)
    keep("2", session.step - 120)
    first = session.step
    play(session, "3", 60)
    keep("3", first - 20)
    for key in "456":
        play(session, key, 150)
        keep(key, 0)
    write_log("five_acts", lines)


RECIPES: dict[str, Callable[[], None]] = {
    "rates": rates,
    "unseen": unseen,
    "data_faults": data_faults,
    "batches": batches,
    "class_weights": class_weights,
    "loss_weights": loss_weights,
    "box_weight": box_weight,
    "film": film,
    "late_drop": late_drop,
    "early_exams": early_exams,
    "presets": presets,
    "searches": searches,
    "overfit": overfit,
    "five_acts": five_acts,
    "plenty": plenty,
    "shapes": shapes,
    "bccd": bccd,
}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECIPES:
        RECIPES[chosen]()
