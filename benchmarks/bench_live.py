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
from typing import NamedTuple

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from conftest import FLAGS, chromium
from notebook_page import MOVE, NotebookPage, Server

CELLS = ["from teachkit.watch.cockpit.cockpit import Cockpit", "cockpit = Cockpit(threads={threads})\ncockpit"]
ALONE = """
import time
began, first, busy = time.perf_counter(), cockpit.session.step, time.process_time()
while time.perf_counter() - began < {seconds}:
    cockpit.session.trainer.step()
steps = cockpit.session.step - first
print(steps / (time.perf_counter() - began), (time.process_time() - busy) / steps)
"""
STEP = "import time; print(cockpit.session.step, time.perf_counter(), time.process_time())"


class Speed(NamedTuple):
    steps: float  # a second
    processor: float  # seconds of the kernel's processor time a step


def slider_times(page: NotebookPage, cockpit, moves: int) -> list[float]:
    """Milliseconds of each of so many moves while training."""
    times = []
    for move in range(moves):
        times.append(page.page.evaluate(MOVE, [cockpit.element_handle(), "lr", 500 + move % 50]))
        time.sleep(0.02)
    return times


def speeds(page: NotebookPage, cockpit, rounds: int, seconds: float) -> tuple[list[Speed], list[Speed]]:
    """Alone and under the cockpit, in turns."""
    alone, watched = [], []
    for _ in range(rounds):
        alone.append(Speed(*map(float, page.execute(ALONE.format(seconds=seconds)).split())))
        cockpit.get_by_role("button", name="Start", exact=True).click()
        page.wait(cockpit, "widget.dataset.state === 'running'")
        time.sleep(0.5)
        before = [float(one) for one in page.execute(STEP).split()]
        time.sleep(seconds)
        after = [float(one) for one in page.execute(STEP).split()]
        steps, wall, busy = (late - early for late, early in zip(after, before, strict=True))
        watched.append(Speed(steps / wall, busy / steps))
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
    pairs = list(zip(watched, alone, strict=True))
    slower = statistics.median(1 - with_it.steps / without.steps for with_it, without in pairs)
    busier = statistics.median(with_it.processor / without.processor - 1 for with_it, without in pairs)
    print(
        json.dumps(
            {
                "slider to pixels, idle, ms": quantiles(idle),
                "slider to pixels, training, ms": quantiles(training),
                "over idle": round(statistics.median(training) / statistics.median(idle), 2),
                "steps/s alone": round(statistics.median(one.steps for one in alone), 1),
                "steps/s in the cockpit": round(statistics.median(one.steps for one in watched), 1),
                "cost of the cockpit, steps/s": f"{100 * slower:.1f} %",
                "cost of the cockpit, processor seconds a step": f"{100 * busier:.1f} %",
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
