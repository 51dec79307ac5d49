"""The shape of the tree: which way imports point, which names are public, and what must not be found anywhere."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import teachkit

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "teachkit").rglob("*.py"))

# What each part may import besides itself. `errors` and `files` are leaves that all may import.
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "boxes": set(),
    "structures": {"boxes"},
    "feed": {"boxes", "structures"},
    "punish": {"boxes", "structures"},
    "scoring": {"boxes", "structures"},
    "untrusted": {"feed"},
    "learn": {"boxes", "structures", "feed", "punish", "scoring", "untrusted"},
    "experiments": {"boxes", "structures", "feed", "punish", "scoring", "untrusted", "learn"},
    "analysis": {"boxes", "structures", "feed", "punish", "scoring", "learn"},
    "page": {
        "boxes",
        "structures",
        "feed",
        "punish",
        "scoring",
        "learn",
        "experiments",
        "analysis",
        "watch",
        "exercises",
    },
    "watch": {"boxes", "structures", "feed", "punish", "scoring", "learn", "experiments", "analysis"},
    "exercises": {
        *("boxes", "structures", "feed", "punish", "scoring", "learn", "experiments", "analysis", "watch"),
        "untrusted",
    },
    "doctor": {"feed"},
    "commands": {
        *("boxes", "structures", "feed", "punish", "scoring", "untrusted", "learn"),
        *("experiments", "analysis", "watch", "exercises", "doctor"),
    },
    "__main__": {"commands"},
    "__init__": set(),
}
PUBLIC = ["Batch", "GroundTruth", "Predictions", "Detections", "LossWeights", "Losses", "Assignment"]
PUBLIC += ["TaskAlignedAssigner", "Criterion", "Detector", "load_data", "score", "Scores", "Trainer", "Cockpit"]


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "teachkit").parts[0].removesuffix(".py")


def imported_by(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out in full"
            yield node.module or ""
            if node.module == "teachkit":
                yield from (f"teachkit.{alias.name}" for alias in node.names)


def modules_of(*parts: str) -> list[Path]:
    return [path for path in MODULES if part_of(path) in parts]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way_only(path):
    own = part_of(path)
    for name in imported_by(path):
        if name.startswith("teachkit."):
            part = name.split(".")[1]
            assert part in MAY_IMPORT[own] | {own, "errors", "files"}, f"{own} may not import {name}"


def modules_imported_by(path: Path, names: dict[str, Path]) -> Iterator[str]:
    """Those of these modules that a file imports; of a package only the modules that it names, where it names any."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in names else node.module for name in inner)


def test_no_modules_import_each_other_in_a_circle():
    """Not inside functions and not for the sake of types either."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    graph = {name: set(modules_imported_by(path, names)) for name, path in names.items()}
    TopologicalSorter(graph).prepare()  # CycleError names the circle


def test_no_part_of_the_training_receives_the_trainer():
    for path in modules_of("learn"):
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arguments)]
        for argument in (one for each in functions for one in [*each.posonlyargs, *each.args, *each.kwonlyargs]):
            annotation = "" if argument.annotation is None else ast.unparse(argument.annotation)
            assert path.stem == "trainer" or "Trainer" not in annotation, f"{path}:{argument.lineno}"


def test_learn_and_everything_below_it_draw_nothing():
    for path in modules_of("boxes", "structures", "errors", "feed", "punish", "scoring", "learn"):
        libraries = {name.split(".")[0] for name in imported_by(path)}
        assert not libraries & {"ipywidgets", "anywidget", "matplotlib", "IPython"}, path


def test_figures_are_drawn_without_any_widget():
    for path in (ROOT / "teachkit" / "watch" / "figures").glob("*.py"):
        names = set(imported_by(path))
        assert not {name.split(".")[0] for name in names} & {"ipywidgets", "anywidget", "IPython"}, path
        assert all(name.startswith("teachkit.watch.figures") for name in names if name.startswith("teachkit.watch")), (
            path
        )


@pytest.mark.parametrize("names", ["", "load_data, Detector, Criterion, Trainer, score"])
def test_importing_the_public_names_loads_no_plots_and_no_widgets(names):
    program = f"import sys, teachkit\n{f'from teachkit import {names}' if names else ''}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"ipywidgets", "anywidget", "matplotlib"} & set(run.stdout.split())


def test_importing_the_package_alone_does_not_even_load_torch():
    run = subprocess.run(
        [sys.executable, "-c", "import sys, teachkit; print(*sys.modules)"],
        **{"capture_output": True, "text": True, "check": True, "cwd": ROOT},
    )
    assert "torch" not in run.stdout.split()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(teachkit, name).__doc__
    assert name in dir(teachkit)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match="Detector"):
        teachkit.Detektor  # noqa: B018


def test_the_package_docstring_is_the_loop_of_the_trainer():
    """Feed, Punish, Learn: the same lines in the same order, and nothing between them."""
    loop = ast.parse(teachkit.__doc__.split("\n", 1)[1])
    statements = [ast.unparse(node) for node in loop.body[0].body[0].body]
    assert statements == [
        "predictions = model(batch.images)",
        "losses = criterion(predictions, batch.ground_truth)",
        "optimizer.zero_grad()",
        "losses.backward()",
        "optimizer.step()",
    ]


def test_no_module_has_a_name_that_says_nothing():
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_code_from_data_and_weights_are_loaded_as_weights_only(path):
    tree = ast.parse(path.read_text())
    assert not {name.split(".")[0] for name in imported_by(path)} & {"pickle", "dill", "joblib", "marshal", "shelve"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("eval", "exec", "compile", "yaml.load", "np.load", "numpy.load"), f"line {node.lineno}"
        if called == "torch.load":
            settings = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert settings.get("weights_only") == "True", f"line {node.lineno}: torch.load without weights_only=True"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_read_and_written_as_utf_8_on_windows_too(path):
    for call in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("read_text", "write_text"):
            assert "encoding" in {word.arg for word in call.keywords}, f"{path}:{call.lineno} names no encoding"
        if isinstance(call.func, ast.Name) and call.func.id == "open":
            mode = ast.unparse(call.args[1]) if len(call.args) > 1 else "r"
            assert "b" in mode or "encoding" in {word.arg for word in call.keywords}, f"{path}:{call.lineno}"


def test_no_import_hides_names_behind_a_star():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)), path


def test_no_private_name_leaves_its_module():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "teachkit":
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], path


def test_every_test_folder_mirrors_a_part_of_the_package():
    own = {"browser", "notebooks"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert folders - own <= {path.name for path in (ROOT / "teachkit").iterdir() if path.is_dir()}


def test_the_readmes_reading_order_names_files_at_about_their_lengths():
    rows = re.findall(r"^\| `(teachkit/\S+\.py)` \| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert len(rows) == 6
    for file, lines in rows:
        length = len((ROOT / file).read_text(encoding="utf-8").splitlines())
        assert abs(length - int(lines)) <= 0.15 * length, f"{file} has {length} lines"


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in MODULES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_folder_can_be_looked_over(folder):
    """At most 25 names; a module and the front end beside it are one."""
    assert len({path.name.partition(".")[0] for path in folder.iterdir()} - {"__pycache__"}) <= 25
