"""The connection that `make session` and the browser tests use."""

import asyncio
import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import nbformat
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from PIL import Image
from traitlets.config import Configurable

from teachkit.watch.connection import VIEW, PromptConnection, StillContents

ROOT = Path(__file__).resolve().parents[2]


def test_small_messages_are_sent_at_once_and_the_connection_is_made_as_ever(monkeypatch):
    told = []
    handler = SimpleNamespace(set_nodelay=lambda value: told.append(("nodelay", value)))
    monkeypatch.setattr(PromptConnection, "__init__", lambda self: None)
    monkeypatch.setattr(PromptConnection, "websocket_handler", handler)
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: told.append("connected"))
    PromptConnection().connect()
    assert told == [("nodelay", True), "connected"]


def test_make_lab_hands_out_notebooks_with_pictures():
    assert f"{StillContents.__module__}.{StillContents.__name__}" in (ROOT / "make.py").read_text()


def handed_out(folder, picture, has_kernel):
    """The data of the one output of a notebook, as a server that starts the kernel or not hands it out."""
    output = nbformat.v4.new_output(
        "display_data", {VIEW: {"model_id": "gone"}, "image/png": picture, "text/plain": "x"}
    )
    cell = nbformat.v4.new_code_cell("x", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "a.ipynb")

    async def session_exists(path):
        return has_kernel and path == "a.ipynb"

    server = Configurable()
    server.session_manager = SimpleNamespace(session_exists=session_exists)
    contents = StillContents(root_dir=str(folder), parent=server)
    # In a thread of its own: a browser's test that ran before leaves its loop running in this one.
    with ThreadPoolExecutor(1) as own:
        notebook = own.submit(asyncio.run, contents.get("/a.ipynb")).result()
    return notebook["content"]["cells"][0]["outputs"][0]["data"]


def test_a_widget_whose_kernel_is_gone_is_handed_out_as_its_picture_with_a_line_below(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100), "red").save(buffer, format="png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    assert handed_out(tmp_path, picture, has_kernel=True) == {
        VIEW: {"model_id": "gone"}, "image/png": picture, "text/plain": "x"
    }  # fmt: skip
    data = handed_out(tmp_path, picture, has_kernel=False)
    assert VIEW not in data
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        assert image.width == 200
        assert image.height > 110
        assert image.convert("RGB").getpixel((100, 50)) == (255, 0, 0)
        assert len(image.convert("RGB").crop((0, 100, 200, image.height)).getcolors()) > 1
    assert "image/png" in handed_out(tmp_path, "bm8=", has_kernel=False)


def test_make_lab_uses_it():
    name = f"{PromptConnection.__module__}.{PromptConnection.__name__}"
    assert name in (ROOT / "make.py").read_text()
