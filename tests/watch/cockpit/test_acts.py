"""What the acts of the live demo are played with."""

import ast
from pathlib import Path

import nbformat

from teachkit.watch.cockpit.acts import SETTING
from teachkit.watch.cockpit.start_up import build_trainer

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "live_demo.ipynb"


def test_the_notebooks_cockpit_is_set_as_the_stages():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    calls = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call)]
    written = {word.arg: ast.literal_eval(word.value) for call in calls for word in call.keywords}
    assert written.pop("title")
    assert written == SETTING


def test_no_pass_on_the_stage_is_augmented():
    trainer = build_trainer(**SETTING, images=16, validation_images=16, device="cpu")
    assert trainer.cursor.data.augment is None
