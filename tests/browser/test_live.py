"""The live page in a real browser, from plain files under a sub-path: it trains, and its address holds the setting."""

import base64
import functools
import gzip
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from teachkit.page.playgrounds import PLAYGROUNDS
from tests.page.conftest import exported, node_modules  # noqa: F401 — fixtures

ROOT = Path(__file__).resolve().parents[2]
PICTURE = sorted((ROOT / "data/sample/yolo/images/val").glob("*.png"))[0]
pytestmark = pytest.mark.browser
# As browsers without a service worker have it: each of its own fetches all pages anew.
NO_WORKER = "delete Navigator.prototype.serviceWorker"
RUNNING = '.tk-cockpit[data-state="running"]'


@pytest.fixture(scope="module")
def site(node_modules: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(["node", ROOT / "site/build_live.mjs", exported, folder / "course/pages"], check=True)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/course/pages/live.html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """One for all tests, each of which opens an address in it: nothing that these pages do is kept."""
    one = browser.new_page(viewport={"width": 1280, "height": 760})
    one.add_init_script(NO_WORKER)
    one.complaints, one.hosts = [], set()
    one.on("console", lambda message: message.type in ("error", "warning") and one.complaints.append(message.text))
    one.on("pageerror", lambda error: one.complaints.append(str(error)))
    one.on("request", lambda request: one.hosts.add(urlsplit(request.url).hostname))
    yield one
    one.close()


@pytest.fixture
def opened(page: Any) -> Iterator[Any]:
    """Opens an address; afterwards nothing may have been complained of, or asked of any other host."""

    def go(url: str, wait_for: str = RUNNING) -> Any:
        page.goto(url)
        page.wait_for_selector(wait_for)
        return page

    yield go
    complaints, hosts = page.complaints[:], set(page.hosts)
    page.goto("about:blank")  # it trains no longer
    page.complaints.clear()
    page.hosts.clear()
    assert complaints == []
    assert hosts <= {"127.0.0.1", None}  # none: of a file, or of what the page made itself


def until(page: Any, expression: str, patience: float = 60) -> None:
    """By asking again: the page's policy lets nobody evaluate text in it, playwright's own waiting included."""
    end = time.monotonic() + patience
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never came true: {expression}"
        time.sleep(0.05)


def reached(page: Any, step: int) -> None:
    until(page, f"Number(document.querySelector('.tk-cockpit').dataset.step) >= {step}")


def state(page: Any, name: str) -> None:
    page.wait_for_selector(f'.tk-cockpit[data-state="{name}"]')


def test_all_that_is_asked_for_before_the_first_step_is_small(address, site, browser):
    page, asked = browser.new_page(), set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).path))
    page.goto(address)
    page.wait_for_selector(RUNNING)
    reached(page, 1)
    page.close()
    files = [site / path[1:] for path in asked if not path.startswith("http")]
    assert {"live.html", "worker.js", "training.json", "scenes.webp"} <= {file.name for file in files}
    assert sum(len(gzip.compress(file.read_bytes(), 9)) for file in files if file.is_file()) <= 400_000


def test_it_trains_by_itself_and_the_levers_show_how(opened, address):
    page = opened(address)
    reached(page, 60)
    assert page.locator('[data-control="lr-field"]').input_value() == "0.007"
    assert page.locator('[data-control="box-field"]').input_value() == "7.5"
    assert page.locator('[data-preset="Good"]').get_attribute("aria-pressed") == "true"
    assert int(page.locator('[data-chart="raw"] canvas').get_attribute("data-points")) >= 50
    until(page, "Number(document.querySelector('.tk-pictures canvas').dataset.boxes) > 0")
    assert "steps/s" in page.inner_text(".tk-numbers")
    assert not page.get_by_text("Loading the detector").is_visible()
    page.click('[data-control="start"]')
    state(page, "paused")
    step = int(page.locator(".tk-cockpit").get_attribute("data-step"))
    page.click('[data-control="step"]')
    reached(page, step + 1)
    state(page, "paused")
    page.click('[data-control="reset"]')
    page.wait_for_selector('.tk-cockpit[data-step="0"]')


