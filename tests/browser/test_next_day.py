"""A notebook that was run and saved, opened on the next day: another server, no kernel that knows its widgets."""

import base64
import io
from typing import Any

import nbformat
import pytest
from notebook_page import NotebookPage, Server
from PIL import Image

from teachkit.watch.connection import LINE, VIEW

pytestmark = pytest.mark.browser

CELL = "import teachkit as tk\ntk.IoUPlayground()"


def test_a_saved_notebook_shows_its_widgets_picture_the_next_day(browser: Any, server: Server) -> None:
    page = NotebookPage(browser, server).open([CELL], "day.ipynb")
    page.run_all()
    page.command("docmanager:save")
    page.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.goto("doc/tree/day.ipynb")  # while its kernel lives a page that is loaded again finds the widget
    page.widget("[data-ack]")
    page.shut_down()
    saved = nbformat.read(server.folder / "day.ipynb", as_version=4).cells[0].outputs[-1].data
    assert VIEW not in saved  # so that every other program shows the picture, too
    assert "image/png" in saved
    with Server(server.folder, options=server.options) as another:
        page = NotebookPage(browser, another).open_file("day.ipynb")
        image = page.widget(".jp-OutputArea-output img")
        stored = Image.open(io.BytesIO(base64.b64decode(saved["image/png"])))
        size = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert size == [stored.width, stored.height + LINE]  # the line says to run the cell
        assert page.page.get_by_text("model not found").count() == 0
        page.run_all()
        page.widget("[data-ack]")
        page.shut_down()
