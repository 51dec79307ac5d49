"""The page's session in node: going back is exact, what goes wrong is named, and the training goes on."""

import json

import pytest

from tests.page.engine import asked

BEGIN = """
    const { Machine } = await import(data.engine + "/machine.js");
    const { Training } = await import("LIVE/training.js");
    const { Refused, Session } = await import("LIVE/session.js");
    const bytes = (name) => Uint8Array.from(readFileSync(new URL(name))).buffer;
    const program = JSON.parse(readFileSync(new URL(data.work + "/training.json"), "utf8"));
    const kernels = await WebAssembly.compile(bytes(data.engine + "/kernels.wasm"));
    const twins = { validate: ["predict", (name) => name.replace(/^model\\./, "average.")] };
    const machine = await Machine.load(program, bytes(data.work + "/training.bin"), kernels, twins);
    // Squares of plain colours: enough to learn from, and the same everywhere.
    const painted = (count) => {
      const pixels = new Uint8Array(count * 3 * 64 * 64).fill(90), truth = [];
      for (let n = 0; n < count; n += 1) {
        const x = (n * 7) % 30, y = (n * 11) % 30, label = n % 4;
        for (let c = 0; c < 3; c += 1) for (let i = y; i < y + 24; i += 1)
          pixels.subarray(((n * 3 + c) * 64 + i) * 64 + x).fill(60 + 60 * ((label + c) % 4), 0, 24);
        truth.push([[x, y, x + 24, y + 24, label]]);
      }
      return { pixels, truth };
    };
    const session = new Session(new Training(machine, { train: painted(32), val: painted(8) }, 4), data.facts);
    const run = (steps) => { session.stepsLeft = steps; while (session.advance()); };
    const totals = () => session.timeline.rows.steps.map((row) => row[1]);
    const refusal = (work) => {
      try { work(); } catch (one) { if (one instanceof Refused) return one.message; throw one; }
      return null;
    };
"""


@pytest.fixture(scope="module")
def page(built_engine, exported):
    facts = json.loads((exported / "facts.json").read_text(encoding="utf-8"))
    data = {"engine": built_engine.as_uri(), "work": exported.as_uri(), "facts": facts}
    return lambda script: asked(BEGIN + script, data)


def test_it_learns_and_tells_of_it(page):
    answer = page(
        "run(100); const { shares, scores } = session.timeline.rows; answer = { totals: totals(), shares, scores };"
    )
    assert len(answer["totals"]) == 100
    assert sum(answer["totals"][-10:]) < sum(answer["totals"][:10]) / 2
    assert all(sum(row[1:]) == pytest.approx(1) for row in answer["shares"])
    assert [row[0] for row in answer["scores"]] == [50, 100]


def test_going_back_and_on_again_gives_the_same_numbers_across_every_change(page):
    answer = page("""
        run(10); session.set({ lr: "0,02", box: 3 });
        run(7); session.useOptimizer("sgd");
        run(9); session.set({ schedule: "cosine" });
        run(14);
        const first = totals(), marks = session.timeline.marks.map((one) => one.label);
        session.rewind(13); run(0);
        const then = [session.controls().lr, session.controls().box, session.controls().optimizer];
        session.rewind(5); session.set({ lr: 0.02, box: 3 });
        const early = totals();
        answer = { first, marks, then, early };
        """)
    assert answer["marks"] == ["rate 0.02, box 3", "optimizer sgd, rate 0.05", "schedule cosine"]
    assert answer["then"] == [0.02, 3, "adamw"]
    assert answer["early"] == answer["first"][:5]


def test_a_branch_keeps_the_run_and_repeats_it_exactly(page):
    answer = page("""
        run(33); session.set({ cls: 2 }); run(27); const first = totals();
        session.branch(20); session.stepsLeft = 13; while (session.advance());
        session.set({ cls: 2 }); run(27);
        answer = { first, again: totals(), ghost: session.ghosts[0].rows.steps.map((row) => row[1]) };
        """)
    assert answer["again"] == answer["first"] == answer["ghost"]


def test_a_rate_a_thousand_times_too_large_is_named_and_rescued_and_the_training_goes_on(page):
    answer = page("""
        run(40); const before = session.training.state().numbers.map((one) => [...one].slice(0, 3));
        session.set({ lr: 7 }); run(200);
        const trouble = session.trouble, step = session.step, rescue = session.rescueStep, left = session.stepsLeft;
        session.rescue(); const after = session.training.state().numbers.map((one) => [...one].slice(0, 3));
        const at = session.step; session.set({ lr: 0.007 }); run(30);
        answer = { before, after, trouble, step, rescue, at, left, end: session.step, trouble_after: session.trouble };
        """)
    assert "diverged" in answer["trouble"] or "not finite" in answer["trouble"]
    assert answer["rescue"] == answer["at"] == 40
    assert answer["left"] == 0
    assert answer["step"] < 240
    assert answer["after"] == answer["before"]
    assert (answer["end"], answer["trouble_after"]) == (70, "")


def test_a_gradient_that_is_no_number_changes_nothing_and_is_named(page):
    answer = page("""
        run(3); session.training.tensors["model.predictor.cls_branch.1.bias"][0] = NaN;
        const before = session.training.state(); run(1); const after = session.training.state();
        const alike = (one, other) => one.every((number, at) => Object.is(number, other[at]));
        const same = before.numbers.every((one, place) => alike(one, after.numbers[place]));
        answer = { same, trouble: session.trouble, marks: session.timeline.marks.map((one) => one.label) };
        session.rescue(); run(5); answer.end = session.step; answer.trouble_after = session.trouble;
        """)
    assert answer["same"]
    assert "not finite" in answer["trouble"]
    assert answer["marks"] == ["not finite"]
    assert (answer["end"], answer["trouble_after"]) == (5, "")


@pytest.mark.parametrize("search", ["", "?lr=0.7&schedule=cosine", "?optimizer=sgd&box=3"])
def test_whoever_opens_the_written_address_gets_the_same_settings(page, search):
    settings = [
        {},
        {"lr": 0.02},
        {"lr": 0.02, "schedule": "cosine"},
        {"schedule": "steps", "box": 0},
        {"dfl": 12.34, "lr": 1e-5},
        {"optimizer": "sgd", "lr": 0.3, "schedule": "one_cycle"},
    ]
    answer = page(f"""
        const {{ asked, written }} = await import("LIVE/live.js");
        const fresh = () => new Session(session.training, session.facts);
        answer = {json.dumps(settings)}.map((values) => {{
          const one = fresh(), other = fresh();
          one.begin(values);
          const hash = written(one.controls(), one.facts, "{search}");
          other.begin(asked({{ search: "{search}", hash: `#${{hash}}` }}).settings);
          return [one.controls(), other.controls()];
        }});
        """)
    for wanted, got in answer:
        assert got == wanted


def test_a_refused_value_leaves_everything_as_it_was(page):
    values = [
        {"lr": "quick"},
        {"lr": -1},
        {"box": 1e9},
        {"schedule": "toString"},
        {"lr": 0.5, "box": "x"},
        {"speed": 3},
        {"lr": ""},
    ]
    answer = page(f"""
        const before = JSON.stringify(session.settings());
        answer = {json.dumps(values)}.map((value) => refusal(() => session.set(value)));
        answer.push(refusal(() => session.useOptimizer("constructor")), refusal(() => session.rewind(9)));
        answer.push(refusal(() => session.rescue()));
        answer.push(before === JSON.stringify(session.settings()));
        """)
    assert answer.pop() is True
    assert all(answer)
