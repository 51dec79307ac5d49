"""A notebook that was run and saved, opened on the next day: the server has no session, the kernel no widget of it."""

import base64
import io
import shutil
from typing import Any

import nbformat
import pytest
from notebook_page import Server
from PIL import Image

from teachkit.watch.connection import LINE, VIEW

pytestmark = pytest.mark.browser

CELL = "import teachkit as tk\ntk.IoUPlayground()"


def test_a_saved_notebook_shows_its_widgets_picture_the_next_day(server: Server, opened: Any) -> None:
    opened.write([CELL]).run_all()
    opened.command("docmanager:save")
    opened.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    opened.goto("doc/tree/tests.ipynb")  # while its kernel lives a page that is loaded again finds the widget
    opened.widget("[data-ack]")
    saved = nbformat.read(server.folder / "tests.ipynb", as_version=4).cells[0].outputs[-1].data
    assert VIEW not in saved  # so that every other program shows the picture, too
    assert "image/png" in saved
    shutil.copy(server.folder / "tests.ipynb", server.folder / "next_day.ipynb")  # of which no session is known
    opened.end_kernel()
    opened.open_file("next_day.ipynb")
    image = opened.widget(".jp-OutputArea-output img")
    stored = Image.open(io.BytesIO(base64.b64decode(saved["image/png"])))
    size = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [stored.width, stored.height + LINE]  # the line says to run the cell
    assert opened.page.get_by_text("model not found").count() == 0
    opened.run_all()
    opened.widget("[data-ack]")
