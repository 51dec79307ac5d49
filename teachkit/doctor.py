"""What this machine has, what is missing, and how to mend it."""

import ast
import contextlib
import importlib
import json
import os
import platform
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from teachkit.feed.download import data_folder

ROOT = Path(__file__).resolve().parent.parent  # of a clone: an installed package has no requirements.txt beside it
GIB = 2**30
INSTALL = f"{sys.executable} -m pip install -r requirements.txt"  # into the Python that asks, and no other
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CONFIGS = ("jupyter*_config.py", "jupyter*_config.json")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. mend: what to do, empty where all is well; required: nothing works without it."""

    name: str
    what: str
    mend: str = ""
    required: bool = False

    @property
    def broken(self) -> bool:
        return self.required and bool(self.mend)

    def __str__(self) -> str:
        mark = "BROKEN" if self.broken else "note" if self.mend else "ok"
        return f"{mark:6}  {self.name:12}  {self.what}" + (f"\n{'':22}→ {self.mend}" if self.mend else "")


def examine() -> list[Finding]:
    """Everything, the most basic first."""
    return [_python(), *_packages(), *_torch(), *_machine(), _chromium(), _data_sets(), *_jupyter()]


def verdict(findings: Iterable[Finding]) -> str:
    """One sentence that does not depend on the machine unless something is broken."""
    broken = [finding.name for finding in findings if finding.broken]
    return f"not ready: mend {', '.join(broken)} first" if broken else "this machine is ready"


def _python() -> Finding:
    version = platform.python_version()
    mend = (
        ""
        if sys.version_info >= (3, 11)
        else "run `make lab`, or `python make.py lab`: it brings one that is new enough"
    )
    return Finding("python", f"{version} in {sys.prefix}", mend, required=True)


def _packages() -> Iterator[Finding]:
    """What pyproject.toml asks for is required; the group `lab` serves the lessons, the others who writes them."""
    try:
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name
    except ImportError:
        yield Finding("packaging", "not installed", INSTALL, required=True)
        return
    groups = {
        group: {canonicalize_name(Requirement(line).name) for line in lines} for group, lines in _groups().items()
    }
    ranges, pins = (
        {
            canonicalize_name(one.name): one.specifier
            for one in map(Requirement, lines)
            if one.marker is None or one.marker.evaluate()
        }
        for lines in (_ranges(), _pins())
    )
    for name in [*ranges, *sorted(groups.pop("lab", set()) - ranges.keys())]:
        required, version = name in ranges, _version(name)
        if version is None:
            yield Finding(name, "not installed", INSTALL, required)
        elif required and not ranges[name].contains(version, prereleases=True):
            yield Finding(name, f"{version}, but teachkit needs {ranges[name]}", INSTALL, required)
        elif name in pins and not pins[name].contains(version):
            tested = str(pins[name]).removeprefix("==")
            yield Finding(name, f"{version}; tested with {tested}", f"if something fails: {INSTALL}")
        else:
            yield Finding(name, version)
    for group, names in groups.items():
        missing = sorted(name for name in names if _version(name) is None)
        if missing:
            yield Finding(group, f"`make {group}` brings what it needs: {', '.join(missing)}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _groups() -> dict[str, list[str]]:
    """Of pyproject.toml, with what each of them adds; none where teachkit was installed without its folder."""
    found = _project().get("dependency-groups", {})
    return {name: [line for line in lines if isinstance(line, str)] for name, lines in found.items()}


def _project() -> dict[str, Any]:
    file = ROOT / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _ranges() -> list[str]:
    try:
        return metadata.requires("teachkit") or []
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return list(_project()["project"]["dependencies"])


def _pins() -> list[str]:
    file = ROOT / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in (line.partition("#")[0].strip() for line in lines) if line and not line.startswith("-")]


def _torch() -> Iterator[Finding]:
    try:
        torch = importlib.import_module("torch")
        nms = importlib.import_module("torchvision.ops").nms
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:  # a mismatched pair fails with whatever the loader of shared libraries says
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        yield Finding("torch", f"does not work with torchvision: {reason}", INSTALL, required=True)
        return
    yield _build(torch)
    from teachkit.feed.device import pick_device

    device = pick_device("auto")
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        yield Finding("device", f"cuda: {gpu.name}, {gpu.total_memory / GIB:.0f} GiB")
    else:
        yield Finding("device", f"{device.type}: no CUDA GPU, and none is needed")
    yield Finding("threads", f"torch computes with {torch.get_num_threads()} of {os.cpu_count()} cores")


def _build(torch: Any) -> Finding:
    """Which torch it is: the one with CUDA weighs 4 GB more, and only NVIDIA's GPUs want it."""
    if sys.platform == "darwin":
        return Finding("torch build", "Apple's, which has their GPU")  # there is no other
    cuda, gpu = torch.version.cuda, shutil.which("nvidia-smi") is not None
    here = Path(sys.prefix) == ROOT / ".venv"
    pins = " ".join(pin.partition(";")[0].strip() for pin in _pins() if pin.startswith(("torch==", "torchvision==")))
    index = f" --index-url {CPU_INDEX}" if cuda else ""
    by_pip = f"{sys.executable} -m pip install --force-reinstall {pins or 'torch torchvision'}{index}"
    switch = f"python make.py install --torch {'cpu' if cuda else 'cuda'}" if here else by_pip
    what = f"with CUDA {cuda}" if cuda else "for the CPU"
    if bool(cuda) == gpu:
        return Finding("torch build", f"{what}; to change it: {switch}")
    why = "no NVIDIA GPU wants that here; the build for the CPU is 4 GB smaller" if cuda else "the GPU is not used"
    return Finding("torch build", f"{what}: {why}", switch)