def test_a_typed_rate_is_in_force_at_once_and_stands_in_the_address(opened, address):
    page = opened(address)
    reached(page, 5)
    page.fill('[data-control="lr-field"]', "0,0123")
    page.press('[data-control="lr-field"]', "Enter")
    until(page, "location.hash.includes('lr=0.0123')")
    until(page, "document.querySelector('.tk-message').textContent.includes('rate 0.0123')")
    page.fill('[data-control="box-field"]', "many")
    page.press('[data-control="box-field"]', "Enter")
    until(page, "document.querySelector('.tk-message').textContent.includes(\"not 'many'\")")
    again = page.url
    page.goto("about:blank")
    page.goto(again)
    page.wait_for_selector(RUNNING)
    until(page, "document.querySelector('[data-control=\"lr-field\"]').value === '0.0123'")
    with page.expect_event("load"):
        page.evaluate("location.hash = 'lr=0.05'")  # written into the address by hand
    page.wait_for_selector(RUNNING)
    until(page, "document.querySelector('[data-control=\"lr-field\"]').value === '0.05'")


def test_the_frame_that_answers_a_moved_slider_shows_it_in_force(opened, address):
    page = opened(address)
    reached(page, 20)
    message = page.evaluate(
        """() => new Promise((done) => {
            const root = document.querySelector(".tk-cockpit"), before = Number(root.dataset.ack);
            new MutationObserver(() => {
                if (Number(root.dataset.ack) > before) done(root.querySelector(".tk-message").textContent);
            }).observe(root, { attributeFilter: ["data-ack"] });
            const slider = root.querySelector("[data-control=lr]");
            slider.value = 500;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        })"""
    )
    assert message.startswith("From step ")


def test_an_address_sets_everything_and_takes_controls_away(opened, address):
    hide = "time,__proto__,presets,dfl,map"
    page = opened(f"{address}?run=0&optimizer=sgd&lr=0.3&cls=2&hide={hide}", '.tk-cockpit[data-state="ready"]')
    until(page, "document.querySelector('[data-control=\"lr-field\"]').value === '0.3'")
    assert page.locator('[data-control="cls-field"]').input_value() == "2"
    assert page.locator("select").nth(1).input_value() == "sgd"
    for gone in (".tk-time", ".tk-presets", '[data-control="dfl"]', '[data-chart="map"]'):
        assert not page.locator(gone).is_visible(), gone
    assert page.locator('[data-control="box"]').is_visible()


def test_a_rate_a_thousand_times_too_large_is_named_and_one_click_rescues(opened, address):
    page = opened(f"{address}?run=0", '.tk-cockpit[data-state="ready"]')
    page.click('[data-control="start"]')
    reached(page, 30)
    page.fill('[data-control="lr-field"]', "7")
    page.press('[data-control="lr-field"]', "Enter")
    state(page, "rescued")
    assert "lower the learning rate" in page.inner_text(".tk-message").lower()
    page.click(".tk-rescue")
    state(page, "paused")
    step = int(page.locator(".tk-cockpit").get_attribute("data-step"))
    page.click('[data-preset="Good"]')
    page.click('[data-control="start"]')
    reached(page, step + 20)
    state(page, "running")


def test_the_run_can_be_branched_and_the_earlier_one_stays(opened, address):
    page = opened(address)
    reached(page, 40)
    page.click('[data-control="start"]')
    state(page, "paused")
    page.evaluate("""() => {
        const time = document.querySelector('[data-control="time"]');
        time.value = 20;
        time.dispatchEvent(new Event("input"));
    }""")
    page.get_by_role("button", name="Branch here").click()
    page.wait_for_selector('.tk-cockpit[data-step="20"]')
    assert "Branched at step 20" in page.inner_text(".tk-message")


