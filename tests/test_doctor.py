"""A machine with one thing broken: the doctor names it and its mend, and is not alarmed by what is merely optional."""

import importlib
import json
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server import serverapp

import teachkit
from teachkit import doctor
from tests import forked

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def clean_machine(tmp_path, monkeypatch):
    """No Jupyter settings or servers but those that a test puts there."""
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_NO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setattr(serverapp, "list_running_servers", lambda: [])
    (tmp_path / "jupyter").mkdir()


def test_an_old_python_is_named_before_anything_else_fails(monkeypatch):
    """By `import teachkit`: the doctor itself needs a module of the standard library that it lacks."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(ImportError, match=r"needs Python 3\.11 or later, and this is"):
        importlib.reload(teachkit)


def findings_of(name):
    return [finding for finding in doctor.examine() if finding.name == name]


def test_a_machine_that_passes_these_tests_is_ready():
    findings = doctor.examine()
    assert doctor.verdict(findings) == "this machine is ready"
    assert {"python", "torch", "device", "threads", "memory", "disk", "ipykernel", "chromium", "data"} <= {
        finding.name for finding in findings
    }


def without(monkeypatch, *names):
    """A machine on which these are not installed."""
    version = metadata.version

    def missing(asked):
        if asked in names:
            raise metadata.PackageNotFoundError(asked)
        return version(asked)

    monkeypatch.setattr(metadata, "version", missing)


@pytest.mark.parametrize("name", ["torch", "torchvision", "numpy", "matplotlib"])
def test_a_missing_package_that_teachkit_needs_is_broken(name, monkeypatch):
    without(monkeypatch, name)
    findings = doctor.examine()
    assert [finding.name for finding in findings if finding.broken] == [name]
    assert "requirements.txt" in findings_of(name)[0].mend
    assert name in doctor.verdict(findings)


def test_a_missing_package_that_only_the_lessons_need_is_a_note(monkeypatch):
    without(monkeypatch, "jupyterlab")
    finding = findings_of("jupyterlab")[0]
    assert finding.mend
    assert not finding.broken


def test_who_only_learns_is_told_which_command_brings_the_tools_and_not_alarmed(monkeypatch):
    without(monkeypatch, "nbval", "pycocotools", "sphinx")
    findings = {finding.name: finding for finding in doctor.examine()}
    assert "make test" in findings["test"].what
    assert all(name in findings["test"].what for name in ("nbval", "pycocotools"))
    assert "make site" in findings["site"].what
    assert not findings["test"].mend
    assert not findings["site"].mend


@pytest.mark.parametrize(("found", "broken"), [("2.10.0", True), ("2.13.0+cpu", True), ("2.99.0", False)])
def test_a_torch_outside_the_range_is_broken_and_one_beside_the_pin_is_a_note(found, broken, monkeypatch):
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: found if name == "torch" else version(name))
    finding = findings_of("torch")[0]
    assert finding.mend
    assert finding.broken == broken
    assert found in finding.what


def test_comments_options_and_other_systems_packages_in_the_pins_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    pins = ["# a comment", "-e .", "numpy==1.0  # why", "", "winonly==3 ; sys_platform == 'nowhere'", "numpy-other==2"]
    (tmp_path / "requirements.txt").write_text("\n".join(pins))
    monkeypatch.setattr(doctor, "_ranges", lambda: ["numpy>=1"])
    findings = {finding.name: finding for finding in doctor._packages()}
    assert list(findings) == ["numpy"]
    assert "tested with 1.0" in findings["numpy"].what


def test_a_torchvision_that_does_not_match_torch_is_broken(monkeypatch):
    def mismatched(name):
        raise RuntimeError("operator torchvision::nms does not exist\nand a long tail")

    monkeypatch.setattr(doctor.importlib, "import_module", mismatched)
    findings = list(doctor._torch())
    assert [str(finding) for finding in findings if finding.broken]
    assert "operator torchvision::nms does not exist" in findings[0].what
    assert "tail" not in findings[0].what


@pytest.mark.skipif(sys.platform == "darwin", reason="there is one build for Apple")
@pytest.mark.parametrize(
    ("cuda", "gpu", "said", "asked"),
    [
        (None, False, "for the CPU; to change it", ""),
        ("13.2", True, "with CUDA 13.2; to change it", ""),
        ("13.2", False, "no NVIDIA GPU wants that here", "--torch cpu"),
        (None, True, "the GPU is not used", "--torch cuda"),
    ],
)
def test_the_build_of_torch_is_named_and_how_to_change_it(cuda, gpu, said, asked, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi" if gpu else None)
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    finding = doctor._build(SimpleNamespace(version=SimpleNamespace(cuda=cuda)))
    assert said in finding.what
    assert asked in finding.mend
    assert bool(finding.mend) == bool(asked)
    assert f"install --torch {'cpu' if cuda else 'cuda'}" in finding.what + finding.mend


@pytest.mark.skipif(sys.platform == "darwin", reason="there is one build for Apple")
def test_in_another_environment_pip_changes_the_build_and_keeps_the_versions(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "prefix", "/usr")
    finding = doctor._build(SimpleNamespace(version=SimpleNamespace(cuda="13.2")))
    pins = [pin for pin in doctor._pins() if pin.startswith("torch")]
    assert len(pins) == 2
    assert all(pin in finding.mend for pin in pins)
    assert finding.mend.endswith("/whl/cpu")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("jupyter_server_config.py", 'c.ServerApp.ip = "0.0.0.0"'),
        ("jupyter_server_config.py", "c = get_config()\nc.ServerApp.ip='*'"),
        ("jupyter_notebook_config.py", "c.NotebookApp.ip = ''"),
        ("jupyter_lab_config.py", 'c.ServerApp.ip = "::"'),
        ("jupyter_server_config.json", '{"ServerApp": {"ip": "0.0.0.0"}}'),
        ("jupyter_server_config.py", 'c.IdentityProvider.token = ""'),
        ("jupyter_server_config.py", "c.ServerApp.token = ''"),
        ("jupyter_server_config.json", '{"IdentityProvider": {"token": ""}}'),
        ("jupyter_config.json", '{"ServerApp": {"ip": "*"}}'),  # read by all of Jupyter's programs
        ("jupyter_server_config.py", 'c["ServerApp"]["ip"] = "0.0.0.0"'),
        ("jupyter_server_config.py", 'c.ServerApp.ip: str = "0.0.0.0"'),
        ("jupyter_server_config.py", 'c.ServerApp.ip = os.environ["IP"]'),
        ("jupyter_server_config.py", 'c.ServerApp.ip = "0"'),
        ("jupyter_server_config.py", 'c.ServerApp.ip = "::0"'),
        ("jupyter_server_config.py", 'c.ServerApp.ip = "192.168.1.7"'),
        ("jupyter_server_config.py", 'c.ServerApp.token = ""\nc.ServerApp.allow_password_change = True'),
    ],
)
def test_settings_that_open_a_server_to_the_world_are_warned_of(file, content, tmp_path):
    path = tmp_path / "jupyter" / file
    path.write_text(content)
    warnings = [finding for finding in findings_of("jupyter") if finding.mend]
    assert len(warnings) == 1
    assert str(path) in warnings[0].what
    assert not warnings[0].broken
    assert path.read_text() == content


@pytest.mark.parametrize(
    "content",
    [
        '# c.ServerApp.ip = "0.0.0.0"',
        'c.ServerApp.ip = "127.0.0.1"',
        'c.IdentityProvider.token = "long-and-random"',
        'c.ServerApp.password = "argon2:…"\nc.ServerApp.token = ""',
        'c.ServerApp.ip = "localhost"',
        'c.ServerApp.ip = "::1"',
        'c.IdentityProvider.token = os.environ["TOKEN"]',
        "",
    ],
)
def test_settings_that_keep_a_server_to_oneself_are_not(content, tmp_path):
    (tmp_path / "jupyter" / "jupyter_server_config.py").write_text(content)
    assert [finding.mend for finding in findings_of("jupyter")] == [""]


@pytest.mark.parametrize("content", ["c.ServerApp.ip = (", "\x00", "raise SystemExit"])
def test_a_settings_file_is_read_and_never_run(content, tmp_path):
    (tmp_path / "jupyter" / "jupyter_server_config.py").write_text(content)
    assert findings_of("jupyter")


def test_a_password_set_in_another_file_counts(tmp_path):
    (tmp_path / "jupyter" / "jupyter_server_config.py").write_text('c.IdentityProvider.token = ""')
    password = '{"IdentityProvider": {"hashed_password": "argon2:…"}}'  # as `jupyter server password` writes it
    (tmp_path / "jupyter" / "jupyter_server_config.json").write_text(password)
    assert [finding.mend for finding in findings_of("jupyter")] == [""]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_called_config_does_not_keep_us_waiting(tmp_path):
    os.mkfifo(tmp_path / "jupyter" / "jupyter_server_config.json")
    assert any("cannot be read" in finding.what for finding in findings_of("jupyter"))


@pytest.mark.parametrize("content", ["[]", "{", '{"ServerApp": 3}', "[" * 100_000])
def test_a_malformed_json_file_is_survived(content, tmp_path):
    (tmp_path / "jupyter" / "jupyter_server_config.json").write_text(content)
    assert findings_of("jupyter")


@pytest.mark.parametrize(
    "server",
    [
        {"hostname": "0.0.0.0", "token": "x", "password": False},
        {"hostname": "", "token": "x", "password": False},
        {"hostname": "localhost", "token": "", "password": False},
        {"hostname": "*", "token": "", "password": True},
    ],
)
def test_a_running_server_that_is_open_is_warned_of(server, monkeypatch):
    monkeypatch.setattr(serverapp, "list_running_servers", lambda: [{"url": "http://here:8888/", **server}])
    assert any("http://here:8888/" in finding.what and finding.mend for finding in findings_of("jupyter"))


def test_a_running_server_is_believed_less_than_the_system(monkeypatch):
    """Of `--ip='*'` Jupyter itself says "localhost"."""
    for address, open_to_others in (("0.0.0.0", True), ("127.0.0.1", False)):
        with socket.create_server((address, 0)) as listener:
            server = {"url": "http://x/", "hostname": "localhost", "token": "x", "pid": os.getpid()}
            server["port"] = listener.getsockname()[1]
            monkeypatch.setattr(serverapp, "list_running_servers", lambda server=server: [server])
            assert [bool(finding.mend) for finding in findings_of("jupyter")] == [open_to_others]


@pytest.mark.parametrize(("answer", "open_to_all"), [(200, True), (403, False)])
def test_a_running_server_with_a_password_is_not_open_though_it_tells_of_none(answer, open_to_all, monkeypatch):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as there:
        threading.Thread(target=there.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{there.server_port}/"
        server = {"url": url, "hostname": "localhost", "token": "", "password": False}
        monkeypatch.setattr(serverapp, "list_running_servers", lambda: [server])
        assert any("asks for no token" in finding.what for finding in findings_of("jupyter")) == open_to_all


def test_the_launcher_never_opens_a_server():
    recipe = (ROOT / "Makefile").read_text() + (ROOT / "make.py").read_text()
    assert not [word for word in ("--ip", "ServerApp.ip", "token=", "password", "0.0.0.0") if word in recipe]


@pytest.mark.parametrize("set_there", [True, False])
def test_the_real_set_is_looked_for_where_teachkit_data_points(set_there, tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path))
    if set_there:
        (tmp_path / "bccd" / "Annotations").mkdir(parents=True)
    finding = findings_of("data")[0]
    assert ("bccd" in finding.what) == set_there
    assert bool(finding.mend) != set_there
    assert not finding.broken


def test_the_command_prints_a_line_for_each_and_ends_with_the_verdict(tmp_path):
    program = "import os, sys; from teachkit.__main__ import main; os.environ['TEACHKIT_DATA'] = sys.argv[1]\n"
    run = forked.python(program + "sys.exit(main(['doctor']))", tmp_path)
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == "this machine is ready"
    assert "data get bccd" in run.stdout
    assert json.dumps(run.stderr) == '""'
