"""Runs every notebook as other machines would, and with other seeds: `make elsewhere`, or with names of notebooks.

A variant is an instruction set of x86, one or two threads, and a shift of all seeds. What is stored must hold in each.
Prints after each variant which cells of each notebook differ, one variant a column; an hour on two cores.
"""

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "elsewhere"
LIMITS = {  # for torch's own kernels, oneDNN's convolutions and MKL's matrix products
    "native": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "sse4": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}


class Variant(NamedTuple):
    instructions: str
    threads: int = 1
    shift: int = 0

    def __str__(self) -> str:
        return f"{self.instructions}-{self.threads}" + (f"-seed+{self.shift}" if self.shift else "")

    def environment(self) -> dict[str, str]:
        own = {"OMP_NUM_THREADS": str(self.threads), "TEACHKIT_SEED_SHIFT": str(self.shift)}
        return {**os.environ, **LIMITS[self.instructions], **own}


VARIANTS = [Variant(name, threads) for name in LIMITS for threads in (1, 2)]
VARIANTS += [Variant(name, shift=shift) for shift, name in enumerate(("native", "avx2", "sse4", "native", "avx2"), 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", default=["notebooks"], help="files or folders")
    parser.add_argument("--variant", action="append", choices=[str(one) for one in VARIANTS], help="only this; again …")
    asked = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    columns = {}
    for variant in VARIANTS:
        if asked.variant is None or str(variant) in asked.variant:
            columns[str(variant)] = failing_cells(variant, asked.notebooks)
            print_table(columns)
    return int(any(cells for column in columns.values() for cells in column.values()))


def failing_cells(variant: Variant, notebooks: list[str], reports: Path = REPORTS) -> dict[str, list[str]]:
    """Numbers of the cells that fail or print something else, for each notebook; why stands in a log in `reports`.

    RuntimeError if the tests could not run.
    """
    report, log = reports / f"{variant}.xml", reports / f"{variant}.log"
    report.unlink(missing_ok=True)
    workers = max(1, (os.cpu_count() or 1) // variant.threads)
    words = [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadfile", "--nbval", "--nbval-current-env"]
    words += ["-p", "no:hypothesispytest"]  # two thirds of the start of each worker
    with log.open("w", encoding="utf-8") as kept:
        words += ["--color=no", f"--junitxml={report}", *notebooks]
        code = subprocess.call(words, cwd=ROOT, env=variant.environment(), stdout=kept, stderr=subprocess.STDOUT)
    if code not in (0, 1):
        raise RuntimeError(f"the tests could not run: see {log}")
    cells: dict[str, list[str]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        cells[case.get("classname", "").removesuffix(".ipynb")] += (
            [case.get("name", "").removeprefix("Cell ")] if bad else []
        )
    return cells


def print_table(columns: dict[str, dict[str, list[str]]]) -> None:
    notebooks = sorted({name for column in columns.values() for name in column})
    width = max(map(len, notebooks), default=0)
    print(" " * width, *columns, sep="  ")
    for name in notebooks:
        marks = [", ".join(column[name]) or "same" for column in columns.values()]
        print(name.ljust(width), *(mark.ljust(len(head)) for head, mark in zip(columns, marks, strict=True)), sep="  ")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