def test_playgrounds_answer_in_the_page_as_the_kernel_would(opened, address):
    page = opened(address.replace("live.html", "playgrounds.html"), ".tk-iou[data-drawn]")
    page.fill('[data-control="typed"]', "30, 30, 90, 90")
    page.press('[data-control="typed"]', "Enter")
    page.wait_for_selector('.tk-iou[data-box="30 30 90 90"]')
    ciou = 60**2 / 80**2 - 2 * 4**2 / (
        2 * 80**2
    )  # of the two boxes: no gap of shapes, the centres 4 px apart in x and y
    until(page, f"Math.abs(document.querySelector('.tk-iou').dataset.loss - {1 - ciou}) < 1e-6")
    page.locator('[data-playground="confidence"]').scroll_into_view_if_needed()
    page.wait_for_selector(".tk-confidence[data-drawn]")
    page.fill('[data-control="score-field"]', "2")
    page.press('[data-control="score-field"]', "Enter")
    until(page, "document.querySelector('.tk-confidence .tk-message').textContent.includes('score must be a number')")
    page.locator(".tk-dfl select").select_option("peak")
    until(page, "document.querySelector('.tk-dfl').dataset.shape === 'peak'")


def test_every_playground_of_the_page_comes_alive(opened, address):
    page = opened(address.replace("live.html", "playgrounds.html"), ".tk-iou[data-drawn]")
    for section in page.locator("[data-playground]").all():
        section.scroll_into_view_if_needed()
        section.locator(".tk-root[data-drawn]").wait_for()
    assert page.locator(".tk-root[data-drawn]").count() == len(PLAYGROUNDS)
    assert page.locator(".tk-message:visible").count() == 0


def plays(opened, file: Path) -> None:
    """The file is a replay that a browser plays from the disk."""
    page = opened(file.as_uri(), ".tk-replay[data-loaded]")
    page.keyboard.press("End")
    until(page, "document.querySelector('.tk-replay').dataset.look !== ''")
    assert "Go to" in page.inner_text(".tk-jumps")


@pytest.mark.parametrize("name", ["live.html", "live-alone.html"])
def test_a_run_is_saved_as_a_replay_that_plays_from_the_disk(opened, address, tmp_path, name):
    page = opened(address.replace("live.html", name))
    reached(page, 20)
    page.fill('[data-control="box-field"]', "3")
    page.press('[data-control="box-field"]', "Enter")
    reached(page, int(page.locator(".tk-cockpit").get_attribute("data-step")) + 10)
    page.click('[data-control="start"]')
    state(page, "paused")
    with page.expect_download() as download:
        page.click('[data-control="export"]')
    assert download.value.suggested_filename == "replay.html"
    download.value.save_as(tmp_path / "replay.html")
    plays(opened, tmp_path / "replay.html")


def test_a_replay_that_cannot_be_saved_leaves_the_run_in_sight(browser, address):
    page = browser.new_page()
    page.add_init_script(NO_WORKER)
    page.route("**/replay.html", lambda route: route.abort())
    page.goto(address)
    page.wait_for_selector(RUNNING)
    reached(page, 5)
    page.click('[data-control="export"]')
    page.get_by_text("The replay cannot be saved").wait_for()
    reached(page, int(page.locator(".tk-cockpit").get_attribute("data-step")) + 3)
    page.close()


def wide_picture(path: Path) -> Path:
    Image.new("L", (20000, 8)).save(path)
    return path


def test_a_dropped_picture_is_looked_at_and_drawn_boxes_are_trained_on_in_the_page(opened, address, tmp_path):
    page = opened(address.replace("live.html", "photo.html"), "#files")
    sent = []
    page.on("request", lambda request: request.method != "GET" and sent.append(request.url))
    damaged = tmp_path / "torn.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n")
    page.set_input_files("#files", [damaged, damaged])
    page.get_by_text("torn.png, torn.png are no pictures that this browser can read.").wait_for()
    pictures = sorted((ROOT / "data/sample/yolo/images/val").glob("*.png"))
    page.set_input_files("#files", [*pictures, wide_picture(tmp_path / "wide.png")])
    page.wait_for_selector('[data-picture]:nth-child(5)[aria-pressed="true"]')
    assert page.inner_text("#told") == ""
    page.get_by_role("button", name="Remove this picture").click()
    page.wait_for_selector('[data-picture]:nth-child(4)[aria-pressed="true"]')
    page.locator("#finding select").select_option("shapes")
    until(page, "Number(document.getElementById('stage').dataset.found) >= 2")
    assert "Found: " in page.inner_text("#found")
    page.fill("#typed", "10, 10, 12, 60")
    page.press("#typed", "Enter")
    assert "too small" in page.inner_text("#told")
    page.fill("#typed", "10%, 10%, 60%, 60%")
    page.press("#typed", "Enter")
    page.locator("#easel").scroll_into_view_if_needed()
    easel = page.locator("#easel").bounding_box()
    page.mouse.move(easel["x"] + easel["width"] / 2, easel["y"] + 100)
    page.mouse.down()
    page.mouse.move(easel["x"] + easel["width"] - 5, easel["y"] + 250)
    page.mouse.up()
    until(page, "document.getElementById('train').dataset.boxes === '2'")
    page.click("#train")
    page.wait_for_selector(RUNNING)
    reached(page, 20)
    assert "learns your pictures" in page.inner_text(".tk-cockpit h2")
    assert sent == []


