"""What is trained, scored and drawn on a GPU never meets what lies on the processor, and comes out the same."""

import math
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch

import teachkit as tk
from teachkit.analysis.dfl_edges import edges_of
from teachkit.feed.augment import AugmentSettings
from teachkit.watch.figures import plots
from tests import pretended_gpu
from tests.forked import CONTEXT

pytestmark = pytest.mark.skipif(not pretended_gpu.POSSIBLE, reason="this torch knows no device written in Python")
STRONG = AugmentSettings(vertical_flip=0.5, paste=0.5)


def in_a_process_of_its_own(scenario, *arguments):
    """Torch counts its devices at the first backward pass of a process: this one must be known before."""
    with ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
        pool.submit(with_a_gpu, scenario, *arguments).result(timeout=120)


def with_a_gpu(scenario, *arguments):
    torch.set_num_threads(1)
    device, torch.tensor = pretended_gpu.register(), pretended_gpu.tensor
    with pretended_gpu.Everything():
        scenario(device, *arguments)


def trained(device, folder, optimizer="adamw", epochs=2):
    settings = {"batch_size": 4, "image_size": 64, "device": device}
    training = tk.load_data("shapes", count=16, augment=STRONG, **settings)
    exam = tk.load_data("shapes", "val", count=8, **settings)
    records = []
    model = tk.Detector(4, device=device, widths=(8, 16, 16), neck=16)
    criterion = tk.Criterion(class_weights=[1, 1, 2, 1])
    trainer = tk.Trainer(model, criterion, training, exam, optimizer, records.append, save_dir=folder, threads=1)
    trainer.fit(epochs)
    return trainer, exam, records


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_run_on_a_gpu_is_the_one_on_the_processor(tmp_path, optimizer):
    in_a_process_of_its_own(run_on_both, tmp_path, optimizer)


def run_on_both(gpu, tmp_path, optimizer):
    there, exam, records = trained(gpu, tmp_path / "there", optimizer)
    _, _, expected = trained("cpu", tmp_path / "here", optimizer)
    assert {one.device for one in there.model.parameters()} == {exam.device} == {gpu}
    totals, same = ([one["total"] for one in run if one["kind"] == "step"] for run in (records, expected))
    assert totals == pytest.approx(same, rel=1e-4)
    scores, same = ([one["map50"] for one in run if one["kind"] == "epoch"] for run in (records, expected))
    assert scores == pytest.approx(same, abs=1e-3)
    again, _, _ = trained(gpu, None, optimizer, epochs=1)
    again.load_state_dict(there.state_dict())
    again.step()


def test_what_it_finds_there_is_scored_and_drawn(tmp_path):
    in_a_process_of_its_own(score_and_draw, tmp_path)


def score_and_draw(gpu, tmp_path):
    trainer, exam, _ = trained(gpu, tmp_path, epochs=1)
    batch = next(iter(exam))
    found = trainer.model.detect(batch.images, score_threshold=0)
    assert found[0].boxes.device == gpu
    assert 0 <= tk.score(found, batch.ground_truth).map <= 1
    plots.detection_grid(batch.images, found, exam.classes, batch.ground_truth)
    with torch.no_grad():
        assert math.isfinite(edges_of(trainer.model(batch.images), batch.ground_truth).dfl())
    for browser in (tk.ErrorsBrowser(trainer.model, exam), tk.LabelBrowser(exam, trainer.model)):
        browser.close()


def test_devices_that_meet_would_be_noticed():
    in_a_process_of_its_own(mix_devices)


def mix_devices(gpu):
    there, here = torch.ones(3, device=gpu), torch.ones(3)
    for mix in (lambda: there + here, lambda: here[there.long()], lambda: torch.cat([there, here]), there.numpy):
        with pytest.raises((RuntimeError, TypeError), match=r"same device|numpy"):
            mix()
    assert (there + here.to(gpu)).sum().item() == 6


def test_a_label_that_is_no_class_costs_neither_a_wait_nor_the_gpu_but_the_step():
    in_a_process_of_its_own(meet_foreign_labels)


def meet_foreign_labels(gpu):
    torch._assert_async = None  # on a real GPU it ends the process's use of it
    for label in (4, 80, -1, 2**40):
        meet_a_foreign_label(gpu, label)


def meet_a_foreign_label(gpu, label):
    batches = [batch.to(gpu) for batch in tk.load_data("shapes", count=8, batch_size=4, image_size=64, device="cpu")]
    batches[0].ground_truth.labels = batches[0].ground_truth.labels.clone()
    batches[0].ground_truth.labels[1, 0] = label
    records, model = [], tk.Detector(4, device=gpu, widths=(8, 16, 16), neck=16)
    losses = tk.Criterion()(model(batches[0].images), batches[0].ground_truth)
    assert all(math.isnan(value) for value in dict(losses.items()).values())
    trainer = tk.Trainer(model, tk.Criterion(), batches, on_record=records.append, threads=1)
    trainer.fit(1)
    (event,) = [one for one in records if one["kind"] == "event"]
    assert event["what"] == "skipped"
    assert f"label {label}, but there are 4 classes" in event["message"]
    assert math.isfinite([one for one in records if one["kind"] == "step"][1]["total"])
