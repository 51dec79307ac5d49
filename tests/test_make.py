"""What `make lab` does before it opens a lesson, on machines of every kind: uv itself, an index on loopback."""

import ast
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tiny_packages import Index, hash_of

ROOT = Path(__file__).resolve().parent.parent
PROJECT = """
[build-system]
requires = []
build-backend = "tiny_packages"
backend-path = ["."]
[project]
name = "teachkit"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["torch", "torchvision"]
[dependency-groups]
lab = ["jupyterlab"]
test = [{ include-group = "lab" }, "pytest"]
"""
PINS = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; ([^\\\n]*?))? *\\?$", re.M)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and links as POSIX has them")


@pytest.fixture(scope="module")
def make():
    specification = importlib.util.spec_from_file_location("make", ROOT / "make.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_jupyter_of_the_environment_saves_widgets_as_pictures_and_answers_at_once(make, monkeypatch, tmp_path):
    monkeypatch.setattr(make, "VENV", tmp_path)
    make.configure_jupyter()
    command = [sys.executable, "-m", "jupyter", "server", "--show-config-json"]
    env = os.environ | {"JUPYTER_CONFIG_PATH": str(tmp_path / "etc/jupyter")}
    shown = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True).stdout
    settings = json.loads(shown)["ServerApp"]
    assert {key: settings[key] for key in make.SERVER} == make.SERVER
    page = json.loads((tmp_path / "etc/jupyter/labconfig/page_config.json").read_text(encoding="utf-8"))
    assert page["disabledExtensions"] == {"@jupyterlab/apputils-extension:announcements": True}


@pytest.fixture(scope="module")
def uv():
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("uv is missing: `make test` brings it")
    return found


class Machine:
    """A folder with make.py, a lock file of tiny packages and what the machine around it is like."""

    def __init__(self, folder, uv):
        self.folder, self.packages, self.cpu = folder / "Käse und Brot", Index(folder / "pypi"), Index(folder / "cpu")
        self.folder.mkdir()
        self.programs = folder / "programs"
        self.programs.mkdir()
        (self.programs / "uv").symlink_to(uv)
        for name in ("make.py", "tests/tiny_packages.py"):
            shutil.copy(ROOT / name, self.folder)
        (self.folder / "pyproject.toml").write_text(PROJECT)
        opens = {
            "jupyterlab/__init__.py": "",
            "jupyterlab/__main__.py": "import sys; print('opens', sys.argv[-1])",
            "jupyterlab-4.6.6.data/scripts/jupyter-lab": "#!python\nprint('opens')\n",
        }
        self.lock(
            self.packages.add("torch", "2.15.0", {"torch/__init__.py": ""}, ["nvidia-tiny==1.0"]),
            self.packages.add("nvidia-tiny", "1.0", {"nvidia_tiny.py": ""}),
            self.packages.add("torchvision", "0.29.2", {"torchvision.py": ""}, ["torch==2.15.0"]),
            self.packages.add("jupyterlab", "4.6.6", opens),
            self.packages.add("pytest", "9.0.0", {"pytest.py": ""}),
        )
        self.cpu.add("torch", "2.15.0+cpu", {"torch/__init__.py": ""})
        self.cpu.add("torchvision", "0.29.2+cpu", {"torchvision.py": ""}, ["torch==2.15.0"])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "PYTHON"))}
        self.env = kept | {
            "PATH": f"{self.programs}:/usr/bin:/bin", "UV_CACHE_DIR": str(folder / "cache"), "HOME": str(folder),
            "UV_DEFAULT_INDEX": self.packages.url, "TEACHKIT_TORCH_INDEX": self.cpu.url, "UV_HTTP_RETRIES": "0",
        }  # fmt: skip

    def lock(self, *lines):
        (self.folder / "requirements.lock").write_text("".join(lines))

    def start(self, *arguments, python=sys.executable, **env):
        command = [python, "make.py", *(arguments or ("lab",))]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=self.env | env, start_new_session=True, **pipes)

    def run(self, *arguments, **how):
        process = self.start(*arguments, **how)
        process.out, process.err = process.communicate(timeout=120)
        return process

    def opens(self, *arguments, **how):
        """Whether the lesson is opened."""
        process = self.run(*arguments, **how)
        assert process.returncode == 0, process.err
        assert "opens" in process.out
        return process

    def refuses(self, *arguments, **how):
        """The line that is said last; what is said is no traceback and as short as can be."""
        process = self.run(*arguments, **how)
        assert process.returncode == 2, process.err
        assert "Traceback" not in process.err
        return process.err.strip().splitlines()[-1]

    def installed(self):
        (packages,) = (self.folder / ".venv").glob("lib/*/site-packages")
        return {path.name.removesuffix(".dist-info") for path in packages.glob("*.dist-info")}

    def gpu(self):
        program = self.programs / "nvidia-smi"
        program.write_text("#!/bin/sh\necho 'GPU 0: a large one (UUID: GPU-1)'\n")
        program.chmod(0o755)


