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


# Pictures asked for one after another, of which the first are decoded last, and some only after the end.
LOADS = """async () => {
    const { Pictures } = await import("/frontend/pictures.js"), decoded = globalThis.createImageBitmap, images = [];
    globalThis.createImageBitmap = (file) => new Promise((done) => {
        const image = { wait: file.size, closed: false, close() { this.closed = true; } };
        images.push(image);
        setTimeout(done, file.size, image);
    });
    const pictures = new Pictures(["ball"], [8, 8]), file = (wait) => new Uint8Array(wait);
    pictures.canvas.paint = () => {};
    const shown = await Promise.all([200, 20, 80].map((wait) => pictures.load([file(wait)])));
    const kept = pictures.images.map((one) => one.wait);
    const late = pictures.load([file(30)]);
    pictures.close();
    globalThis.createImageBitmap = decoded;
    return [[...shown, await late], kept, images.map((one) => one.closed)];
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


def test_pictures_that_were_asked_for_last_are_shown_and_the_others_closed(front_ends):
    shown, kept, closed = front_ends.evaluate(LOADS)
    assert shown == [False, False, True, False]
    assert kept == [80]
    assert closed == [True] * 4


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