def _machine() -> Iterator[Finding]:
    with contextlib.suppress(ImportError):  # `_packages` has named it
        memory = importlib.import_module("psutil").virtual_memory()
        mend = "" if memory.available > 2 * GIB else "close other programs: training wants about 2 GiB"
        yield Finding("memory", f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free", mend)
    free = shutil.disk_usage(Path.cwd()).free
    mend = "" if free > GIB else "make room: a saved run and a data set want about 1 GiB"
    yield Finding("disk", f"{free / GIB:.0f} GiB free here", mend)


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    mend = "" if found else "only the browser tests need it: apt install chromium"
    return Finding("chromium", found or "not found", mend)


def _data_sets() -> Finding:
    folder = data_folder()
    if (folder / "bccd" / "Annotations").is_dir():
        return Finding("data", f"shapes (built in), bccd in {folder}")
    return Finding("data", "shapes (built in)", "for real pictures: python -m teachkit data get bccd")


def _jupyter() -> Iterator[Finding]:
    """A server that listens to others, or asks for no token, hands this machine to whoever finds it."""
    found = list(_open_configs())
    try:
        from jupyter_server.serverapp import list_running_servers

        for server in list_running_servers():
            if any(map(_beyond, _addresses(server))):
                found.append(f"the server at {server['url']} listens beyond this machine")
            if not server.get("token") and not server.get("password") and _lets_in(server["url"]):
                found.append(f"the server at {server['url']} asks for no token")
    except ImportError:
        pass  # no server, none open; `_packages` has named what is missing
    for what in found:
        yield Finding("jupyter", what, "listen on 127.0.0.1 with a token, as `make lab` does")
    if not found:
        yield Finding("jupyter", "no server of yours is open to the world")


def _beyond(address: object) -> bool:
    """Whether a server with this setting can be reached from elsewhere; so it is thought of what is no address."""
    try:
        return address != "localhost" and not ip_address(str(address)).is_loopback
    except ValueError:
        return True


def _addresses(server: dict[str, Any]) -> Iterator[str]:
    """What it says, and what the system says of its process: for "*" it says "localhost"."""
    yield server.get("hostname", "localhost")
    with contextlib.suppress(ImportError):
        psutil = importlib.import_module("psutil")
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(server["pid"]).net_connections("inet") if "pid" in server else []
            yield from (one.laddr.ip for one in own if one.status == "LISTEN" and one.laddr.port == server.get("port"))


def _lets_in(url: str) -> bool:
    """Asked, since it does not tell of a password that is set as Jupyter wants it today."""
    try:
        build_opener(ProxyHandler({})).open(f"{url}api/contents", timeout=3).close()
    except HTTPError:
        return False
    except OSError:
        return True  # not known
    return True


def _open_configs() -> Iterator[str]:
    try:
        from jupyter_core.paths import jupyter_config_path
    except ImportError:
        return
    found: list[tuple[Path, str, Any]] = []
    for file in [
        one for folder in jupyter_config_path() for form in CONFIGS for one in sorted(Path(folder).glob(form))
    ]:
        try:
            if not file.is_file():  # a named pipe would keep us waiting for ever
                raise ValueError("no file")
            found += [(file, name, value) for name, value in _settings(file)]
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield f"{file} cannot be read ({str(error) or 'too deep'})"
    has_password = any(name in ("password", "hashed_password") and value for _, name, value in found)
    for file, name, value in found:
        if name == "ip" and _beyond(value):
            yield f"{file} makes servers listen beyond this machine (ip = {value!r})"
        if name == "token" and value == "" and not has_password:
            yield f"{file} makes servers ask for no token"


def _settings(file: Path) -> Iterator[tuple[str, Any]]:
    """Last part of the name and value of each setting, or the words for it. A .py file is read, never run."""
    if file.suffix == ".json":
        content = json.loads(file.read_bytes())
        for section in content.values() if isinstance(content, dict) else ():
            if isinstance(section, dict):
                yield from section.items()
        return
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = node.value.value if isinstance(node.value, ast.Constant) else ast.unparse(node.value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute):
                    yield target.attr, value
                elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                    yield str(target.slice.value), value