@pytest.fixture
def machine(tmp_path, uv):
    one = Machine(tmp_path, uv)
    yield one
    one.packages.close()
    one.cpu.close()


CPU, CUDA = {"torch-2.15.0+cpu", "torchvision-0.29.2+cpu"}, {"torch-2.15.0", "torchvision-0.29.2", "nvidia_tiny-1.0"}


def test_without_a_gpu_torch_is_the_build_for_the_cpu_and_the_tools_of_other_groups_stay_away(machine):
    machine.opens()
    assert machine.installed() == CPU | {"jupyterlab-4.6.6", "teachkit-0.1.0"}


def test_where_python_keeps_no_bytecode_the_packages_have_theirs_from_the_beginning(machine):
    machine.opens(PYTHONDONTWRITEBYTECODE="1")
    assert list((machine.folder / ".venv").glob("lib/*/site-packages/torch/__pycache__/*.pyc"))


def test_a_second_call_asks_nobody(machine):
    machine.opens()
    for index in (machine.packages, machine.cpu):
        index.close()
    began = time.monotonic()
    machine.opens()
    assert time.monotonic() - began < 2


def test_a_gpu_gets_cuda_unasked(machine):
    machine.gpu()
    machine.opens()
    assert machine.installed() >= CUDA
    assert not machine.cpu.asked


def test_an_index_for_the_cpu_that_refuses_is_given_up_at_once(machine):
    machine.cpu.close()
    assert "cannot be reached" in machine.opens().err
    assert machine.installed() >= CUDA


