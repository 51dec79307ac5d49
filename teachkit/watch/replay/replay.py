"""Writes a run as one HTML file that plays in any browser, without a kernel, a network or an installation."""

import base64
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from teachkit.errors import UserError
from teachkit.files import is_edited, piece, refuse_foreign, sealed_text, write_output
from teachkit.learn.log import as_json
from teachkit.watch.figures.images import png
from teachkit.watch.replay.page import GENERATOR, page
from teachkit.watch.replay.recording import Recording, find_pictures, open_run

LARGEST = 5 * 10**6  # bytes of the file
DIGITS = 6  # of the numbers, where all of theirs would make the file too large
DETECTIONS_SHOWN = 200  # steps with detections
WHAT = "an untouched replay"


@runtime_checkable
class Recorded(Protocol):
    """An object that gives a recording of itself: a cockpit, or its session."""

    def recording(self) -> Recording: ...


def export(run: Any, path: str | Path, data: str | Path | None = None) -> Path:
    """Writes the replay of a run → its path.

    run: a Cockpit, its session, a folder that `train --save` wrote, a log, the name of a recorded run, or a list of
    records. data: where the pictures of the run lie, see `find_pictures`.
    UserError if there is no such run, if its replay would be larger than 5 MB, or if another's file is there.
    """
    path = Path(path)
    refuse_foreign(path, _is_replay, WHAT)  # before the work
    recording = run.recording() if isinstance(run, Recorded) else open_run(run)
    if recording.pictures is None:
        find_pictures(recording, data)
    head, generator, rest = page_of(recording).partition(GENERATOR.encode())
    sealed = sealed_text(head + generator + b'\n<meta name="teachkit-sha256" content="', b'">' + rest)
    write_output(path, sealed, _is_replay, WHAT)
    return path


def _is_replay(path: Path) -> bool:
    return GENERATOR.encode() in piece(path, 0, 1024) and not is_edited(path)


def page_of(run: Recording) -> bytes:
    """The content of the file. UserError if it is too large even with rounded numbers."""
    for digits in (None, DIGITS):
        written = _page(run, digits)
        if len(written) <= LARGEST:
            return written
    size = len(written) / 10**6
    raise UserError(f"{run.name}: its replay would have {size:.1f} MB, more than 5: show fewer or smaller pictures")


def content_of(recording: Recording) -> dict[str, Any]:
    """What the page plays. steps: the columns of the log; looks: step and detections; pictures: PNGs in base64."""
    pictures, detections = recording.pictures, recording.timeline.detections
    detections = detections[:: max(1, len(detections) // DETECTIONS_SHOWN)]
    count = 0 if pictures is None or not (detections or recording.folder) else len(pictures)
    images = [] if pictures is None else [png(image) for image in pictures.images[:count]]
    truth = [] if pictures is None else [pictures.ground_truth.image(one)[0].tolist() for one in range(count)]
    return {
        "title": recording.name,
        "classes": recording.classes,
        "settings": {key: value for key, value in recording.settings.items() if key != "weights"},
        "menus": recording.menus,
        "end": recording.end,
        "marks": [mark.for_page() for mark in recording.timeline.marks],
        "looks": detections,
        "image_size": list(pictures.images.shape[-2:]) if pictures is not None else [1, 1],
        "pictures": [base64.b64encode(one).decode() for one in images],
        "truth": truth,
        "ghosts": [ghost.columns() | {"looks": ghost.detections[::2]} for ghost in recording.ghosts],
        **recording.timeline.columns(),
        "validation": recording.validation.since(0),
    }


def _page(recording: Recording, digits: int | None) -> bytes:
    content = as_json(content_of(recording))
    return page(recording.name, content if digits is None else _rounded(content, digits))


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {name: _rounded(one, digits) for name, one in value.items()}
    return [_rounded(one, digits) for one in value] if isinstance(value, (list, tuple)) else value
