"""Whatever is clicked, and however fast: the run is what was asked for, in the order of asking."""

import time
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teachkit.feed.scenes import CLASSES
from teachkit.learn.optimizer import DEFAULTS
from teachkit.structures import LossWeights
from teachkit.watch.cockpit.cockpit import Cockpit
from teachkit.watch.cockpit.presets import PRESETS

RATE = DEFAULTS["adamw"][0]
USUAL = {"lr": RATE, **LossWeights().as_dict()}
PARTS = st.floats(0, 1)
CLICKS = st.one_of(
    st.sampled_from([{"kind": "start"}, {"kind": "start"}, {"kind": "pause"}, {"kind": "step"}, {"kind": "reset"}]),
    st.builds(lambda lr: {"kind": "set", "values": {"lr": lr}}, st.sampled_from([1e-4, 3e-3, 1e-2])),
    st.builds(lambda box: {"kind": "set", "values": {"box": box}}, st.sampled_from([0.0, 3.0, 20.0])),
    st.builds(lambda name: {"kind": "preset", "name": name}, st.sampled_from(["Good", "Too low", "No box loss"])),
    st.builds(lambda kind, part: {"kind": kind, "part": part}, st.sampled_from(["branch", "rewind"]), PARTS),
)


@dataclass
class Plain:
    """A run as a person thinks of it: a list of the settings of each step, and nothing else."""

    steps: list[dict] = field(default_factory=list)
    asked: dict = field(default_factory=lambda: dict(USUAL))
    most: float = 0  # steps that may still be taken by themselves

    def grow_to(self, step: int) -> None:
        grown = step - len(self.steps)
        assert 0 <= grown <= self.most
        self.steps += [self.asked] * grown
        self.most -= grown

    def click(self, click: dict) -> None:
        match click["kind"]:
            case "start":
                self.most = float("inf")
            case "step":
                self.most = 1
            case "pause":
                self.most = 0
            case "set":
                self.asked = {**self.asked, **click["values"]}
            case "preset":
                self.asked = {**self.asked, **PRESETS[click["name"]].settings(RATE, LossWeights())}
            case "reset":
                self.steps, self.asked, self.most = [], dict(USUAL), 0
            case "branch" | "rewind" if click["step"] <= len(self.steps):  # else it is refused
                self.steps = self.steps[: click["step"]]
                self.asked = self.steps[-1] if self.steps else dict(USUAL)


@pytest.fixture
def cockpit(make_trainer):
    one = Cockpit(make_trainer(), classes=CLASSES, keep_every=7, share_every=1000)
    one.session.validate_every = 1000
    yield one
    one.close()


def wait_until(condition, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not come about in time"
        time.sleep(0.002)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clicks=st.lists(st.tuples(CLICKS, st.sampled_from([0, 0, 0.003, 0.05])), min_size=3, max_size=14))
def test_the_log_is_what_was_asked_in_that_order_whatever_is_clicked_and_however_fast(cockpit, clicks):
    session, asked, done, shown = cockpit.session, [], [], []
    queue, cockpit.session.request = session.request, lambda command: (asked.append(watched(command)), queue(command))
    cockpit.send = lambda content, buffers=None: shown.append(content)

    def watched(command):
        act = command.act
        command.act = lambda: (done.append(command), act())
        return command

    def press(click):
        cockpit._receive(None, {**click, "ask": cockpit.asked + 1}, [])

    sent = [{"kind": "reset"}]
    press(sent[0])
    for click, rest in clicks:
        if "part" in click:
            click = click | {"step": round(click["part"] * session.step)}
        press(click)
        sent.append(click)
        time.sleep(rest)
    press({"kind": "pause"})
    sent.append({"kind": "pause"})
    wait_until(lambda: not cockpit.worker.alive and not session.waiting())
    session.request = queue

    assert [id(one) for one in done] == [id(one) for one in asked]
    assert len(asked) == len(sent)
    plain = Plain(steps=[{}] * asked[0].step)
    for click, command in zip(sent, asked, strict=True):
        plain.grow_to(command.step)
        plain.click(click)
    rows = session.timeline.curves["steps"].rows
    assert [row[0] for row in rows] == list(range(len(plain.steps)))
    for row, wanted in zip(rows, plain.steps, strict=True):
        assert dict(zip(USUAL, row[5:], strict=True)) == pytest.approx(wanted), row[0]
    wait_until(lambda: shown[-1].get("asked") == sorted(session.pending()))
