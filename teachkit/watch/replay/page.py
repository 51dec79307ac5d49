"""The page of a replay, and that of the acts which are recorded: made of texts alone, before torch is there."""

import html
import json
from importlib.resources import files
from typing import Any

from teachkit.watch.frontend.bundle import front_end

ACTS = files("teachkit.experiments") / "runs" / "five_acts.jsonl"  # `make recordings` makes it
GENERATOR = '<meta name="generator" content="teachkit replay">'
# Nothing may be fetched from anywhere, whatever is written into the page.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def page(title: str, content: dict[str, Any] | str) -> bytes:
    """One HTML file that plays the content: of a run, or of acts; a text stands for a run that is put in later."""
    # No "<" stays in the data: a class called "</script>" must not end it. In JSON the escape means the same letter.
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{GENERATOR}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{html.escape(title)} · replay</title>
<style>
{front_end("replay/replay.css")}
</style>
</head>
<body>
<main id="replay"></main>
<noscript>This page plays a training run; it needs JavaScript, and nothing else.</noscript>
<script type="application/json" id="run">{data}</script>
<script type="module">
{front_end("replay/replay.js")}
</script>
</body>
</html>
""".encode(errors="backslashreplace")  # a name that is no UTF-8 is spelt out, as JSON does


def recorded_acts() -> bytes:
    """The page of the live demo's acts, as they were recorded."""
    lines = ACTS.read_text(encoding="utf-8").splitlines()
    shared, *acts = [json.loads(line) for line in lines]
    return page("A detector learns to see", {"acts": [shared | act for act in acts]})
