import os
import platform
import subprocess
import sys

import nbformat
import pytest

from tests.notebooks.elsewhere import LIMITS, VARIANTS, Variant, failing_cells

ASK = "import torch; print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86")
@pytest.mark.parametrize(("name", "expected"), [("sse4", "DEFAULT 1"), ("avx2", "AVX2 1")])
def test_a_variant_computes_with_its_instruction_set_and_threads(name, expected):
    run = subprocess.run(
        [sys.executable, "-c", ASK], env=Variant(name).environment(), capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == expected


def test_every_instruction_set_is_met_with_one_and_two_threads_and_five_shifts_are_met():
    assert {(one.instructions, one.threads) for one in VARIANTS if not one.shift} == {
        (name, threads) for name in LIMITS for threads in (1, 2)
    }
    assert sorted(one.shift for one in VARIANTS if one.shift) == [1, 2, 3, 4, 5]


def test_cells_that_differ_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # for two cells one worker is enough
    cells = [("print(1)", "1"), ("import os; print(os.environ['TEACHKIT_SEED_SHIFT'])", "0")]
    made = [
        nbformat.v4.new_code_cell(
            source, execution_count=1, outputs=[nbformat.v4.new_output("stream", name="stdout", text=f"{stored}\n")]
        )
        for source, stored in cells
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made), tmp_path / "made.ipynb")
    assert list(failing_cells(Variant("native", shift=3), [str(tmp_path)], tmp_path).values()) == [["1"]]
    with pytest.raises(RuntimeError, match="could not run"):
        failing_cells(Variant("native"), [os.fspath(tmp_path / "not_there.ipynb")], tmp_path)
