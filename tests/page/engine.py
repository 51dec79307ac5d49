"""The engine as a browser gets it, and the page's own rules, run by node."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from teachkit.page.trace import ARRAYS, DTYPES, Program

LIVE = Path(__file__).resolve().parents[2] / "teachkit/page/live"


def asked(script: str, data: Any) -> Any:
    """What the script makes of the data: `data` in, `answer` out, both as JSON."""
    if shutil.which("node") is None:
        pytest.skip("no node here: the rules of the live page are not tested")
    frame = f"""
        import {{ readFileSync }} from "node:fs";
        const data = JSON.parse(readFileSync(0, "utf8"));
        let answer;
        {script.replace("LIVE", LIVE.as_uri())}
        process.stdout.write(JSON.stringify(answer));"""
    run = subprocess.run(
        ["node", "--input-type=module", "-e", frame], input=json.dumps(data), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


class EngineError(Exception):
    """What node wrote."""


class Engine:
    """Runs programs as a page would. folder: the built engine."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder, self.work = folder, work

    def __call__(self, program: Program, commands: Sequence[tuple[Any, ...]]) -> list[Tensor]:
        """commands: ("set", name, Tensor), ("run", graph), ("get", name) → what was got."""
        program.write(self.work / "program")
        script, numbers, at = [], [], 0
        for what, name, *value in commands:
            if what == "set":
                piece = value[0].detach().contiguous().numpy().astype(ARRAYS[DTYPES[value[0].dtype]]).tobytes()
                numbers.append(piece + b"\0" * (-len(piece) % 8))
                script.append([what, name, at, value[0].numel()])
                at += len(numbers[-1])
            else:
                script.append([what, name])
        (self.work / "script.json").write_text(json.dumps(script))
        (self.work / "script.bin").write_bytes(b"".join(numbers))
        program_ = ["node", Path(__file__).parent / "run_program.mjs", self.folder, self.work]
        run = subprocess.run(program_, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            raise EngineError(run.stderr)
        results = (self.work / "results.bin").read_bytes()
        got, at = [], 0
        for what, name, *_ in commands:
            if what == "get":
                like = program.tensors[name]
                numbers_ = np.frombuffer(results, ARRAYS[DTYPES[like.dtype]], like.numel(), at)
                got.append(torch.from_numpy(numbers_.copy()).to(like.dtype).reshape(like.shape))
                at += -(-numbers_.nbytes // 8) * 8
        return got
