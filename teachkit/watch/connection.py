"""The Jupyter server's connection to a kernel: an answer goes to the browser at once."""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's connection whose small messages do not wait for each other.

    TCP holds a small message back until the one before it has been acknowledged, which a browser may put off for 40 ms:
    Nagle 1984, RFC 896, and delayed acknowledgements, RFC 1122, section 4.2.3.2.
    """

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()
