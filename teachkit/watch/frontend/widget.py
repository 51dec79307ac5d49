"""The base of every widget: a front end in JavaScript, messages in both directions, and a static image."""

import base64
import json
from collections.abc import Callable
from typing import Any

import anywidget

from teachkit.errors import UserError
from teachkit.learn.log import as_json


class Widget(anywidget.AnyWidget):
    """A widget that is drawn in the browser, while Python decides what it shows.

    A subclass sets `_esm`, `_css` and `words` (the fixed text for pages without pictures), answers requests through
    `answers` (kind → function of the message), and gives `static_image`, a PNG of how it stands.
    """

    words = "A widget of teachkit: run the notebook to use it"

    def __init__(self, **settings: Any) -> None:
        self.answers: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.asked = 0  # the newest request seen: its echo tells the front end that an answer is up to date
        super().__init__(**settings)
        self.on_msg(self._receive)

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[Any]) -> None:
        """Answers a message, on any thread. Every error is shown, since Jupyter would swallow it."""
        try:
            self.asked = max(self.asked, int(message.get("ask") or 0))
            self.answers[message["kind"]](message)
        except UserError as mistake:
            self.refuse(str(mistake))
        except Exception as error:
            self.fail(error)

    def post(self, kind: str, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Sends one message to every view, from any thread."""
        if self.comm is None:
            return
        message = as_json({"kind": kind, "ack": self.asked, **content})
        try:
            self.send(message, buffers)
        except UnicodeEncodeError:  # half a sign, in a name that was handed over: Jupyter sends nothing but UTF-8
            self.send(json.loads(json.dumps(message, ensure_ascii=False).encode(errors="replace")), buffers)

    def refuse(self, message: str) -> None:
        """Shows why a value was refused. The old value stays."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Shows an error of the program, in a callback or in a thread."""
        raise NotImplementedError

    def static_image(self) -> bytes:
        """PNG of the widget as it stands, for pages without a kernel."""
        raise NotImplementedError

    def still(self) -> bytes:
        """The static image, by its earlier name."""
        return self.static_image()

    def close(self) -> None:
        """Closes the layout, too: it is a widget that Jupyter's registry would keep for ever."""
        if self.comm is not None:
            self.layout.close()
        super().close()

    def _repr_mimebundle_(self, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view, the static image, and text that is the same on every machine."""
        bundle = super()._repr_mimebundle_(**settings)
        data, metadata = bundle if bundle is not None else ({}, {})
        image = base64.b64encode(self.static_image()).decode()
        return data | {"image/png": image, "text/plain": self.words}, metadata | {"image/png": {"alt": self.words}}
