# /// script
# requires-python = ">=3.8"
# ///
"""make lab, make test, make train on a machine without make: `python make.py lab`.

Installs first what the command needs and .venv lacks: uv does, at the versions and hashes of requirements.lock.
Any Python from 3.8 on may start it; the Python of the course itself uv finds, or brings.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV, LOCK = ROOT / ".venv", ROOT / "requirements.lock"
STAMP = VENV / ".installed"
TOOLS = ROOT / ".uv"  # uv, where the machine has none
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
OLDEST, TOO_NEW = (3, 11), (3, 16)  # torch has wheels from the first up to the second
CPU_INDEX = os.environ.get("TEACHKIT_TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
PATIENCE = 4  # s with that index

SERVER = {
    # what the kernel answers goes to the browser at once
    "kernel_websocket_connection_class": "teachkit.watch.connection.PromptConnection",
    # a notebook saved with widgets shows their pictures the day after
    "contents_manager_class": "teachkit.watch.connection.StillContents",
}
OPTIONS = ["--ServerApp.{}={}".format(*setting) for setting in SERVER.items()]
# Two workers fill two cores. A file stays on one worker: its fixtures, or its kernel, start once.
PYTEST = ["pytest", "-n", "2", "--dist", "loadfile"]
LINT = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
UNITS = [*PYTEST, "--no-loadscope-reorder", "tests"]  # tests/conftest.py orders them
NOTEBOOKS = [*PYTEST, "-p", "no:hypothesispytest", "--nbval", "--nbval-current-env", "notebooks"]
TRAIN = ["teachkit", "train", "--data", "shapes", "--log", "runs/shapes/log.jsonl", "--save", "runs/shapes"]
TASKS = {  # command: the group of pyproject.toml that it needs, and the modules that it runs
    "lab": ("lab", [["jupyterlab", *OPTIONS, "notebooks/00_start_here.ipynb"]]),
    "test": ("test", [*LINT, UNITS, NOTEBOOKS]),
    "train": ("lab", [TRAIN]),
    "lint": ("test", LINT),
    "units": ("test", [UNITS]),
    "notebooks": ("test", [NOTEBOOKS]),
}
MENDS = {  # what uv and pip say, and what a person can do about it
    r"os error (28|112)\b|No space left": "the disk is full: make room, 3 GB or with CUDA 10",
    r"dns error|[Cc]onnect|error sending request|timed out|NewConnection": "no package can be fetched: join a network",
    r"[Hh]ash mismatch|HASHES": "a package is not the one that requirements.lock names, and was not installed",
    r"[Pp]ermission denied|os error (13|5)\b": "this folder cannot be written to",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*TASKS, "install", "lock"])
    parser.add_argument("options", nargs=argparse.REMAINDER, help="handed on; install: groups, --torch cpu|cuda")
    asked = parser.parse_args()
    if asked.command == "lock":
        return lock(asked.options)
    if asked.command == "install":
        parser = argparse.ArgumentParser(prog="make.py install")
        parser.add_argument("groups", nargs="*", default=["lab"], help="of pyproject.toml")
        parser.add_argument("--torch", choices=["cpu", "cuda"], help="this build, whatever GPU the machine has")
        asked = parser.parse_args(asked.options)
        return install(asked.groups, asked.torch)
    group, steps = TASKS[asked.command]
    install([group])
    return run(steps, asked.options)


def run(steps, options):
    """Exit code of the first step that fails. The options go to the last step, which takes this process's place."""
    os.chdir(str(ROOT))
    if any(step[0] == "pytest" for step in steps):
        os.environ["OMP_NUM_THREADS"] = "1"  # each worker's
    *first, last = [[str(PYTHON), "-m", *step] for step in steps]
    for command in first:
        code = subprocess.call(command)
        if code:
            return code
    root = ["--allow-root"] if "jupyterlab" in last and not WINDOWS and os.getuid() == 0 else []  # in a container
    last += [*root, *options]
    return subprocess.call(last) if WINDOWS else os.execv(last[0], last)


def install(groups, torch=None):
    """Bring .venv to what the groups need: in place, or from nothing where the last attempt was cut off."""
    if ready(groups, torch):
        return
    TOOLS.mkdir(exist_ok=True)
    with alone() as cut_off:
        done = stamp()
        if ready(groups, torch):  # thanks to another process that we waited for
            return
        groups = sorted({*groups, *done.get("groups", [])})
        wanted = torch or done.get("wanted")
        other = done and (done.get("place"), done.get("wanted")) != (str(ROOT), wanted)
        if STAMP.exists():
            STAMP.unlink()
        uv = find_uv()
        if cut_off or other or not sound():
            make_venv(uv)
        add = [uv, "pip", "install", "--python", str(PYTHON)] if uv else [str(PYTHON), "-m", "pip", "install"]
        install_torch(add, wanted, "--default-index" if uv else "--index-url")
        if uv:
            names = [word for group in groups for word in ("--group", group)]
            must([*add, "--constraints", str(LOCK), "--requirements", "pyproject.toml", *names])
            must([*add, "--build-constraints", str(LOCK), "--no-deps", "--editable", "."])
        else:
            must([*add, "--requirement", "requirements.txt"])
        configure_jupyter()
        record = {"lock": fingerprint(), "place": str(ROOT), "groups": groups, "wanted": wanted}
        STAMP.write_text(json.dumps(record), encoding="utf-8")


