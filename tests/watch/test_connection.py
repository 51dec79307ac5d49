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

from teachkit.watch.connection import PUT_AWAY, VIEW, PicturesOnly, PromptConnection, StillContents

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


def test_a_notebook_is_saved_without_views_and_a_page_that_is_loaded_again_has_them_back(tmp_path):
    path = tmp_path / "a.ipynb"
    handed_out(tmp_path, "bm8=", has_kernel=True)  # writes it
    contents = StillContents(root_dir=str(tmp_path), parent=Configurable())

    async def save_and_load():
        model = await contents.get("/a.ipynb")
        await contents.save(model, "/a.ipynb")

    with ThreadPoolExecutor(1) as own:
        own.submit(asyncio.run, save_and_load()).result()
    saved = nbformat.read(path, as_version=4)
    assert set(saved.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    server = Configurable()
    server.session_manager = SimpleNamespace(session_exists=lambda path: asyncio.sleep(0, True))
    contents = StillContents(root_dir=str(tmp_path), parent=server)
    with ThreadPoolExecutor(1) as own:
        notebook = own.submit(asyncio.run, contents.get("/a.ipynb")).result()
    assert notebook["content"]["cells"][0]["outputs"][0]["data"][VIEW] == {"model_id": "gone"}


def test_a_stored_notebook_holds_pictures_alone():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x")])
    data = {VIEW: {"model_id": "gone"}, "image/png": "bm8=", "text/plain": "x"}
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data)]
    stored, _ = PicturesOnly().preprocess(notebook, {})
    assert set(stored.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    assert stored.cells[0].outputs[0].metadata == {PUT_AWAY: {}}


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
