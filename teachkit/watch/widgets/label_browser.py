"""The labels of a data set, the doubtful ones first. A score cannot show them, since it trusts every label."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from teachkit.scoring import ISSUE_KINDS, LabelIssue, find_label_issues
from teachkit.structures import Batch
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.examined import examine
from teachkit.watch.widgets.gallery import Gallery, Outline, Style, Tile, gallery_figure
from teachkit.watch.widgets.playground import between, one_of

ANY = "anything suspicious"
PAGE = 6
LOW = 0.05  # score from which a detection says anything about a label


class LabelBrowser(Gallery):
    """data: pictures with labels, as from load_data; model: a trained Detector that contradicts them, or None.

    Ranked by `scoring.find_label_issues`; what the reader of the files has left out as broken (`data.problems`) goes
    first. Nothing is changed: it says where to look.
    """

    _esm = front_end("widgets/label_browser.js")
    _css = front_end("widgets/gallery.css")
    title = "Labels, the suspicious ones first"
    words = "A data set's labels, the suspicious ones first: run the notebook to browse them"
    STYLES: ClassVar[dict[str, Style]] = {
        "suspicious": Style("#D55E00", (8, 4)),
        "label": Style("#FFFFFF"),
        "✕ broken": Style("#F0E442", (3, 3)),
    }

    def __init__(self, data: Iterable[Batch], model: Any = None, **values: Any) -> None:
        self.seen = examine(data, model)
        view = None if model is None else [one.take(one.scores >= LOW) for one in self.seen.detections or []]
        self.issues = self._broken(getattr(data, "problems", [])) + find_label_issues(
            self.seen.boxes, self.seen.labels, self.seen.classes, view
        )
        self.levers = {
            "kind": one_of("kind", [ANY, *ISSUE_KINDS]),
            "page": between("page", 0, 1e6),
            "least": between("least doubt", 0, 1),
        }
        super().__init__(**({"kind": ANY, "page": 0, "least": 0.5} | values))

    def set(self, **values: Any) -> None:
        super().set(**({"page": 0} | values))

    def _broken(self, problems: Iterable[Any]) -> list[LabelIssue]:
        """What the reader named, in its own words without the folders."""
        place = {Path(name).stem: image for image, name in enumerate(self.seen.names)}
        return [
            LabelIssue(
                place.get(Path(one.file).stem, -1), "broken", 1.0, None, f"{Path(one.file).name}:{one.line}: {one.what}"
            )
            for one in problems
        ]

    def chosen(self) -> list[LabelIssue]:
        """In the order of the list, of the chosen kind, at least as doubtful as asked for."""
        kind, least = self.values["kind"], self.values["least"]
        return [one for one in self.issues if one.doubt >= least and kind in (ANY, one.kind)]

    def counts(self) -> dict[str, int]:
        least = self.values["least"]
        kinds = [one.kind for one in self.issues if one.doubt >= least]
        return {kind: kinds.count(kind) for kind in ISSUE_KINDS}

    def shown(self) -> tuple[int, list[LabelIssue]]:
        """The page, and the suspicions on it."""
        chosen = self.chosen()
        page = min(int(self.values["page"]), max(0, (len(chosen) - 1) // PAGE))
        return page, chosen[PAGE * page : PAGE * page + PAGE]

    def tiles(self) -> list[Tile]:
        page, suspicions = self.shown()
        return [self._tile(PAGE * page + place + 1, one) for place, one in enumerate(suspicions) if one.image >= 0]

    def _tile(self, rank: int, one: LabelIssue) -> Tile:
        names = [self.seen.classes[label] for label in self.seen.labels[one.image].tolist()]
        pairs = zip(self.seen.boxes[one.image].tolist(), names, strict=True)
        outlines = [Outline(box, "label", name, False) for box, name in pairs]
        if one.kind == "broken":  # it has no box: the whole picture is marked, with a sign that needs no colour
            height, width = self.seen.images[one.image].shape[-2:]
            outlines.append(Outline((1, 1, width - 1, height - 1), "✕ broken", "✕ a label is broken"))
        if one.box is not None:
            outlines.append(Outline(one.box, "suspicious", one.kind, True))
        return Tile(
            (rank, one.image), self.seen.images[one.image], f"{rank}. {Path(self.seen.names[one.image]).stem}", outlines
        )

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content, buffers = super().setup()
        return content | {"kinds": [ANY, *ISSUE_KINDS], "page": PAGE}, buffers

    def numbers(self) -> dict[str, Any]:
        chosen = self.chosen()
        page, suspicions = self.shown()
        reasons = [{"doubt": one.doubt, "why": f"{self._name(one)}: {one.why}"} for one in suspicions]
        words = f"{len(chosen)} of {sum(map(len, self.seen.labels))} labels look suspicious"
        return {"reasons": reasons, "total": len(chosen), "shown_page": page, "counts": self.counts(), "words": words}

    def _name(self, one: LabelIssue) -> str:
        if one.kind == "broken":
            return "✕ broken"
        return self.seen.names[one.image] if one.image >= 0 else one.kind

    def figure(self) -> NotebookFigure:
        words = self.numbers()["words"]
        return gallery_figure(self.tiles(), self.STYLES, 3, f"{self.title}: {words}", f"{self.title}. {words}", 10)