def test_an_index_for_the_cpu_that_never_answers_is_given_up_within_seconds(machine):
    own = machine.folder / "make.py"
    own.write_text(re.sub(r"^PATIENCE = [1-5] ", "PATIENCE = 0.1 ", before := own.read_text(), flags=re.M))
    assert own.read_text() != before
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        machine.opens(TEACHKIT_TORCH_INDEX=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        assert time.monotonic() - began < 10
    assert machine.installed() >= CUDA


def test_an_index_for_the_cpu_without_this_version_is_given_up(machine):
    shutil.rmtree(machine.cpu.folder / "simple" / "torchvision")
    machine.opens()
    assert machine.installed() >= CUDA


@pytest.mark.parametrize(("first", "then", "left"), [("cuda", "cpu", CPU), ("cpu", "cuda", CUDA)])
def test_the_build_can_be_changed_and_stays_so(first, then, left, machine):
    machine.run("install", "--torch", first)
    machine.run("install", "--torch", then)
    machine.run("install", "test")
    assert machine.installed() == left | {"jupyterlab-4.6.6", "teachkit-0.1.0", "pytest-9.0.0"}


def test_a_build_that_was_asked_for_and_cannot_be_had_is_no_other_build(machine):
    machine.cpu.close()
    assert "cannot be reached" in machine.refuses("install", "--torch", "cpu")


def test_a_new_lock_file_changes_the_versions_in_place_and_keeps_what_else_is_there(machine):
    machine.opens()
    (machine.folder / ".venv" / "mine.txt").write_text("a note")
    lines = re.sub(r"jupyterlab.*\n.*\n", "", (machine.folder / "requirements.lock").read_text())
    machine.lock(lines, machine.packages.add("jupyterlab", "4.7.0", {"jupyterlab/__main__.py": "print('opens')"}))
    machine.opens()
    assert "jupyterlab-4.7.0" in machine.installed()
    assert (machine.folder / ".venv" / "mine.txt").exists()


def test_a_package_that_is_not_the_one_in_the_lock_file_is_refused(machine):
    lock = (machine.folder / "requirements.lock").read_text()
    wheel = machine.packages.folder / "jupyterlab-4.6.6-py3-none-any.whl"
    good = hash_of(wheel)
    machine.lock(lock.replace(good, "sha256:" + "0" * 64))
    assert "requirements.lock" in machine.refuses()
    machine.lock(lock)
    machine.opens()


def test_without_a_network_one_line_says_so_and_the_next_call_mends_it(machine):
    said = machine.refuses(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")
    assert "no package can be fetched" in said
    machine.opens()


@pytest.mark.parametrize("stalled", ["torch", "jupyterlab"])
def test_killed_in_a_download_the_next_call_mends_it(stalled, machine):
    index = machine.cpu if stalled == "torch" else machine.packages
    index.stalled = f"/{stalled}-"
    with machine.start() as process:
        assert index.reached.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (machine.folder / ".venv" / ".installed").exists()
    index.stalled = None
    machine.opens()
    assert machine.installed() == CPU | {"jupyterlab-4.6.6", "teachkit-0.1.0"}


def test_killed_with_a_package_half_unpacked_the_next_call_mends_it(machine):
    machine.opens()
    (machine.folder / ".venv" / ".installed").unlink()
    (machine.folder / ".uv" / "installing").write_text("an installation was cut off")
    (packages,) = (machine.folder / ".venv").glob("lib/*/site-packages")
    (packages / "jupyterlab" / "__main__.py").unlink()
    machine.opens()


def test_cut_off_on_the_way_to_other_versions_and_back_the_old_ones_are_there_again(machine):
    machine.opens()
    old = (machine.folder / "requirements.lock").read_text()
    machine.cpu.add("torch", "2.16.0+cpu", {"torch/__init__.py": ""})
    line = machine.packages.add("jupyterlab", "4.7.0", {"jupyterlab/__main__.py": "print('opens')"})
    machine.lock(re.sub(r"jupyterlab.*\n.*\n", line, old).replace("torch==2.15.0", "torch==2.16.0"))
    machine.packages.stalled = "jupyterlab"
    machine.packages.add("torch", "2.16.0", {"torch/__init__.py": ""})
    with machine.start() as process:
        assert machine.packages.reached.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
    assert "torch-2.16.0+cpu" in machine.installed()
    machine.lock(old)
    machine.packages.stalled = None
    machine.opens()
    assert machine.installed() == CPU | {"jupyterlab-4.6.6", "teachkit-0.1.0"}


def test_stopped_by_hand_it_says_so_and_leaves_no_traceback(machine, heard):
    heard(signal.SIGINT)
    machine.packages.stalled = "jupyterlab"
    process = machine.start()
    assert machine.packages.reached.wait(60)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "the same command goes on" in said


def test_a_folder_that_was_moved_and_a_python_that_is_gone_are_mended(machine):
    machine.opens()
    machine.folder = machine.folder.rename(machine.folder.with_name("elsewhere"))
    machine.opens()
    subprocess.run([machine.folder / ".venv" / "bin" / "jupyter-lab"], check=True)
    python = machine.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    machine.opens()


def wait_until_it_stands_before_a_lock(process):
    locks = Path("/proc/locks")
    if not locks.exists():  # on macOS
        time.sleep(3)
        return
    until = time.monotonic() + 60
    while not re.search(rf"-> FLOCK .* {process.pid} ", locks.read_text()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def test_two_at_once_wait_for_each_other(machine):
    machine.packages.stalled = "jupyterlab"
    with machine.start("install", "lab") as first:
        assert machine.packages.reached.wait(60)
        asked = len(machine.packages.asked)
        with machine.start("install", "test") as second:
            wait_until_it_stands_before_a_lock(second)
            assert second.poll() is None
            assert len(machine.packages.asked) == asked, "the second one installs beside the first"
            machine.packages.goes_on.set()
            said = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert machine.installed() >= {"jupyterlab-4.6.6", "pytest-9.0.0"}


def test_an_environment_that_is_active_stays_as_it_is(machine, tmp_path):
    """conda's or another: the folder of the course is not the one to fill it."""
    conda = tmp_path / "conda"
    subprocess.run([machine.programs / "uv", "venv", "--quiet", conda], check=True)
    before = sorted(conda.rglob("*"))
    machine.opens(CONDA_PREFIX=str(conda), VIRTUAL_ENV=str(conda), CONDA_DEFAULT_ENV="base")
    assert sorted(conda.rglob("*")) == before
    machine.opens(python=str(conda / "bin" / "python"))
    assert sorted(path for path in conda.rglob("*") if "__pycache__" not in path.parts) == before


def test_the_index_that_pip_is_set_to_is_handed_on(machine):
    del machine.env["UV_DEFAULT_INDEX"]
    machine.opens(PIP_INDEX_URL=machine.packages.url)
    assert any("jupyterlab" in path for path in machine.packages.asked)


def test_a_full_disk_is_named_and_room_mends_it(machine, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode:
        pytest.skip("no file system of one's own here")
    payload = {"jupyterlab/weight.bin": "0" * 2**22, "jupyterlab/__main__.py": "print('opens')"}
    lines = re.sub(r"jupyterlab.*\n.*\n", "", (machine.folder / "requirements.lock").read_text())
    machine.lock(lines, machine.packages.add("jupyterlab", "4.7.0", payload))
    script = f"""
        mount -t tmpfs -o size=2m none {disk}; cp -r "$PWD/." {disk}; cd {disk}
        {sys.executable} make.py lab; echo "exit $?"
        mount -o remount,size=64m {disk}; {sys.executable} make.py lab
    """
    done = subprocess.run(
        [*inside, "sh", "-c", script], capture_output=True, text=True, cwd=machine.folder, env=machine.env
    )
    assert "the disk is full" in done.stderr
    assert done.stdout.split() == ["exit", "2", "opens"], done.stderr


@pytest.mark.parametrize(("version", "wanted"), [((3, 9), ">=3.11"), ((3, 16), ">=3.11"), ((3, 12), sys.executable)])
def test_a_python_that_torch_has_no_wheels_for_starts_it_and_another_is_looked_for(make, version, wanted, monkeypatch):
    asked = []
    monkeypatch.setattr(make, "attempt", asked.append)
    monkeypatch.setattr(make.sys, "version_info", version)
    make.make_venv("uv")
    assert wanted in " ".join(asked[0])


def test_no_python_and_no_uv_to_bring_one_is_told_in_one_line(make, monkeypatch, capsys):
    monkeypatch.setattr(make.sys, "version_info", (3, 9))
    with pytest.raises(SystemExit) as stopped:
        make.make_venv(None)
    assert stopped.value.code == 2
    assert "Python 3.11 to 3.15" in capsys.readouterr().err


def test_where_pip_finds_no_uv_pip_installs(machine):
    """For a kind of machine that uv is not made for."""
    (machine.programs / "uv").unlink()
    machine.lock(
        (machine.folder / "requirements.lock").read_text(), f"uv==0.13.9 --hash=sha256:{'0' * 64}\n    # test\n"
    )
    machine.packages.add("uv", "0.1", {"uv.py": ""})
    (machine.folder / "requirements.txt").write_text("-e .\njupyterlab==4.6.6\ntorch==2.15.0\ntorchvision==0.29.2\n")
    machine.opens(PIP_INDEX_URL=machine.packages.url)
    assert machine.installed() >= CPU | {"jupyterlab-4.6.6"}


def test_uv_is_fetched_by_pip_once_where_it_is_missing(machine, uv):
    (machine.programs / "uv").unlink()
    program = f'#!/bin/sh\nexec {uv} "$@"\n'  # the real one, in a wheel of a few bytes
    version = subprocess.run([uv, "--version"], capture_output=True, text=True).stdout.split()[1]
    line = machine.packages.add("uv", version, {f"uv-{version}.data/scripts/uv": program})
    machine.lock((machine.folder / "requirements.lock").read_text(), line)
    machine.opens(PIP_INDEX_URL=machine.packages.url)
    asked = len(machine.packages.asked)
    (machine.folder / ".venv" / ".installed").unlink()
    machine.opens(PIP_INDEX_URL=machine.packages.url)
    assert not [path for path in machine.packages.asked[asked:] if "/uv" in path]


@pytest.mark.install
def test_a_python_is_brought_where_the_machine_has_none_that_is_new_enough(machine, uv, tmp_path):
    found = subprocess.run([uv, "python", "find", "--no-project", ">=3.8,<3.11"], capture_output=True, text=True)
    old = found.stdout.strip()
    if not old:
        pytest.skip("no older Python here to start it with")
    version = "{}.{}.{}".format(*sys.version_info)
    with tarfile.open(machine.packages.folder / "python.tar.gz", "w:gz", compresslevel=1) as packed:
        packed.add(sys.base_prefix, "python", filter=lambda one: None if "site-packages" in one.name else one)
    kind = f"cpython-{version}-linux-{platform.machine()}-gnu"
    described = {
        "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux", "libc": "gnu",
        "major": sys.version_info[0], "minor": sys.version_info[1], "patch": sys.version_info[2], "prerelease": "",
        "url": machine.packages.url.replace("/simple", "/python.tar.gz"), "sha256": None, "variant": None,
        "build": "20260101",
    }  # fmt: skip
    (tmp_path / "pythons.json").write_text(json.dumps({kind: described}))
    elsewhere = {"UV_PYTHON_DOWNLOADS_JSON_URL": str(tmp_path / "pythons.json"), "UV_PYTHON_SEARCH_PATH": str(tmp_path)}
    nothing = machine.refuses(python=old, UV_PYTHON_DOWNLOADS="never", UV_PYTHON_SEARCH_PATH=str(tmp_path))
    assert nothing.startswith("no Python 3.11 to 3.15 is here")
    machine.opens(python=old, **elsewhere)
    assert str(tmp_path / ".local") in str((machine.folder / ".venv" / "bin" / "python").resolve())


@pytest.mark.install
def test_the_first_lesson_opens_on_an_empty_machine_and_again_in_seconds(tmp_path, capsys):
    folder = tmp_path / "Käse und Brot"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    env = os.environ | {"UV_CACHE_DIR": str(tmp_path / "cache"), "BROWSER": "true"}
    for start in ("first", "second", "third"):
        began = time.monotonic()
        command = [sys.executable, "make.py", "lab", "--ServerApp.port=0"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": env}
        with subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes) as server:
            address = next(filter(None, (re.search(r"http://127\S+token=\w+", line) for line in server.stdout)), None)
            assert address, "no server has come up"
            took = time.monotonic() - began
            os.killpg(server.pid, signal.SIGKILL)
        with capsys.disabled():
            print(f"\n{start} `make lab`: the server answers after {took:.1f} s")
    lesson = json.loads((folder / "notebooks" / "00_start_here.ipynb").read_text())
    cell = next("".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code")
    began = time.monotonic()
    subprocess.run([folder / ".venv/bin/python", "-c", cell], cwd=folder / "notebooks", check=True, env=env)
    size = sum(file.lstat().st_size for file in (folder / ".venv").rglob("*") if file.is_file())
    with capsys.disabled():
        print(f"its first cell: {time.monotonic() - began:.1f} s; .venv: {size / 1e9:.2f} GB")


def test_what_starts_it_may_be_python_3_8(make):
    ast.parse((ROOT / "make.py").read_text(), feature_version=(3, 8))


def pins():
    return {(canonicalize_name(name), version) for name, version, _ in PINS.findall(lock_text())}


def lock_text():
    return (ROOT / "requirements.lock").read_text()


def test_every_version_in_the_lock_file_has_its_hashes_and_no_address():
    blocks = re.split(r"\n(?=\w)", lock_text())[1:]
    assert len(blocks) == len(re.findall("^[^ #\n]", lock_text(), re.M))
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block.splitlines()[0]
    assert "://" not in lock_text() + (ROOT / "requirements.txt").read_text()


def test_the_lock_file_holds_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    lines = [line for lines in (project["project"]["dependencies"], *groups) for line in lines if isinstance(line, str)]
    held = dict(pins())
    for one in map(Requirement, lines):
        assert one.specifier.contains(held[canonicalize_name(one.name)]), one
    assert "torch==2.15.0 " in lock_text()
    assert "torchvision==0.29.2 " in lock_text()


def test_the_group_test_holds_all_the_others():
    """So that who has it is never installed for again, in the middle of a test run for instance."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    held, new = set(), {"test"}
    while new:
        held |= new
        new = {line["include-group"] for name in new for line in groups[name] if isinstance(line, dict)}
    assert held == set(groups)


def test_pips_file_has_the_same_versions_and_leaves_cuda_to_torch():
    text = (ROOT / "requirements.txt").read_text()
    own = {(canonicalize_name(name), version) for name, version, _ in PINS.findall(text)}
    assert "\n-e .\n" in text
    assert own < pins()
    left_out = {name for name, _ in pins() - own}
    assert left_out == {name for name in left_out if name.startswith(("nvidia-", "cuda-"))} | {"triton", "uv", "pip"}


def test_no_range_falls_on_the_torch_whose_cpu_build_has_no_torchvision():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        if Requirement(line).name == "torch":
            assert not Requirement(line).specifier.contains("2.13.0+cpu")


def test_every_licence_is_one_that_may_be_used_beside_mit():
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"]
    run = subprocess.run(command, capture_output=True, text=True)
    if "No module named" in run.stderr:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("pip-licenses is missing: `make test` brings it")
    for package in json.loads(run.stdout):
        licences = re.split(r"; | OR ", package["License"])  # one of them is enough
        own = package["Name"].startswith(("nvidia-", "cuda-"))  # NVIDIA's terms, with torch's build for its GPUs
        assert own or any(
            not re.search(r"AGPL|Affero|\bGPL|(?<!Lesser )General Public|UNKNOWN", one) for one in licences
        )
