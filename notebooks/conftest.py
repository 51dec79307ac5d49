"""Notebooks under test keep the progress of nobody, show the same on a slow machine, and may print ≈.

Where there are several, their kernels are forked from a process that has loaded torch, and nothing of ours: to load it
takes a kernel more than one second, and with the first step of an optimizer two.

A number behind ≈ may differ from the stored one by a quarter, or by one unit of its last digit. A cell that needs
more says so in its metadata: {"about": {"relative": 0.5}}, {"about": {"absolute": 3}}. Where the blood cells are at
hand, which are stored nowhere, other numbers come out: {"about": {"bccd": "≈ 11, ≈ 3.4"}} holds those.
"""

import contextlib
import multiprocessing
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbval.kernel
import pytest
from jupyter_client import KernelManager
from jupyter_client.provisioning import local_provisioner
from nbval.plugin import coalesce_streams

os.environ["TEACHKIT_PROGRESS"] = str(Path(tempfile.mkdtemp(prefix="teachkit-")) / "progress.json")
os.environ["TQDM_DISABLE"] = "1"  # a bar that appears only where something takes long would be a difference

ABOUT = re.compile(r"≈ *([-−]?\d+(?:\.(\d+))?(?:e([-+]?\d+))?)")  # the number, its decimals, its power of ten

# torch._dynamo is what the first step of an optimizer loads
LIBRARIES = ["torch._dynamo", "ipykernel.kernelapp"]
# What a forked process does to be the kernel that was asked for; torch and the seed of hashes stay those of all
KERNEL = """
import multiprocessing, numpy, os, sys, threading, torch
os.setsid()
os.environ.clear()
os.environ.update(env)
os.chdir(cwd)
for stream in range(3):
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
words = command[command.index("-f") :]
sys.argv[:] = ["ipykernel_launcher", *words]
own = [one for one in sys.path if one.startswith((sys.prefix, sys.base_prefix))]
sys.path[:] = ["", *filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *own]
torch.seed()
numpy.random.seed()
multiprocessing.current_process().daemon = False  # it may have children
multiprocessing.set_start_method(None, force=True)
def end_with_the_tests():
    multiprocessing.parent_process().join()
    os._exit(1)
threading.Thread(target=end_with_the_tests, daemon=True).start()
from ipykernel.kernelapp import launch_new_instance
launch_new_instance(words)
"""


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


def pytest_collection_finish(session):
    if sys.platform == "linux" and len({item.path for item in session.items}) > 1:
        local_provisioner.launch_kernel = Forked


class Forked:
    """A kernel's process, as its manager knows it from subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, command, *, env, cwd, **_):
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(LIBRARIES)
        given = {"command": command, "env": env, "cwd": cwd}
        self.process = forks.Process(target=exec, args=(KERNEL, given), daemon=True)  # is not waited for at the end
        self.process.start()
        self.pid, self.kill, self.terminate = self.process.pid, self.process.kill, self.process.terminate
        while os.getpgid(self.pid) != self.pid:  # what is sent to its group must not reach ours
            time.sleep(0.001)

    def poll(self):
        return self.process.exitcode

    def wait(self):
        self.process.join()
        return self.poll()

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, number)


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
