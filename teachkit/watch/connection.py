"""The Jupyter server of `make lab`: answers go to the browser at once, saved widgets are seen as pictures."""

import base64
import io
from contextlib import suppress
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from nbconvert.preprocessors import Preprocessor
from PIL import Image, ImageDraw, ImageFont

VIEW, PUT_AWAY = "application/vnd.jupyter.widget-view+json", "teachkit_view"
RUN, LINE = "Run this cell to use it.", 24  # px high


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's connection whose small messages do not wait for each other.

    TCP holds a small message back until the one before it has been acknowledged, which a browser may put off for 40 ms:
    Nagle 1984, RFC 896, and delayed acknowledgements, RFC 1122, section 4.2.3.2.
    """

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()


class StillContents(AsyncLargeFileManager):
    """Notebooks are saved with their widgets as pictures, and have the views only while their kernel lives.

    Every program that shows notebooks prefers the view of a widget to the picture beside it, and then writes that its
    model is not found. So the view of an output is put away into the output's metadata, where none looks, and comes
    back for a notebook with a kernel: a page that is loaded again finds it.
    """

    async def get(self, path: str, content: bool = True, *arguments: Any, **settings: Any) -> dict[str, Any]:
        model: dict[str, Any] = await super().get(path, content, *arguments, **settings)
        sessions = getattr(self.parent, "session_manager", None)
        if content and model["type"] == "notebook" and sessions:
            if await sessions.session_exists(path.strip("/")):
                _bring_views_back(model["content"])
            else:
                put_views_away(model["content"])
                _say_how_to_revive(model["content"])
        return model

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        if model.get("type") == "notebook" and isinstance(model.get("content"), dict):
            put_views_away(model["content"])
        saved: dict[str, Any] = await super().save(model, path)
        return saved


class PicturesOnly(Preprocessor):
    """For nbconvert: stores no view of a widget, as StillContents saves none."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        put_views_away(nb, keep=False)
        return nb, resources


def put_views_away(notebook: dict[str, Any], keep: bool = True) -> None:
    """Leaves of each widget its picture, or its text. keep: what brings the view back stays in the metadata."""
    for output in _outputs(notebook):
        if VIEW in output["data"] and len(output["data"]) > 1:
            view = output["data"].pop(VIEW)
            output.setdefault("metadata", {})[PUT_AWAY] = view if keep else {}


def _bring_views_back(notebook: dict[str, Any]) -> None:
    for output in _outputs(notebook):
        if view := output.get("metadata", {}).pop(PUT_AWAY, None):
            output["data"][VIEW] = view


def _say_how_to_revive(notebook: dict[str, Any]) -> None:
    for output in _outputs(notebook):
        if output.get("metadata", {}).pop(PUT_AWAY, None) is not None:
            with suppress(KeyError, OSError, ValueError):  # no picture, or none that can be read
                output["data"]["image/png"] = _with_a_line(output["data"]["image/png"])


def _outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ()) if "data" in output]


def _with_a_line(picture: str) -> str:
    """The PNG, in base64, with RUN below it."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        whole = Image.new("RGB", (image.width, image.height + LINE), "white")
        whole.paste(image.convert("RGB"))
    ImageDraw.Draw(whole).text((4, whole.height - LINE + 3), RUN, "black", ImageFont.load_default(LINE - 8))
    buffer = io.BytesIO()
    whole.quantize(256).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
