"""Front ends as a site loads them: native ES modules, with a page instead of a kernel behind the widget's model."""

import base64

import pytest

from teachkit.watch.figures.colours import class_styles
from teachkit.watch.frontend.bundle import WATCH, front_end
from teachkit.watch.widgets.iou import IoUPlayground

pytestmark = pytest.mark.browser

ENTRIES = sorted(
    path.relative_to(WATCH).as_posix() for path in WATCH.rglob("*.js") if "export default" in path.read_text("utf-8")
)
# [entry, messages of Python] → what the front end asked, and the state of its root once it has drawn
RENDER = """async ([entry, messages]) => {
    const front_end = (await import(`/${entry}.js`)).default, asked = [], heard = [];
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: `/${entry}.css` }));
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
    const model = {
        get: () => undefined, set: () => {}, off: () => {},
        on: (kind, listen) => heard.push(listen),
        send: (message) => asked.push(message),
    };
    const el = document.body.appendChild(document.createElement("div"));
    await front_end.render({ model, el });
    for (const [content, buffers] of messages) heard.forEach((listen) => listen(content, buffers.map(bytes)));
    await new Promise(requestAnimationFrame);
    return [asked, { ...el.firstChild.dataset }];
}"""


# text of a module → what it exports by default
LOAD = """async (text) => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return (await import(address)).default;
}"""


def test_two_files_may_use_one_name_for_different_things(front_ends, tmp_path):
    files = {
        "a.js": 'import { b } from "./b.js";\nconst name = "of a";\nexport default [name, b()];\n',
        "b.js": 'const name = "of b";\nexport function b() {\n  return name;\n}\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert front_ends.evaluate(LOAD, front_end("a.js", tmp_path)) == ["of a", "of b"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_front_end_loads_as_it_stands(front_ends, entry):
    kind = front_ends.evaluate("async (entry) => typeof (await import(`/${entry}`)).default.render", entry)
    assert kind == "function"


def test_a_page_can_stand_behind_the_model(front_ends):
    playground, sent = IoUPlayground(), []
    playground.send = lambda content, buffers=None: sent.append(
        [content, [base64.b64encode(one).decode() for one in buffers or []]]
    )
    playground.answers["hello"]({"kind": "hello", "ask": 1})
    playground.asked = 1
    asked, state = front_ends.evaluate(RENDER, ["widgets/iou", sent])
    playground.close()
    assert asked[0] == {"kind": "hello", "ask": 1}
    assert state["measure"] == playground.values["measure"]
    assert float(state["loss"]) == pytest.approx(playground.numbers()["measures"][state["measure"]]["loss"])
    assert front_ends.locator(".tk-iou svg .tk-box").bounding_box()["width"] > 10


@pytest.mark.parametrize(
    "classes",
    [
        ["ball", "square", "triangle", "star"],
        ["star", "cat", "ball", "<b>dog</b>"],
        [f"class {number}" for number in range(20)],
        [],
    ],
)
def test_a_class_looks_the_same_in_figures_and_on_the_page(front_ends, classes):
    load = "async (classes) => (await import('/frontend/colours.js')).classStyles(classes)"
    own = [{"colour": one.colour, "dash": list(one.dash), "marker": one.marker} for one in class_styles(classes)]
    assert front_ends.evaluate(load, classes) == own
