"""Playgrounds in a page: for random settings numbers and sentences are the kernel's, and so is what is refused."""

import json

import numpy as np
import pytest

from teachkit.errors import UserError
from teachkit.page.playgrounds import PLAYGROUNDS, playground_facts, playground_program
from teachkit.watch.widgets.confidence import ConfidencePlayground
from teachkit.watch.widgets.dfl import SHAPES, DFLPlayground
from teachkit.watch.widgets.iou import SLIDES, IoUPlayground
from tests.page.engine import asked

SETTINGS = 1000
SCRIPT = """
    const { Machine } = await import(data.engine + "/machine.js");
    const { Kernel, computing } = await import("LIVE/../playgrounds/kernel.js");
    const rules = (await import(`LIVE/../playgrounds/${data.name}.js`))[data.name];
    const bytes = (name) => Uint8Array.from(readFileSync(new URL(name))).buffer;
    const program = JSON.parse(readFileSync(new URL(data.work + "/playgrounds.json"), "utf8"));
    const kernels = await WebAssembly.compile(bytes(data.engine + "/kernels.wasm"));
    const machine = await Machine.load(program, bytes(data.work + "/playgrounds.bin"), kernels);
    const kernel = new Kernel(data.facts[data.name], rules, computing(machine, data.name));
    const said = [];
    kernel.on("msg:custom", (message) => said.push(message));
    answer = data.settings.map((values) => { kernel.answer("set", values); return said.at(-1); });
"""


@pytest.fixture(scope="module")
def page(built_engine, tmp_path_factory):
    work = tmp_path_factory.mktemp("playgrounds")
    playground_program().write(work / "playgrounds")
    data = {"engine": built_engine.as_uri(), "work": work.as_uri(), "facts": json.loads(json.dumps(playground_facts()))}
    return lambda name, settings: asked(SCRIPT, data | {"name": name, "settings": settings})


def a_box(dice) -> list[float]:
    x, y = np.sort(dice.uniform(0, 128, (2, 2)).round(1), axis=1)
    box = [x[0], y[0], max(x[1], x[0] + 2.5), max(y[1], y[0] + 2.5)]
    return [float(side) for side in box] if max(box) <= 128 else a_box(dice)


def settings_of(name: str) -> list[dict]:
    dice = np.random.default_rng(5)
    if name == "iou":
        measures, slides = ["iou", "giou", "diou", "ciou"], list(SLIDES)
        made = [
            {"predicted": a_box(dice), "measure": measures[place % 4], "slide": slides[place % 3]}
            for place in range(SETTINGS - 3)
        ]
        special = [[24.0, 24, 104, 104], [0.0, 0, 10, 10], [44.0, 44, 84, 84]]  # upon it, apart, inside
        return made + [{"predicted": box, "measure": "iou", "slide": "wide"} for box in special]
    if name == "dfl":
        kinds = [
            lambda: {
                "place": float(dice.uniform(-2, 18)),
                "shape": str(dice.choice(list(SHAPES))),
                "k": int(dice.integers(15)),
            },
            lambda: {"bars": (dice.random(16) ** 3).tolist(), "place": float(dice.integers(-2, 19))},
            lambda: {"k": float(dice.integers(0, 28) / 2), "shape": "wide"},
        ]
        return [kinds[place % 3]() for place in range(SETTINGS)]
    limits = {"score": (0.001, 0.999), "target": (0, 1), "weight": (0, 10), "gamma": (0, 5), "alpha": (0, 1)}
    limits |= {"background": (0, 1000), "background_score": (0.001, 0.999)}
    return [{lever: float(dice.uniform(*limit)) for lever, limit in limits.items()} for _ in range(SETTINGS)]


def differences(ours, theirs, path: str = "") -> list[str]:
    """Where two answers differ: numbers by more than 1e-6 of their size, everything else at all."""
    if isinstance(theirs, dict) and set(ours) == set(theirs):
        return [one for key in theirs for one in differences(ours[key], theirs[key], f"{path}.{key}")]
    if isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for place, (a, b) in pairs for one in differences(a, b, f"{path}[{place}]")]
    if isinstance(theirs, int | float) and not isinstance(theirs, bool):
        return [] if abs(ours - theirs) <= 1e-6 * max(1, abs(theirs)) else [f"{path}: {ours!r} and {theirs!r}"]
    return [] if ours == theirs else [f"{path}: {ours!r} and {theirs!r}"]


@pytest.mark.parametrize("name", PLAYGROUNDS)
def test_a_thousand_settings_give_the_kernels_numbers_and_words(page, name):
    settings = settings_of(name)
    answers, widget = page(name, settings), PLAYGROUNDS[name]()
    try:
        for values, answer in zip(settings, answers, strict=True):
            widget.set(**values)
            wanted = widget.numbers() | {"values": widget.values, "refused": "", "error": ""}
            got = {key: value for key, value in answer.items() if key not in ("kind", "ack")}
            assert differences(got, wanted) == [], values
    finally:
        widget.close()


REFUSED = {
    "iou": [
        {"predicted": "1 2 3"},
        {"predicted": [0, 0, 1, 50]},
        {"predicted": [0, 0, 500, 50]},
        {"measure": "siou"},
        {"speed": 1},
    ],
    "dfl": [{"place": "far"}, {"place": 99}, {"shape": "round"}, {"k": 15}, {"bars": [0] * 16}, {"bars": [1] * 3}],
    "confidence": [{"score": 0}, {"gamma": "x"}, {"weight": -1}, {"alpha": 2, "score": 0.5}],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_kernel_refuses_is_refused_in_the_page_and_the_old_value_stays(page, name):
    answers, widget = page(name, REFUSED[name]), PLAYGROUNDS[name]()
    first = json.loads(json.dumps(widget.values))
    for values, answer in zip(REFUSED[name], answers, strict=True):
        with pytest.raises(UserError) as refusal:
            widget.set(**values)
        assert answer["refused"].split(", not ")[0] == str(refusal.value).split(", not ")[0]
        assert answer["values"] == first
    widget.close()


def test_numbers_typed_as_text_are_understood(page):
    assert page("iou", [{"predicted": "10, 20; 30 40"}])[0]["values"]["predicted"] == [10, 20, 30, 40]
    assert page("confidence", [{"score": "0,25"}])[0]["values"]["score"] == 0.25


def test_every_playground_here_is_one_of_the_notebooks():
    assert set(PLAYGROUNDS.values()) == {IoUPlayground, DFLPlayground, ConfidencePlayground}
