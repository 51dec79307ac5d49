"""The live demo as a page of its own: one process, one training, any number of views, on this machine alone.

The recorded acts are shown at once, by a server that is there before torch is; the live cockpit comes behind them.
"""

import asyncio
import base64
import json
import os
import secrets
import signal
import threading
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from teachkit.watch.cockpit.acts import SETTING
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.replay.page import recorded_acts

if TYPE_CHECKING:
    from teachkit.watch.cockpit.cockpit import Cockpit

HOST = "127.0.0.1"
PAUSE_AFTER, END_AFTER = 10.0, 60.0  # s without a page: the training pauses, the demo ends
END_WITHIN = 2.0  # s that the step or the branch at hand is waited for; it has nothing to lose
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; connect-src 'self'; "
    "frame-src 'self'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A detector learns to see · teachkit</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="stage.css">
</head>
<body data-stage="recorded">
<iframe id="recorded" src="recorded" title="The recorded acts"></iframe>
<main id="live"></main>
<p id="ready" role="status">Recorded. The live detector is being built …</p>
<script type="module" src="stage.js"></script>
</body>
</html>
"""


class Stage:
    """One cockpit and the pages that look at it. build: makes the cockpit, given a function that sends its messages."""

    def __init__(self, build: Callable[[Callable[..., None]], "Cockpit"]) -> None:
        self.token, self.views = secrets.token_urlsafe(16), set[View]()
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        self.hands = ThreadPoolExecutor(1, "teachkit-stage")  # what pages ask is done in the order of their asking
        self.cockpit: Cockpit | None = None
        self._broken: dict[str, Any] | None = None  # what is said where the cockpit could not be built
        self._waits: list[asyncio.TimerHandle] = []
        self.hands.submit(self._build, build)

    def _build(self, build: Callable[[Callable[..., None]], "Cockpit"]) -> None:
        try:
            self.cockpit = build(self.send)
        except BaseException as error:
            self._broken = {"kind": "gone", "words": f"The demo cannot start: {type(error).__name__}: {error}"}
            self.send(self._broken)
            raise

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """To every page, from any thread."""
        pictures = [base64.b64encode(one).decode() for one in buffers or []]
        text = json.dumps({"message": content, "buffers": pictures}, allow_nan=False)
        self.loop.call_soon_threadsafe(self._send, text)

    def _send(self, text: str) -> None:
        for view in self.views:
            view.tell(text)

    def take(self, text: str | bytes) -> None:
        """What a page asks for. Until the cockpit is built it waits."""
        self.hands.submit(self._take, json.loads(text))

    def _take(self, message: dict[str, Any]) -> None:
        if self.cockpit is not None:
            self.cockpit.take(message)
        elif self._broken is not None:
            self.send(self._broken)

    def enter(self, view: "View") -> None:
        self.views.add(view)
        while self._waits:
            self._waits.pop().cancel()

    def leave(self, view: "View") -> None:
        """A page that is loaded anew is back at once; one that was closed is not."""
        self.views.discard(view)
        if not self.views:
            pause = {"kind": "pause"}
            self._waits += [
                self.loop.call_later(PAUSE_AFTER, self.hands.submit, self._take, pause),
                self.loop.call_later(END_AFTER, self.over.set),
            ]

    def close(self) -> bool:
        """Whether all its threads have ended: what is being built is not waited for, nor what takes too long."""
        self.hands.shutdown(wait=False, cancel_futures=True)
        if self.cockpit is None:
            return False
        closing = threading.Thread(target=self._close, args=(self.cockpit,), daemon=True)
        closing.start()
        closing.join(END_WITHIN)
        return not closing.is_alive()

    def _close(self, cockpit: "Cockpit") -> None:
        self.hands.shutdown()
        cockpit.close()


class View(WebSocketHandler):
    """One page's connection."""

    def initialize(self, stage: Stage) -> None:
        self.stage = stage

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self.stage.enter(self)

    def tell(self, text: str) -> None:
        with suppress(WebSocketClosedError):  # it is about to leave
            self.write_message(text)

    def on_message(self, message: str | bytes) -> None:
        self.stage.take(message)

    def on_close(self) -> None:
        self.stage.leave(self)


class Static(RequestHandler):
    """A text that is made when it is first asked for."""

    def initialize(self, make: Callable[[], str | bytes], kind: str, policy: str = "") -> None:
        self.make, self.kind, self.policy = make, kind, policy

    def get(self) -> None:
        self.set_header("Content-Type", f"{self.kind}; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")  # the token stands in the address
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.policy:
            self.set_header("Content-Security-Policy", self.policy)
        self.finish(self.make())


def application(stage: Stage) -> Application:
    """Answers below the token only."""
    pages = {
        "": {"make": lambda: PAGE, "kind": "text/html", "policy": POLICY},
        "stage.js": {"make": lambda: front_end("cockpit/stage.js"), "kind": "text/javascript"},
        "stage.css": {"make": lambda: front_end("cockpit/stage.css"), "kind": "text/css"},
        "recorded": {"make": recorded_acts, "kind": "text/html"},
    }
    routes = [(f"/{stage.token}/{name}", Static, settings) for name, settings in pages.items()]
    return Application([*routes, (f"/{stage.token}/live", View, {"stage": stage})])


async def perform(build: Callable[[Callable[..., None]], "Cockpit"], port: int, show: Callable[[str], Any]) -> bool:
    """Serves until no page has been there for a minute, or the process is told to end → whether all threads have ended.

    show: is given the address.
    """
    stage = Stage(build)
    sockets = bind_sockets(port, HOST)
    server = HTTPServer(application(stage))
    server.add_sockets(sockets)
    address = f"http://{HOST}:{sockets[0].getsockname()[1]}/{stage.token}/"
    for one in (signal.SIGINT, signal.SIGTERM):
        try:
            stage.loop.add_signal_handler(one, stage.over.set)
        except (NotImplementedError, RuntimeError):  # Windows: Ctrl-C raises KeyboardInterrupt; or not the main thread
            break
    print(
        f"The demo: {address}\nCtrl-C ends it; it ends by itself a minute after its last page was closed.", flush=True
    )
    threading.Thread(target=show, args=(address,), daemon=True).start()  # some browsers come back only when closed
    try:
        await stage.over.wait()
    finally:
        server.stop()
        for view in list(stage.views):
            view.close()
        ended = stage.close()
    return ended


def build_cockpit(send: Callable[..., None]) -> "Cockpit":
    """The cockpit of notebooks/live_demo.ipynb, whose messages go to `send`."""
    from teachkit.watch.cockpit.cockpit import Cockpit  # brings torch, for which the page does not wait

    class Staged(Cockpit):
        def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
            send(content, buffers)

    return Staged(title="A detector learns to see", **SETTING)


def run(port: int = 0, browser: bool = True) -> None:
    """Opens the demo in the browser and serves it. port: 0 for one that is free."""
    ended = asyncio.run(perform(build_cockpit, port, webbrowser.open if browser else lambda address: None))
    if not ended:
        os._exit(0)  # a thread that still builds or trains cannot be asked to end, and has nothing to lose