# Pictures are decoded slowly for as long as blood cells are looked for.
SLOW_AT_FIRST = """
const decoded = globalThis.createImageBitmap;
globalThis.createImageBitmap = async (from, ...more) => {
  const slow = from instanceof HTMLCanvasElement && document.querySelector("#finding select").value === "bccd";
  await new Promise((done) => setTimeout(done, slow ? 2000 : 0));
  return decoded(from, ...more);
};
"""


@pytest.fixture
def photos(browser: Any, address: str) -> Iterator[Any]:
    """The page of one's own pictures, alone: what it asks for may be held back or refused, and its code be changed."""
    page = browser.new_page()
    page.add_init_script(NO_WORKER)
    page.open = lambda: page.goto(address.replace("live.html", "photo.html"))
    yield page
    page.close()


def test_a_slower_earlier_look_has_not_the_last_word(photos):
    photos.add_init_script(SLOW_AT_FIRST)
    photos.open()
    with photos.expect_response("**/bccd.bin"):
        photos.set_input_files("#files", PICTURE)
    photos.wait_for_timeout(1000)  # long enough to look, not to show the picture
    photos.locator("#finding select").select_option("shapes")
    until(photos, "Number(document.getElementById('stage').dataset.found) >= 2")
    photos.wait_for_timeout(2500)
    found = photos.locator("#stage").get_attribute("data-found")
    assert int(found) >= 2
    assert photos.locator("#stage canvas").get_attribute("data-boxes") == found


def test_what_did_not_arrive_is_asked_for_anew_and_a_training_begins_once(photos):
    refused, held = [], []
    photos.route("**/bccd.bin", lambda route: route.continue_() if refused else refused.append(route.abort()))
    photos.route("**/training.bin", lambda route: held.append(route))
    photos.open()
    photos.set_input_files("#files", PICTURE)
    photos.get_by_text("That did not work").wait_for()
    photos.fill("#typed", "10, 10, 60, 60")
    photos.press("#typed", "Enter")
    photos.get_by_text("Found: ").wait_for()
    assert photos.inner_text("#told") == ""
    photos.click("#train")
    until(photos, "document.querySelector('#live').innerText !== ''")
    photos.get_by_label("Name of class 1").fill("cat")
    photos.keyboard.press("Tab")
    until(photos, "document.querySelector('#boxes').innerText.includes('cat')")
    assert photos.locator("#train").is_disabled()
    while not held:
        photos.wait_for_timeout(20)
    held[0].continue_()
    photos.wait_for_selector(RUNNING)
    assert photos.locator("#train").is_enabled()
    photos.unroute("**/training.bin")
    photos.route("**/training.bin", lambda route: route.abort())
    photos.click("#train")
    photos.get_by_text("That did not work").wait_for()
    step = int(photos.locator(".tk-cockpit").get_attribute("data-step"))
    reached(photos, step + 3)  # the earlier one goes on
    assert "begins" not in photos.inner_text("#live")
    photos.unroute("**/training.bin")
    photos.click("#train")
    until(photos, f"Number(document.querySelector('.tk-cockpit')?.dataset.step ?? {step}) < {step}")
    reached(photos, 1)
    assert photos.locator(".tk-cockpit").count() == len(photos.workers) == 1
    assert photos.inner_text("#told") == ""


