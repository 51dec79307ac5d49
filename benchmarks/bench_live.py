"""What the cockpit costs, and how fast it answers, in a real browser: `python benchmarks/bench_live.py [--moves 200]`.

Slider to pixels: from the input event to the frame after the canvas with its readout and its mark has been painted,
while the default detector trains. Cost: steps a second under the cockpit over those of the same trainer alone in the
same kernel, taken in turns so that a busy neighbour hits both alike.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from conftest import FLAGS, chromium
from notebook_page import MOVE, NotebookPage, Server

CELLS = ["from teachkit.watch.cockpit import Cockpit", "cockpit = Cockpit(threads={threads})\ncockpit"]
ALONE = """
import time
began, first = time.perf_counter(), cockpit.lab.step
while time.perf_counter() - began < {seconds}:
    cockpit.lab.trainer.step()
print((cockpit.lab.step - first) / (time.perf_counter() - began))
"""
STEP = "import time; print(cockpit.lab.step, time.perf_counter())"


def slider_times(page: NotebookPage, cockpit, moves: int) -> list[float]:
    """Milliseconds of each of so many moves while training."""
    times = []
    for move in range(moves):
        times.append(page.page.evaluate(MOVE, [cockpit.element_handle(), "lr", 500 + move % 50]))
        time.sleep(0.02)
    return times


def speeds(page: NotebookPage, cockpit, rounds: int, seconds: float) -> tuple[list[float], list[float]]:
    """Steps a second alone and under the cockpit, in turns."""
    alone, watched = [], []
    for _ in range(rounds):
        alone.append(float(page.execute(ALONE.format(seconds=seconds))))
        cockpit.get_by_role("button", name="Start", exact=True).click()
        page.wait(cockpit, "widget.dataset.state === 'running'")
        time.sleep(0.5)
        before = [float(one) for one in page.execute(STEP).split()]
        time.sleep(seconds)
        after = [float(one) for one in page.execute(STEP).split()]
        watched.append((after[0] - before[0]) / (after[1] - before[1]))
        cockpit.get_by_role("button", name="Pause", exact=True).click()
        page.wait(cockpit, "widget.dataset.state === 'paused'")
    return alone, watched


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with sync_playwright() as playwright, Server(folder, options=("--LabApp.expose_app_in_browser=True",)) as server:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = NotebookPage(browser, server)
        page.open([cell.format(threads=options.threads) for cell in CELLS]).run_all(120)
        cockpit = page.widget(".tk-cockpit")
        page.wait(cockpit, "widget.dataset.state === 'ready'")
        idle = slider_times(page, cockpit, min(50, options.moves))
        cockpit.get_by_role("button", name="Start", exact=True).click()
        page.wait(cockpit, "Number(widget.dataset.step) > 3", timeout=60)
        training = slider_times(page, cockpit, options.moves)
        cockpit.get_by_role("button", name="Pause", exact=True).click()
        page.wait(cockpit, "widget.dataset.state === 'paused'")
        alone, watched = speeds(page, cockpit, options.rounds, options.seconds)
        page.shut_down()
    ratios = [with_it / without for with_it, without in zip(watched, alone, strict=True)]
    print(
        json.dumps(
            {
                "slider to pixels, idle, ms": quantiles(idle),
                "slider to pixels, training, ms": quantiles(training),
                "over idle": round(statistics.median(training) / statistics.median(idle), 2),
                "steps/s alone": round(statistics.median(alone), 1),
                "steps/s in the cockpit": round(statistics.median(watched), 1),
                "cost of the cockpit": f"{100 * (1 - statistics.median(ratios)):.1f} %",
            },
            indent=2,
        )
    )


def quantiles(times: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(times), 1),
        "p95": round(statistics.quantiles(times, n=20)[-1], 1),
        "moves": len(times),
    }


if __name__ == "__main__":
    main()
