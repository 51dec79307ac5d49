"""The site as a reader with a phone and no network meets it: all there, nothing too wide, nothing from elsewhere."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


class Page(HTMLParser):
    """What a page links to, shows, loads and names."""

    def __init__(self, path):
        super().__init__()
        self.links, self.pictures, self.loaded, self.anchors = [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.add(values.get("id"))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append((values["src"], values.get("alt") or ""))
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(values["href"])


@pytest.fixture(scope="module")
def pages():
    if shutil.which("make") is None:
        pytest.skip("no make here")
    built = subprocess.run(["make", "site"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    return {
        path: Page(path) for path in sorted(SITE.rglob("*.html")) if path.name not in ("search.html", "genindex.html")
    }


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
