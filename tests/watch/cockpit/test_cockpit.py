import base64
import io
import json
import math
import threading
import time

import pytest
from PIL import Image

from teachkit.errors import UserError
from teachkit.feed.scenes import CLASSES
from teachkit.watch.cockpit.cockpit import Cockpit


@pytest.fixture
def cockpit(make_trainer):
    """A cockpit whose messages to the browser are kept in `cockpit.posts`."""
    one = Cockpit(make_trainer(), classes=CLASSES)
    one.posts = []
    one.send = lambda content, buffers=None: one.posts.append(content)
    yield one
    if hasattr(one, "session"):
        one.close()


def press(cockpit, kind: str, **content) -> None:
    """As the browser does."""
    cockpit._receive(None, {"kind": kind, "ask": cockpit.asked + 1, **content}, [])


def wait_until(condition, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not come about in time"
        time.sleep(0.005)


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("teachkit")]


def state(cockpit) -> str:
    return cockpit.posts[-1]["status"]["state"]


def test_only_start_starts_threads(cockpit):
    press(cockpit, "hello")
    press(cockpit, "set", values={"lr": 0.01})
    press(cockpit, "preset", name="Too low")
    cockpit.run(2)
    assert own_threads() == []
    press(cockpit, "start")
    assert sorted(own_threads()) == ["teachkit-painter", "teachkit-worker"]


def test_a_new_view_gets_the_make_up_and_a_whole_frame(cockpit):
    cockpit.run(3)
    cockpit.posts.clear()
    press(cockpit, "hello")
    make_up, frame = cockpit.posts
    assert make_up["kind"] == "setup"
    assert make_up["classes"] == cockpit.session.classes
    assert frame["whole"]
    assert frame["steps"]["step"] == [0, 1, 2]
    assert frame["ack"] == make_up["ack"] == cockpit.asked


def test_a_frame_brings_only_what_is_new(cockpit):
    press(cockpit, "hello")
    cockpit.run(3)
    cockpit.run(2)
    assert cockpit.posts[-1]["steps"]["step"] == [3, 4]
    cockpit.session.rewind(0)
    cockpit._draw()
    assert cockpit.posts[-1]["whole"]
    assert cockpit.posts[-1]["steps"]["step"] == []


def test_a_moved_slider_is_answered_at_once_and_in_force_at_the_next_step(cockpit):
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 3)
    press(cockpit, "set", values={"box": 3.0})
    asked = cockpit.asked
    wait_until(lambda: cockpit.posts[-1]["ack"] == asked)
    assert cockpit.posts[-1]["controls"]["box"] == 3.0
    wait_until(lambda: any(mark.label == "box 3" for mark in cockpit.session.timeline.marks))
    mark = cockpit.session.timeline.marks[-1]
    rows = {row[0]: row[6] for row in cockpit.session.timeline.curves["steps"].rows}
    assert rows[mark.step] == 3.0
    assert rows[mark.step - 1] == 7.5


def test_paused_is_shown_only_once_the_thread_has_ended(cockpit):
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 2)
    press(cockpit, "pause")
    wait_until(lambda: state(cockpit) == "paused")
    assert not cockpit.worker.alive
    step = cockpit.session.step
    time.sleep(0.1)
    assert cockpit.session.step == step


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -1, 1e9, pytest.param(10**400, id="10**400"), "abc", "nan", "", "-3", None]
)
@pytest.mark.parametrize("name", ["box", "lr"])
def test_a_senseless_value_is_refused_and_the_old_one_stays(cockpit, name, value):
    if name == "lr" and value is None:
        return  # hands the rate back to its schedule
    before = cockpit.frames._controls()
    press(cockpit, "set", values={name: value})
    assert cockpit.frames._controls() == before
    assert cockpit.posts[-1]["status"]["tone"] == "warn"
    assert cockpit.posts[-1]["status"]["message"]
    assert cockpit.posts[-1]["refused"]
    with pytest.raises(UserError):
        cockpit.set(**{name: value})


def test_typed_numbers_are_taken(cockpit):
    press(cockpit, "set", values={"lr": "0,02"})
    assert cockpit.session.trainer.control.lr == 0.02


