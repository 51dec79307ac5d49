"""Notebooks under test keep the progress of nobody, show the same on a slow machine, and may print ≈.

A number behind ≈ may differ from the stored one by a quarter, or by one unit of its last digit. A cell that needs
more says so in its metadata: {"about": {"relative": 0.5}}, {"about": {"absolute": 3}}. Where the blood cells are at
hand, which are stored nowhere, other numbers come out: {"about": {"bccd": "≈ 11, ≈ 3.4"}} holds those.
"""

import os
import re
import tempfile
from pathlib import Path

import nbval.kernel
import pytest
from jupyter_client import KernelManager
from nbval.plugin import coalesce_streams

os.environ["TEACHKIT_PROGRESS"] = str(Path(tempfile.mkdtemp(prefix="teachkit-")) / "progress.json")
os.environ["TQDM_DISABLE"] = "1"  # a bar that appears only where something takes long would be a difference

ABOUT = re.compile(r"≈ *([-−]?\d+(?:\.(\d+))?(?:e([-+]?\d+))?)")  # the number, its decimals, its power of ten


def pytest_configure(config):
    if getattr(config.option, "nbval_sanitize_with", None) is None:
        config.option.nbval_sanitize_with = str(Path(__file__).with_name("sanitize.cfg"))
    config.option.nbval_kernel_startup_timeout = max(300, config.option.nbval_kernel_startup_timeout)  # s
    if os.name == "posix":
        nbval.kernel.KernelManager = without_ports


def without_ports(**settings):
    """A kernel's ports are chosen before it starts: another's may take one of them, and then it never answers."""
    file = Path(tempfile.mkdtemp(prefix="teachkit-"), "kernel.json")
    return KernelManager(transport="ipc", connection_file=str(file), **settings)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After nbval has compared the rest."""
    if hasattr(item, "test_outputs"):  # prints that were stored apart are one text to nbval, too
        item.cell.outputs = coalesce_streams(item.cell.outputs)
    result = yield
    if hasattr(item, "test_outputs") and item.options["check"]:
        tolerance = dict(item.cell.metadata.get("about", {}))
        of_bccd = tolerance.pop("bccd", None)
        expected = of_bccd if of_bccd and has_bccd() else words_of(item.cell.outputs)
        fresh = ABOUT.findall(words_of(item.test_outputs))
        wrong = [
            f"≈ {stored[0]} is stored, and ≈ {now[0]} comes out: more than {allowed(stored, **tolerance):.2g} away"
            for stored, now in zip(ABOUT.findall(expected), fresh, strict=True)
            if abs(number(now) - number(stored)) > allowed(stored, **tolerance)
        ]
        if wrong:
            item.raise_cell_error("Cell outputs differ", "\n".join(wrong))
    return result


def has_bccd():
    from teachkit.feed.download import data_folder  # imports torch, for one lesson

    return (data_folder() / "bccd" / "Annotations").is_dir()


def words_of(outputs):
    parts = [output.get("text", "") for output in outputs]
    parts += [text for output in outputs for kind, text in sorted(output.get("data", {}).items()) if kind[:4] == "text"]
    return "\n".join(parts)


def number(found):
    return float(found[0].replace("−", "-"))


def allowed(stored, relative=0.25, absolute=0.0):
    last_digit = 10.0 ** (int(stored[2] or 0) - len(stored[1]))
    return max(relative * abs(number(stored)), absolute, last_digit) * (1 + 1e-9)
