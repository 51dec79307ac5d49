"""Makes the recorded runs of this folder: `make recordings`, or `python data/runs/recipes.py NAME …` for some."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN = [sys.executable, "-m", "teachkit", "train"]


def shortened(value: object) -> object:
    """Four significant digits: more cannot be seen in a curve."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    return value


def write_log(name: str, records: list[dict]) -> None:
    lines = [json.dumps(shortened(one), ensure_ascii=False) for one in records]
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def saved_detector(name: str, *options: str) -> None:
    """Trains by the command line and keeps the best weights."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*TRAIN, *options, "--save", folder], check=True)
        (HERE / name).mkdir(exist_ok=True)
        shutil.copyfile(Path(folder) / "best.pt", HERE / name / "best.pt")


def shapes() -> None:
    saved_detector("shapes", "--data", "shapes")


RECIPES: dict[str, Callable[[], None]] = {"shapes": shapes}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECIPES:
        RECIPES[chosen]()
