"""The connection that `make session` and the browser tests use."""

from pathlib import Path
from types import SimpleNamespace

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from teachkit.watch.connection import PromptConnection

ROOT = Path(__file__).resolve().parents[2]


def test_small_messages_are_sent_at_once_and_the_connection_is_made_as_ever(monkeypatch):
    told = []
    handler = SimpleNamespace(set_nodelay=lambda value: told.append(("nodelay", value)))
    monkeypatch.setattr(PromptConnection, "__init__", lambda self: None)
    monkeypatch.setattr(PromptConnection, "websocket_handler", handler)
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: told.append("connected"))
    PromptConnection().connect()
    assert told == [("nodelay", True), "connected"]


def test_make_lab_uses_it():
    name = f"{PromptConnection.__module__}.{PromptConnection.__name__}"
    assert name in (ROOT / "make.py").read_text()
