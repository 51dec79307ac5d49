"""`demo`: the instructor's cockpit as a page of its own, the recorded acts before it."""

import argparse

from teachkit.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    try:
        from teachkit.watch.cockpit import stage
    except ImportError as error:
        raise UserError(f"the demo needs {error.name}, which comes with JupyterLab: `make demo` installs it") from None

    try:
        stage.run(arguments.port, arguments.browser)
    except OSError as error:
        raise UserError(f"port {arguments.port}: {error.strerror}: choose another, or leave --port out") from None
    return 0
