"""`replay`: a run as one HTML file that plays without a kernel and without a network."""

import argparse

from teachkit.errors import one_line


def run(arguments: argparse.Namespace) -> int:
    from teachkit.watch.replay.replay import export

    path = export(arguments.run, arguments.out, arguments.data)
    print(one_line(f"{path}: open it in any browser ({path.stat().st_size / 10**6:.1f} MB)"))
    return 0
