"""Any run as one file of HTML: it plays and scrubs in any browser, with no kernel, no network and nothing installed."""

import base64
import html
import json
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.learn.files import write_whole
from teachkit.learn.log import as_json
from teachkit.watch.cockpit.session import Lab
from teachkit.watch.cockpit.timeline import Curve
from teachkit.watch.figures.images import png
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.replay.recording import VALIDATION, Recording, endless_story, find_pictures, open_run

LARGEST = 5 * 10**6  # bytes of the file
DIGITS = 6  # of the numbers, where all of theirs would make the file too large
LOOKS_SHOWN = 200
# Nothing may be fetched from anywhere, whatever is written into the page.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def export(run: Any, path: str | Path) -> Path:
    """Writes the replay of a run → its path.

    run: a Cockpit, its lab, a folder that `train --save` wrote, a log, the name of a recorded run, or a list of
    records. UserError if there is no such run, or if its replay would be larger than 5 MB.
    """
    told = recording_of(run)
    if told.pictures is None:
        find_pictures(told)
    page = page_of(told)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}): choose another place") from None
    return path


def recording_of(run: Any) -> Recording:
    """Of a Cockpit or its lab what it has shown, of anything else what `open_run` finds."""
    from teachkit.watch.cockpit.cockpit import Cockpit  # which exports itself by this module

    if isinstance(run, Cockpit):
        return _of_lab(run.lab, run.title)
    return _of_lab(run, "Training") if isinstance(run, Lab) else open_run(run)


def _of_lab(lab: Lab, name: str) -> Recording:
    if not lab.story.curves["steps"].rows:
        raise UserError("nothing has been trained yet: press Start, or call run(100), and save the replay then")
    story = endless_story()
    for part, curve in lab.story.curves.items():
        story.curves[part].rows = list(curve.rows)
    story.marks, story.looks = list(lab.story.marks), [*lab.story.looks, (lab.step, lab.gauges.found)]
    return Recording(
        name, story, Curve(VALIDATION), menus=_menus_of(lab), pictures=lab.pictures, classes=list(lab.classes)
    )


def _menus_of(lab: Lab) -> list[tuple[int, str, str]]:
    """Schedule and optimizer over the steps: as at the first snapshot, then as the marks tell of changes."""
    first = lab.history.snapshots[0]
    control = first.state["control"]
    schedule, optimizer = control["schedule"] if control["lr"] is None else "constant", first.optimizer
    menus = [(first.step, schedule, optimizer)]
    for mark in lab.story.marks:
        for change in mark.label.split(", ") if not mark.alarm else []:
            what, _, value = change.partition(" ")
            schedule = {"schedule": value, "rate": "constant"}.get(what, schedule)
            optimizer = value if what == "optimizer" else optimizer
        menus.append((mark.step, schedule, optimizer))
    return menus


def page_of(told: Recording) -> bytes:
    """The whole file. UserError if it is too large even with rounded numbers."""
    for digits in (None, DIGITS):
        page = _page(told, digits)
        if len(page) <= LARGEST:
            return page
    size = len(page) / 10**6
    raise UserError(f"{told.name}: its replay would have {size:.1f} MB, more than 5: show fewer or smaller pictures")


def content_of(told: Recording) -> dict[str, Any]:
    """What the page plays. steps: the columns of the log; looks: step and boxes; pictures: PNG files in base64."""
    pictures, looks = told.pictures, told.story.looks[:: max(1, len(told.story.looks) // LOOKS_SHOWN)]
    count = 0 if pictures is None or not (looks or told.folder) else len(pictures)
    images = [] if pictures is None else [png(image) for image in pictures.images[:count]]
    truth = [] if pictures is None else [pictures.ground_truth.image(one)[0].tolist() for one in range(count)]
    return {
        "title": told.name,
        "classes": told.classes,
        "settings": {key: value for key, value in told.settings.items() if key != "weights"},
        "menus": told.menus,
        "end": told.end,
        "marks": [vars(mark) for mark in told.story.marks],
        "looks": looks,
        "image_size": list(pictures.images.shape[-2:]) if pictures is not None else [1, 1],
        "pictures": [base64.b64encode(one).decode() for one in images],
        "truth": truth,
        **{name: curve.since(0) for name, curve in told.story.curves.items()},
        "validation": told.validation.since(0),
    }


def _page(told: Recording, digits: int | None) -> bytes:
    content = as_json(content_of(told))
    if digits is not None:
        content = _rounded(content, digits)
    # No "<" stays in the data: a class called "</script>" must not end it. In JSON the escape means the same letter.
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    script = front_end("replay/replay.js")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{html.escape(told.name)} · replay</title>
<style>
{front_end("replay/replay.css")}
</style>
</head>
<body>
<main id="replay"></main>
<noscript>This page plays a training run; it needs JavaScript, and nothing else.</noscript>
<script type="application/json" id="run">{data}</script>
<script type="module">
{script}
</script>
</body>
</html>
""".encode()


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {name: _rounded(one, digits) for name, one in value.items()}
    return [_rounded(one, digits) for one in value] if isinstance(value, (list, tuple)) else value