def test_a_detector_that_does_not_arrive_keeps_no_other_from_looking(photos):
    held = []
    photos.route("**/bccd.bin", lambda route: held.append(route))
    photos.open()
    photos.set_input_files("#files", PICTURE)
    photos.get_by_text("Looking …").wait_for()
    photos.locator("#finding select").select_option("shapes")
    until(photos, "Number(document.getElementById('stage').dataset.found) >= 2")
    found = photos.inner_text("#found")
    held[0].abort()
    photos.wait_for_timeout(300)
    assert (photos.inner_text("#found"), photos.inner_text("#told")) == (found, "")
    photos.locator("#finding select").select_option("bccd")
    photos.get_by_text("Looking …").wait_for()
    assert photos.locator("#stage canvas").count() == 0  # what the other one found is not taken for its own


def test_what_the_controls_show_after_the_way_back_is_in_force(browser, address):
    photos = address.replace("live.html", "photo.html")
    page = browser.new_page()
    page.add_init_script(NO_WORKER)
    page.goto(photos)
    page.set_input_files("#files", PICTURE)
    page.locator("#threshold").fill("0.7")
    page.locator("#finding select").select_option("shapes")
    page.get_by_label("Draw class 3").check()
    page.goto(photos.replace("photo.html", "playgrounds.html"))
    page.go_back()
    page.set_input_files("#files", PICTURE)
    page.get_by_text("Found: ").wait_for()
    assert page.input_value("#threshold") == page.inner_text("#least") == "0.25"
    assert page.input_value("#finding select") == "bccd"
    assert page.get_by_label("Draw class 1").is_checked()
    page.close()


# Two drops at the same moment.
TWO_DROPS = """async ([text, count]) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0)), drop = () => {
    const carried = new DataTransfer();
    for (let i = 0; i < count; i += 1) carried.items.add(new File([bytes], `${i}.png`, { type: "image/png" }));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, cancelable: true }));
  };
  drop();
  drop();
}"""


def test_twenty_pictures_are_the_most_however_they_come(photos):
    photos.open()
    file = base64.b64encode(PICTURE.read_bytes()).decode()
    photos.evaluate(TWO_DROPS, [file, 10])
    until(photos, "document.querySelectorAll('[data-picture]').length === 20")
    assert photos.inner_text("#told") == ""
    for _ in range(5):
        photos.click("#remove")
    photos.evaluate(TWO_DROPS, [file, 4])
    photos.get_by_text("20 pictures are the most").wait_for()
    photos.wait_for_timeout(500)
    assert photos.locator("[data-picture]").count() == 20


def test_a_box_stays_with_its_picture_and_the_keyboard_with_its_place(photos):
    photos.open()
    photos.set_input_files("#files", [PICTURE, PICTURE])
    photos.wait_for_selector('[data-picture]:nth-child(2)[aria-pressed="true"]')
    photos.locator("#easel").scroll_into_view_if_needed()
    easel = photos.locator("#easel").bounding_box()
    photos.mouse.move(easel["x"] + 20, easel["y"] + 20)
    photos.mouse.down()
    photos.mouse.move(easel["x"] + 150, easel["y"] + 150)
    photos.evaluate("document.querySelector('[data-picture]').click()")  # as by a drop: nothing scrolls
    photos.mouse.up()
    assert photos.locator("#boxes li").count() == 0
    photos.locator("[data-picture]").last.press("Enter")
    photos.get_by_role("button", name="Remove box 1").press("Enter")
    assert photos.evaluate("document.activeElement.id") == "typed"
    for _ in range(2):
        photos.locator("#remove").press("Enter")
    assert photos.evaluate("document.activeElement.id") == "files"


def test_one_file_alone_opens_from_the_disk(opened, site):
    page = opened((site / "course/pages/live-alone.html").as_uri() + "?lr=0.002")
    reached(page, 5)
    assert page.locator('[data-control="lr-field"]').input_value() == "0.002"
