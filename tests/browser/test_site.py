"""The site as a reader with a phone and no network meets it: all there, nothing too wide, nothing from elsewhere."""

import functools
import json
import re
import shutil
import subprocess
import threading
import time
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from teachkit.__main__ import main
from teachkit.page import __main__ as export
from tests.page.conftest import exported  # noqa: F401 — a fixture

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


class Page(HTMLParser):
    """What a page links to, shows, loads, brings to life and names."""

    def __init__(self, path):
        super().__init__()
        self.links, self.pictures, self.loaded, self.alive, self.anchors = [], [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.add(values.get("id"))
        if values.get("data-here"):
            self.alive.append(values["data-here"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append((values["src"], values.get("alt") or ""))
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(values["href"])


@pytest.fixture(scope="module")
def pages(exported):  # noqa: F811
    if shutil.which("make") is None:
        pytest.skip("no make here")
    command = ["make", "site", f"EXPORTED={exported}"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return {
        path: Page(path) for path in sorted(SITE.rglob("*.html")) if path.name not in ("search.html", "genindex.html")
    }


def test_the_site_runs_what_todays_code_exports_and_another_graph_is_named(pages, exported, tmp_path, monkeypatch):  # noqa: F811
    if not (SITE / "sw.js").is_file():
        pytest.skip("no node here: the site was built with stills")
    monkeypatch.setattr(export, "write", lambda folder: shutil.copytree(exported, folder, dirs_exist_ok=True))
    export.compare(SITE / "live")
    other = shutil.copytree(SITE / "live", tmp_path / "live")
    (other / "playgrounds" / "iou.json").unlink()
    numbers = other / "training.bin"
    numbers.write_bytes(numbers.read_bytes()[:-1] + b"\1")
    with pytest.raises(SystemExit, match=r"exports playgrounds/iou\.json, training\.bin otherwise"):
        export.compare(other)


def test_every_lesson_solution_and_note_has_its_page(pages):
    for kind in ("*.ipynb", "solutions/*.ipynb", "notes/*.md", "glossary.md", "README.md"):
        for source in (ROOT / "notebooks").glob(kind):
            assert SITE / source.relative_to(ROOT / "notebooks").with_suffix(".html") in pages


def test_what_happens_below_a_prediction_is_folded_away(pages):
    for source in (ROOT / "notebooks").glob("*.ipynb"):
        hidden = source.read_text(encoding="utf-8").count('"hide-output"')
        html = (SITE / source.name).with_suffix(".html").read_text(encoding="utf-8")
        assert len(re.findall(r'<details class="admonition hide[^">]*">', html)) == hidden


def test_every_link_finds_its_page_and_its_place(pages):
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in ("http", "https"), f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"


def test_every_picture_is_there_and_has_words(pages):
    for path, page in pages.items():
        for source, words in page.pictures:
            assert (path.parent / unquote(source)).is_file(), f"{path.name}: {source}"
            assert len(words) > 10, f"{path.name}: {source}"


def test_nothing_is_loaded_from_elsewhere(pages):
    for path, page in pages.items():
        assert not [one for one in page.loaded if re.match("(https?:)?//", one)], path.name
    for style in SITE.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(|@import)\s*['"]?(https?:)?//""", text), style.name


def test_widgets_show_their_static_images_and_formulas_are_set(pages):
    for name in LESSONS:
        text = (SITE / f"{name}.html").read_text(encoding="utf-8")
        assert "widget-view" not in text
        assert "<img" in text, name
    for name in ("03_punish_box", "04_punish_class", "05_punish_dfl", "08_learning_rate"):
        text = (SITE / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<math") > 3
        assert "$$" not in text


@pytest.mark.browser
def test_on_a_phone_without_network_every_page_fits_and_is_whole(pages, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, offline=True)
    asked, faults = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for path in pages:
        page.goto(path.as_uri(), wait_until="load")
        wide, broken = page.evaluate(
            """() => [
                document.documentElement.scrollWidth - document.documentElement.clientWidth,
                [...document.images].filter(one => !one.complete || !one.naturalWidth).map(one => one.src)]"""
        )
        if wide > 0 or broken:
            faults.append(f"{path.relative_to(SITE)}: {wide} px too wide, broken: {broken}")
    context.close()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert not faults, "\n".join(faults)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def alive(pages, tmp_path_factory):
    """The address of the site, served from a sub-path, with all that runs in it."""
    if not (SITE / "sw.js").is_file():
        pytest.skip("no node here: the site was built with stills")
    folder = tmp_path_factory.mktemp("host")
    (folder / "some").mkdir()
    (folder / "some" / "course").symlink_to(SITE, target_is_directory=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/course/"
    server.shutdown()
    server.server_close()


# As browsers without a service worker have it: each of its own fetches the whole site anew.
NO_WORKER = "delete Navigator.prototype.serviceWorker"


def watched(browser, faults, worker=False, **settings):
    """A browser of its own; what it complains of, or asks of any other host, is a fault."""
    context = browser.new_context(**settings)
    if not worker:
        context.add_init_script(NO_WORKER)
    context.on("console", lambda one: one.type in ("error", "warning") and faults.append(one.text))
    context.on("weberror", lambda one: faults.append(str(one.error)))
    context.on("request", lambda one: urlsplit(one.url).hostname in ("127.0.0.1", None) or faults.append(one.url))
    return context


@pytest.fixture
def context(browser):
    contexts, faults = [], []

    def make(**settings):
        contexts.append(watched(browser, faults, **settings))
        return contexts[-1]

    yield make
    for one in contexts:
        one.close()
    assert faults == []


@pytest.fixture(scope="module")
def screens(browser):
    """A phone and a dark screen, each for all the pages that are only looked at."""
    faults = []
    settings = {"phone": {"viewport": {"width": 390, "height": 844}}, "dark": {"color_scheme": "dark"}}
    pages = {name: watched(browser, faults, **one).new_page() for name, one in settings.items()}
    yield pages, faults
    for page in pages.values():
        page.context.close()


@pytest.fixture
def look(screens):
    """look("phone", address) → the page, opened there."""
    pages, faults = screens
    opened = []

    def go(screen, address):
        pages[screen].goto(address)
        opened.append(pages[screen])
        return pages[screen]

    yield go
    for page in opened:
        page.goto("about:blank")  # nothing of it goes on
    found = faults[:]
    faults.clear()
    assert found == []


OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"


def scrolled_through(page):
    """All that begins when it comes into sight has begun, also what is folded away below a prediction."""
    page.evaluate(OPEN_ALL)
    for place in page.locator("[data-here], [data-playground]").all():
        place.scroll_into_view_if_needed()
        place.locator(".tk-root").first.wait_for()


def until(page, expression, patience=60):
    end = time.monotonic() + patience
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never came true: {expression}"
        time.sleep(0.05)


# What no screen reader could name, and what is wider than the phone.
NAMELESS = """() => [...document.querySelectorAll("button, select, textarea, input:not([type=hidden]), [role=slider]")]
    .filter((one) => one.checkVisibility() && !one.labels?.length && !one.closest("label") &&
      !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.textContent.trim() ||
        (one.type === "submit" && one.value)))
    .map((one) => one.outerHTML)"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ALIVE = ["03_punish_box", "04_punish_class", "06_total_loss", "07_learn", "09_training_cycle"]


@pytest.mark.browser
@pytest.mark.parametrize("name", [*ALIVE, "playgrounds", "photo", "live", "index"])
def test_on_a_phone_what_is_alive_fits_and_every_control_has_a_name(alive, look, name):
    page = look("phone", f"{alive}{name}.html")
    scrolled_through(page)
    assert page.evaluate(TOO_WIDE) <= 0
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.browser
def test_an_exercise_is_answered_by_keyboard_and_counted_and_the_file_is_collected(alive, context, tmp_path, capsys):
    page = context(accept_downloads=True).new_page()
    page.goto(f"{alive}03_punish_box.html")
    assert page.get_by_text("In this page: the playground “IoU”").is_visible()
    form = page.locator("form.tk-exercise").first
    page.locator("[data-here*='IoU by hand']").scroll_into_view_if_needed()
    form.locator(".tk-field").focus()
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    form.locator('.tk-verdict[data-right="no"]').wait_for()
    page.keyboard.press("Control+A")
    page.keyboard.type("1/7")
    page.keyboard.press("Enter")
    form.locator(".tk-verdict").wait_for()
    page.locator('[data-here*="prediction"] .tk-prediction').first.wait_for()
    choice = page.locator('[data-here*="prediction"] .tk-prediction').first
    choice.locator("input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    choice.locator(".tk-verdict:visible").wait_for()
    page.locator("[data-here*='NMS by hand']").scroll_into_view_if_needed()
    pile = page.locator("[data-here*='NMS by hand'] form")
    for letter in "ACD":
        pile.get_by_label(letter).focus()
        page.keyboard.press("Space")
    pile.get_by_role("button", name="Check").press("Enter")
    pile.locator('.tk-verdict[data-right="yes"]').wait_for()
    page.get_by_label("Your name").fill("Ada")
    with page.expect_download() as download:
        page.click('[data-control="export-progress"]')
    file = tmp_path / "ada.json"
    download.value.save_as(file)
    assert json.loads(file.read_text(encoding="utf-8"))["done"]["03"]["IoU by hand"]["tries"] == 2
    assert main(["progress", "collect", str(file)]) == 0
    assert "Ada" in capsys.readouterr().out


@pytest.mark.browser
@pytest.mark.parametrize("name", ["03_punish_box", "live", "playgrounds"])
def test_a_dark_system_gets_a_dark_ground_with_readable_words(alive, look, name):
    page = look("dark", f"{alive}{name}.html")
    page.locator("[data-here], [data-playground], #live").first.scroll_into_view_if_needed()
    page.locator(".tk-root").first.wait_for()
    for place in ("body", ".tk-root"):
        ground, ink = page.evaluate(
            """(place) => ["backgroundColor", "color"].map((one) =>
                getComputedStyle(document.querySelector(place))[one]
                    .match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 765, 0))""",
            place,
        )
        assert ground < 0.2, place
        assert ink > 0.8, place


@pytest.mark.browser
def test_after_the_first_visit_the_site_opens_without_its_host(pages, alive, context, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/site/"
    page = context(worker=True).new_page()
    page.goto(f"{address}index.html")
    until(page, "navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))")
    files = json.loads(re.search(r"FILES = (\[.*?\]);", (SITE / "sw.js").read_text(encoding="utf-8"))[1])
    keys = "caches.keys().then((names) => caches.open(names[0])).then((one) => one.keys())"
    until(page, f"{keys}.then((all) => all.length >= {len(files)})")
    server.shutdown()
    server.server_close()
    page.goto(f"{address}live.html?lr=0.002")
    page.wait_for_selector('.tk-cockpit[data-state="running"]')
    page.goto(f"{address}06_total_loss.html")
    assert page.locator("[data-here*='loss_weights']").is_hidden()  # folded away below its prediction
    page.evaluate(OPEN_ALL)
    page.locator("[data-here*='loss_weights']").scroll_into_view_if_needed()
    page.wait_for_selector(".tk-weights[data-drawn]")


@pytest.mark.browser
def test_a_browser_whose_storage_is_full_still_gets_every_page(alive, context):
    page = context(worker=True).new_page()
    quota = {"origin": alive.removesuffix("/some/course/"), "quotaSize": 100_000}  # less than the live page needs
    page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", quota)
    page.goto(f"{alive}index.html")
    until(page, "navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))")
    page.goto(f"{alive}live.html")
    page.wait_for_selector('.tk-cockpit[data-state="running"]')


@pytest.mark.parametrize("name", [*ALIVE, "live", "playgrounds", "photo", "index", "glossary"])
def test_every_page_has_a_strict_content_policy(pages, name):
    text = (SITE / f"{name}.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert set(rules["script-src"]) <= {"'self'", "'wasm-unsafe-eval'"}
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text)
    assert 'rel="next"' not in text  # which some browsers fetch ahead, against the policy


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_page_is_no_larger_than_1_5_mb(pages, name):
    page = SITE / f"{name}.html"
    pictures = {(page.parent / unquote(source)).resolve() for source, _ in pages[page].pictures}
    alive = map(json.loads, pages[page].alive)
    playgrounds = {f"playgrounds/{one['name']}" for one in alive if one["kind"] == "playground"}
    numbers = [f"{one}.{kind}" for one in playgrounds for kind in ("json", "bin")]
    scripts = [SITE / "live" / one for one in ("lesson.js", "lesson.css", "kernels.wasm", *numbers)]
    files = [page, *pictures, *(one for one in scripts if one.is_file()), *(SITE / "_static").glob("*.*")]
    assert sum(one.stat().st_size for one in files) <= 1.5e6
