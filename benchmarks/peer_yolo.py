"""The peer's side of bench_shapes, run by the peer's own Python: `python peer_yolo.py DATA.yaml LOG FOLDER`.

YOLO11n from scratch with the defaults of Ultralytics, but for the picture size and the CPU. One line in LOG per epoch.
Needs Ultralytics and nothing of teachkit.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()

    import ultralytics

    ultralytics.settings.update({"sync": False, "wandb": False, "tensorboard": False})

    def write(kind: str, **values: object) -> None:
        with options.log.open("a") as file:
            file.write(json.dumps({"kind": kind, **values, "seconds": time.perf_counter() - BEGAN}) + "\n")

    trained, began = 0.0, 0.0  # seconds; validation and start are left out

    def begin_epoch(_: Any) -> None:
        nonlocal began
        began = time.perf_counter()

    def end_epoch(_: Any) -> None:
        nonlocal trained
        trained += time.perf_counter() - began

    def write_epoch(trainer: Any) -> None:
        metrics = {"map50": trainer.metrics["metrics/mAP50(B)"], "map": trainer.metrics["metrics/mAP50-95(B)"]}
        scores = {name: float(value) for name, value in metrics.items()}
        write("epoch", epoch=trainer.epoch, train_seconds=trained, **scores)

    write("start", version=ultralytics.__version__)
    model = ultralytics.YOLO("yolo11n.yaml")
    model.add_callback("on_train_epoch_start", begin_epoch)
    model.add_callback("on_train_epoch_end", end_epoch)
    model.add_callback("on_fit_epoch_end", write_epoch)
    model.train(data=options.data, imgsz=128, device="cpu", pretrained=False, project=options.folder, name="train")


if __name__ == "__main__":
    main()