def test_moving_the_rate_shows_that_the_schedule_is_constant_now(make_trainer):
    cockpit = Cockpit(make_trainer(schedule="cosine", epochs=3), classes=CLASSES)
    assert cockpit.frames._controls()["schedule"] == "cosine"
    cockpit.set(lr=0.01)
    assert cockpit.frames._controls()["schedule"] == "constant"
    cockpit.close()


def test_an_exception_in_the_training_thread_is_shown_and_logged(cockpit):
    records = []
    cockpit.session._pass_on = records.append
    cockpit.session.trainer.step = lambda: 1 / 0
    press(cockpit, "start")
    wait_until(lambda: cockpit.posts and state(cockpit) == "failed")
    assert cockpit.posts[-1]["status"]["tone"] == "error"
    assert "division by zero" in cockpit.posts[-1]["status"]["message"]
    assert any(record.get("what") == "error" and "division" in record["message"] for record in records)
    wait_until(lambda: own_threads() == [])


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_a_program_ends_the_training_and_is_shown(cockpit, error):
    def leave():
        raise error

    cockpit.session.trainer.step = leave
    press(cockpit, "start")
    wait_until(lambda: cockpit.posts and state(cockpit) == "failed")
    assert type(error).__name__ in cockpit.posts[-1]["status"]["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "preset", "name": 5},
        {"kind": "rewind", "step": "x"},
        {"kind": "no such"},
        {"kind": "set"},
        {"ask": "x"},
    ],
)
def test_an_exception_in_a_callback_is_shown(cockpit, message):
    cockpit._receive(None, {"ask": 1} | message, [])
    assert cockpit.posts[-1]["status"]["tone"] in ("error", "warn")
    assert cockpit.posts[-1]["status"]["message"]


def test_an_exception_while_drawing_is_shown_and_the_painter_goes_on(cockpit):
    cockpit.frames.next = lambda: 1 / 0
    press(cockpit, "start")
    wait_until(lambda: len(cockpit.posts) > 3)
    assert "division by zero" in cockpit.posts[-1]["status"]["message"]
    assert cockpit.painter.alive


def test_a_nan_reaches_the_browser_as_a_gap(cockpit):
    cockpit.session.timeline.curves["steps"].append(0, math.nan, math.inf, 1.0, 1.0, 0.1, 1, 1, 1)
    cockpit._draw()
    json.dumps(cockpit.posts[-1], allow_nan=False)
    assert cockpit.posts[-1]["steps"]["total"] == [None]


def test_rewind_branch_and_rescue_work_from_the_buttons(cockpit):
    cockpit.session.keep_every = 4
    cockpit.run(10)
    press(cockpit, "branch", step=9)
    wait_until(lambda: cockpit.session.step == 9 and not cockpit.worker.alive)
    press(cockpit, "rewind", step=5)
    wait_until(lambda: cockpit.session.step == 5 and not cockpit.worker.alive)
    press(cockpit, "rescue")
    wait_until(lambda: "nothing to rescue" in cockpit.posts[-1]["status"]["message"])
    press(cockpit, "reset")
    wait_until(lambda: state(cockpit) == "ready")


def test_code_goes_back_and_branches_without_a_thread(cockpit):
    cockpit.run(8)
    before = cockpit.curve("total")
    cockpit.branch(5)
    assert (cockpit.session.step, len(cockpit.session.ghosts)) == (5, 1)
    cockpit.run(3)
    assert cockpit.curve("total") == before
    cockpit.rewind(2)
    assert (cockpit.session.step, len(cockpit.session.ghosts)) == (2, 1)
    assert own_threads() == []
    assert cockpit.posts[-1]["steps"]["step"] == [0, 1]
    with pytest.raises(UserError, match="has not come to step 9"):
        cockpit.rewind(9)


def test_going_back_by_code_ends_the_background_training_first(cockpit):
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 3)
    cockpit.rewind(1)
    assert own_threads() == []
    assert cockpit.session.step == 1