def stamp():
    """What the last installation that came to its end wrote down."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    return found if isinstance(found, dict) else {}


def ready(groups, torch):
    done = stamp()
    same = (done.get("lock"), done.get("place")) == (fingerprint(), str(ROOT))
    enough = {*groups} <= {*done.get("groups", [])} or "test" in done.get("groups", [])  # which holds the others
    return same and enough and PYTHON.exists() and torch in (None, done.get("wanted"))


def fingerprint():
    """Of all that decides what is installed; the tools' settings at the end of pyproject.toml do not."""
    asked = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.")[0]
    return hashlib.sha256(LOCK.read_bytes() + asked.encode()).hexdigest()


@contextlib.contextmanager
def alone():
    """One installation at a time. Gives whether the one before was cut off: it has not wiped out its word."""
    with (TOOLS / "installing").open("a+") as held:
        if WINDOWS:
            import msvcrt

            msvcrt.locking(held.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            os.set_inheritable(held.fileno(), True)  # where only this process is killed, uv still holds it
            fcntl.flock(held, fcntl.LOCK_EX)
        held.seek(0)
        cut_off = bool(held.read())
        held.write("an installation is going on, or was cut off")
        held.flush()
        yield cut_off
        held.truncate(0)


def sound():
    """Whether .venv has a Python that starts, and one that torch has wheels for."""
    program = f"import sys; sys.exit(not {OLDEST} <= sys.version_info[:2] < {TOO_NEW})"
    return PYTHON.exists() and subprocess.call([str(PYTHON), "-c", program], stderr=subprocess.DEVNULL) == 0


def find_uv():
    """The machine's, or ours in the version of the lock, by pip; None where pip brings none though it can fetch."""
    machines = shutil.which("uv")
    if machines and version_of(machines) >= (0, 10):
        return machines
    pin = re.search(r"^uv==(\S+).*(?:\n .*)+", LOCK.read_text(encoding="utf-8"), re.M)
    folders = os.pathsep.join(str(TOOLS / name) for name in ("bin", "Scripts"))
    ours = shutil.which("uv", path=folders)
    if ours and version_of(ours) == tuple(map(int, pin[1].split("."))):
        return ours
    pins = TOOLS / "uv.txt"
    pins.write_text(pin[0], encoding="utf-8")
    pip, into = [sys.executable, "-m", "pip"], ["--target", str(TOOLS), "--upgrade"]
    if subprocess.call([*pip, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        must([sys.executable, "-m", "venv", str(TOOLS)])
        pip, into = [str(TOOLS / PYTHON.relative_to(VENV)), "-m", "pip"], []
    only = ["--disable-pip-version-check", "--quiet", "--retries=1", "--no-deps", "--only-binary=:all:"]
    trouble = attempt([*pip, "install", *only, "--require-hashes", "--requirement", str(pins), *into])
    if trouble in MENDS.values():
        stop(trouble)
    ours = shutil.which("uv", path=folders)
    if ours and version_of(ours):
        return ours
    print(f"{trouble or 'uv does not start here'}; so pip installs, which takes longer", file=sys.stderr)
    return None


def version_of(uv):
    """(0, 13, 9), or () if it does not start."""
    try:
        said = subprocess.run([uv, "--version"], stdout=subprocess.PIPE).stdout.decode()
    except OSError:
        return ()
    return tuple(map(int, re.findall(r"\d+", said)[:3]))


def make_venv(uv):
    """With the Python that runs this, if torch has wheels for it; else with one that uv finds or brings."""
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        made = [uv, "venv", "--no-project", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        must([*made, "--clear", str(VENV)])
    elif not uv:
        stop("pip brings no uv to this machine, and without it Python 3.11 to 3.15 has to start this")
    else:
        request = ">={}.{},<{}.{}".format(*OLDEST, *TOO_NEW)
        trouble = attempt([uv, "venv", "--no-project", "--python", request, "--clear", str(VENV)])
        if trouble:
            stop(f"no Python 3.11 to 3.15 is here, and none can be brought ({trouble}): install one")


def install_torch(add, wanted, from_index):
    """The CPU build before all else on Linux without an NVIDIA GPU, so that nothing asks for CUDA; PyPI's has it."""
    text = LOCK.read_text(encoding="utf-8")
    pins = [re.search(rf"^{name}==\S+", text, re.M)[0] for name in ("torch", "torchvision")]
    gpu = wanted == "cuda" or (wanted is None and has_gpu())
    if platform.system() == "Linux" and not gpu:
        trouble = reach(CPU_INDEX) or attempt([*add, "--no-deps", from_index, CPU_INDEX, *pins])
        if trouble and wanted:
            stop(trouble)
        if trouble:
            print(f"{trouble}; so torch comes with CUDA, which is 3 GB more", file=sys.stderr)
    elif WINDOWS and gpu and from_index == "--default-index":  # PyPI's build for Windows has no CUDA
        attempt([*add, "--no-deps", "--torch-backend=auto", *pins])


def has_gpu():
    """Whether there is an NVIDIA GPU with a driver that works."""
    if not shutil.which("nvidia-smi"):
        return False
    return b"GPU 0" in subprocess.run(["nvidia-smi", "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def reach(index):
    """Why not, or an empty text. Seconds, where uv would try again for minutes."""
    from urllib.request import urlopen  # takes its time, and only an installation needs it

    try:
        urlopen(index + "/torch/", timeout=PATIENCE).close()
    except OSError as error:
        return "{} cannot be reached ({})".format(index, getattr(error, "reason", error))
    return ""


def configure_jupyter():
    """For each Jupyter that starts from .venv, by whatever command.

    JupyterLab would greet with a question about its own news, over the first lesson.
    """
    off = {"@jupyterlab/apputils-extension:announcements": True}
    settings = {
        "labconfig/page_config.json": {"disabledExtensions": off, "lockedExtensions": off},
        "jupyter_server_config.json": {"ServerApp": SERVER},
    }
    for name, values in settings.items():
        file = VENV / "etc/jupyter" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")


@functools.lru_cache(maxsize=None)
def pip_settings():
    """The index, certificate and proxy that pip is set to: uv does not read pip's settings."""
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY"}
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode(errors="replace")
    return {names[name]: value for name, value in re.findall(r"\.(index-url|cert|proxy)='(.*)'", said)}


def attempt(command):
    """Run uv or pip → why it failed, in one line; empty if it has not. On a terminal a first try shows its bars."""
    env = dict(pip_settings(), **os.environ)
    if env.get("PYTHONDONTWRITEBYTECODE"):  # as in many containers: each start would compile torch anew, for seconds
        env.setdefault("UV_COMPILE_BYTECODE", "1")
    if sys.stderr.isatty() and subprocess.call(command, cwd=str(ROOT), env=env) == 0:
        return ""
    process = subprocess.Popen(command, cwd=str(ROOT), env=env, stderr=subprocess.PIPE)
    said = []
    for line in process.stderr:
        text = line.decode(errors="replace")
        if said or re.match("error", text, re.I):
            said.append(text.strip())
        elif not text.startswith((" + ", " - ", " ~ ")):
            sys.stderr.write(text)
    if process.wait() == 0:
        return ""
    whole = "\n".join(said)
    mend = next((mend for sign, mend in MENDS.items() if re.search(sign, whole)), "")
    return mend or "{}: {}".format(Path(command[0]).name, " ".join(said)[:400])


def must(command):
    trouble = attempt(command)
    if trouble:
        stop(trouble)


def stop(why):
    print(f"{why}; then the same command again", file=sys.stderr)
    sys.exit(2)


def lock(options):
    """requirements.lock anew, and requirements.txt for pip: `make.py lock --upgrade-package torch`."""
    how = ["--universal", "--python-version=3.11", "--generate-hashes", "--custom-compile-command=make lock"]
    must(
        [
            find_uv(),
            "pip",
            "compile",
            "pyproject.toml",
            "--group=test",
            "--extra=search",
            *how,
            "--quiet",
            "-o",
            str(LOCK),
            *options,
        ]
    )
    pins = re.findall(r"^([\w.-]+==[^\\\n]*?) *\\?$", LOCK.read_text(encoding="utf-8"), re.M)
    # torch itself names its CUDA libraries; a build of torch without CUDA, installed first, then keeps them away.
    kept = [pin for pin in pins if not re.match(r"(nvidia-(?!ml-py)|cuda-|triton|uv=|pip=)", pin)]
    head = "# For pip: all that make.py's commands need, as requirements.lock has it. `make lock` writes both.\n-e .\n"
    (ROOT / "requirements.txt").write_text(head + "".join(pin + "\n" for pin in kept), encoding="utf-8")


if __name__ == "__main__":
    if sys.version_info < (3, 8):  # noqa: UP036
        sys.exit("Python 3.8 or later has to start this, and this is " + platform.python_version())
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped: the same command goes on", file=sys.stderr)
        sys.exit(130)
