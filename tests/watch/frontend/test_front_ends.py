"""Every front end that the package brings: asked without node, but for the syntax."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from teachkit.watch.frontend.bundle import WATCH, front_end, read_source

SCRIPTS, STYLES = sorted(WATCH.rglob("*.js")), sorted(WATCH.rglob("*.css"))
ENTRIES = {
    found[1]
    for path in WATCH.rglob("*.py")
    for found in re.finditer(r'front_end\("([^"]+)"\)', path.read_text("utf-8"))
}


def name_of(path):
    return path.relative_to(WATCH).as_posix()


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=name_of)
def test_every_import_finds_its_file_and_its_names(path):
    assert not re.search(r"^(import|@import)\b", front_end(name_of(path)), re.MULTILINE)


@pytest.mark.parametrize("entry", sorted(entry for entry in ENTRIES if entry.endswith(".js")))
def test_what_the_browser_gets_is_a_module_without_a_mistake_in_its_syntax(entry, tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node is missing: the syntax of the front ends is not checked")
    (tmp_path / "whole.mjs").write_text(front_end(entry), encoding="utf-8")
    run = subprocess.run(["node", "--check", tmp_path / "whole.mjs"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_no_text_is_ever_read_as_markup_and_nothing_is_fetched(path):
    source = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")  # SVG's name, not an address
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", source)
    if path.name == "stage.js":  # it is no widget: its one connection leads to the server that it came from
        source = source.replace('new WebSocket(new URL("live", location.href)', "").replace("WebSocket.", "")
    assert not re.search(r"https?://|\bimport[(.]|\bfetch\(|XMLHttpRequest|WebSocket", source)


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=name_of)
def test_lines_are_at_most_120_columns_wide(path):
    assert not [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 120]


def test_every_export_has_a_reader():
    taken = {(target, name) for path in SCRIPTS for _, names, target in read_source(path).imports for name in names}
    taken |= {(WATCH / entry, "default") for entry in ENTRIES}
    assert {(path, name) for path in SCRIPTS for name in read_source(path).exports} - taken == set()


def test_every_file_belongs_to_a_front_end():
    reached, new = set(), {WATCH / entry for entry in ENTRIES}
    while new:
        reached |= new
        new = {target for path in new for _, _, target in read_source(path).imports} - reached
    assert reached == {*SCRIPTS, *STYLES}


def test_the_lock_of_the_development_tools_names_no_host():
    lock = Path(__file__).parents[3] / "package-lock.json"
    assert "://" not in lock.read_text(encoding="utf-8")
