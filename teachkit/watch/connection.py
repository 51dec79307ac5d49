"""The Jupyter server of `make lab`: answers go to the browser at once, saved widgets are seen as pictures."""

import base64
import io
from contextlib import suppress
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from PIL import Image, ImageDraw, ImageFont

VIEW = "application/vnd.jupyter.widget-view+json"
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
    """Hands out notebooks without the views of widgets whose kernel is gone, so that the stored picture is seen.

    JupyterLab and Notebook prefer the view to the picture beside it, and then write that its model is not found. A
    notebook with a kernel keeps its views: a page that is loaded again finds them.
    """

    async def get(self, path: str, content: bool = True, *arguments: Any, **settings: Any) -> dict[str, Any]:
        model: dict[str, Any] = await super().get(path, content, *arguments, **settings)
        sessions = getattr(self.parent, "session_manager", None)
        if content and model["type"] == "notebook" and sessions and not await sessions.session_exists(path.strip("/")):
            _leave_pictures(model["content"])
        return model


def _leave_pictures(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if VIEW in data and isinstance(data.get("image/png"), str):
                with suppress(OSError, ValueError):  # a picture that cannot be read stays as it is
                    data["image/png"] = _with_a_line(data["image/png"])
                del data[VIEW]


def _with_a_line(picture: str) -> str:
    """The PNG, in base64, with RUN below it."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        whole = Image.new("RGB", (image.width, image.height + LINE), "white")
        whole.paste(image.convert("RGB"))
    ImageDraw.Draw(whole).text((4, whole.height - LINE + 3), RUN, "black", ImageFont.load_default(LINE - 8))
    buffer = io.BytesIO()
    whole.quantize(256).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