def test_a_curve_has_a_value_for_each_step_from_the_one_asked_for(cockpit):
    cockpit.run(4)
    cockpit.set(lr=0.02, box=3.0)
    cockpit.run(3)
    assert cockpit.curve("lr", since=3)[1:] == [0.02] * 3
    assert cockpit.curve("w_box", since=3) == [7.5, 3.0, 3.0, 3.0]
    assert cockpit.curve("box") == [row[2] for row in cockpit.session.timeline.curves["steps"].rows]
    assert cockpit.curve("box", since=7) == []


@pytest.mark.parametrize("name", ["step", "map50", "", "boxes"])
def test_a_curve_that_is_not_there_is_refused_with_the_names_of_those_that_are(cockpit, name):
    with pytest.raises(UserError, match="total, box, cls, dfl, lr, w_box, w_cls, w_dfl"):
        cockpit.curve(name)


def test_a_cockpit_says_what_its_trouble_is_and_where_the_way_out_leads(cockpit):
    cockpit.run(6)
    assert (cockpit.trouble, cockpit.rescue_step) == ("", None)
    assert cockpit.model is cockpit.session.trainer.model
    cockpit.session._take({"kind": "event", "step": 6, "what": "diverged", "message": "the losses ran away"})
    assert (cockpit.trouble, cockpit.rescue_step) == ("the losses ran away", 0)


def test_one_step_is_one_step(cockpit):
    press(cockpit, "step")
    wait_until(lambda: cockpit.posts and state(cockpit) == "paused")
    assert cockpit.session.step == 1


def test_a_new_cockpit_stops_the_old_ones_thread(cockpit, make_trainer):
    press(cockpit, "start")
    other = Cockpit(make_trainer(), classes=CLASSES)
    assert not cockpit.worker.alive
    other.close()


def test_a_cell_that_trains_what_the_cockpit_trains_has_it_alone(cockpit, monkeypatch):
    trainer = cockpit.session.trainer
    monkeypatch.setattr(trainer.alone, "_patience", 0.5)
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 2)
    trainer.on_record, listener = lambda record: (listener(record), time.sleep(0.02)), trainer.on_record
    before = trainer.step_number
    assert trainer.fit(4)["reason"] == "epochs"
    wait_until(lambda: not cockpit.worker.alive)
    assert "this model is trained in another thread" in cockpit.posts[-1]["status"]["message"]
    steps = [row[0] for row in cockpit.session.timeline.curves["steps"].rows]
    assert steps == list(range(len(steps)))
    assert len(steps) > before
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step > len(steps))


def test_the_bundle_is_a_view_a_static_image_and_fixed_words(cockpit):
    cockpit.run(3)
    data, metadata = cockpit._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size[0] > 800
    assert len(picture.convert("L").getcolors(256)) > 20
    assert data["text/plain"] == Cockpit.words == metadata["image/png"]["alt"]


def test_close_ends_the_threads_and_lets_go(cockpit):
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 1)
    cockpit.close()
    assert own_threads() == []
    assert not hasattr(cockpit, "session")
    assert cockpit.comm is None


def test_two_hundred_starts_and_stops_leave_no_thread(cockpit):
    cockpit.session.trainer.step = lambda: time.sleep(0.0005)
    for _ in range(200):
        press(cockpit, "start")
        press(cockpit, "pause")
    wait_until(lambda: own_threads() == [])
    assert state(cockpit) in ("paused", "ready")


def test_save_replay_writes_a_page_under_a_free_name_and_training_goes_on(cockpit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    press(cockpit, "export")
    wait_until(lambda: not own_threads())
    assert "press Start" in cockpit.posts[-1]["status"]["message"]
    assert not list(tmp_path.iterdir())
    press(cockpit, "start")
    wait_until(lambda: cockpit.session.step >= 3)
    press(cockpit, "export")
    wait_until(lambda: (tmp_path / "replay.html").exists())
    step = cockpit.session.step
    wait_until(lambda: cockpit.session.step > step)
    press(cockpit, "export")
    wait_until(lambda: (tmp_path / "replay1.html").exists())
    cockpit.stop()
    assert "replay1.html" in cockpit.session.news
    assert cockpit.export(tmp_path / "by_hand.html").stat().st_size > 10_000
