"""The labels of a data set, the doubtful ones first. A score cannot show them, since it trusts every label."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.examples import Examples
from teachkit.scoring import ISSUE_KINDS, LabelIssue, find_label_issues
from teachkit.scoring.label_repairs import repair
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
    first. No file is changed: it says where to look, and `repaired` gives a copy with the labels that were repaired.
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
        self.view = None if model is None else [one.take(one.scores >= LOW) for one in self.seen.detections or []]
        self.issues = self._broken(getattr(data, "problems", [])) + find_label_issues(
            self.seen.boxes, self.seen.labels, self.seen.classes, self.view
        )
        self.repairs: set[int] = set()  # places in `issues`
        self.levers = {
            "kind": one_of("kind", [ANY, *ISSUE_KINDS]),
            "page": between("page", 0, 1e6),
            "least": between("least doubt", 0, 1),
        }
        super().__init__(**({"kind": ANY, "page": 0, "least": 0.5} | values))
        self.answers |= {
            "repair": lambda message: self.repair(message["issue"]),
            "repair all": lambda message: self.repair_all(),
            "reset": lambda message: self.reset(),
        }

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

    def repair(self, issue: int) -> None:
        """Takes the detector's word for the issue at that place, or no longer. UserError if it has none."""
        if not isinstance(issue, int) or not 0 <= issue < len(self.issues) or not self._can_repair(self.issues[issue]):
            raise UserError("the detector cannot say how this label should be")
        self.repairs ^= {issue}
        self._show()

    def repair_all(self) -> None:
        """Takes the detector's word for all that is listed, where it has one."""
        chosen = set(map(id, self.chosen()))
        places = (place for place, one in enumerate(self.issues) if id(one) in chosen and self._can_repair(one))
        self.repairs.update(places)
        self._show()

    def reset(self) -> None:
        self.repairs.clear()
        self.set(**self._first)

    def repaired(self) -> Examples:
        """The pictures with their labels, the repaired ones as the detector would have them."""
        boxes, labels = list(self.seen.boxes), list(self.seen.labels)
        for place in sorted(self.repairs):
            one = self.issues[place]
            told = self._repair(one, boxes[one.image], labels[one.image])
            if told is not None:
                boxes[one.image], labels[one.image] = told
        return Examples(list(self.seen.images), boxes, labels, self.seen.names, self.seen.classes)

    def _can_repair(self, one: LabelIssue) -> bool:
        return one.image >= 0 and self._repair(one, self.seen.boxes[one.image], self.seen.labels[one.image]) is not None

    def _repair(self, one: LabelIssue, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor] | None:
        return None if self.view is None else repair(one, boxes, labels, self.view[one.image].to("cpu"))

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
        return content | {"kinds": [ANY, *ISSUE_KINDS], "page": PAGE, "repairs": self.view is not None}, buffers

    def numbers(self) -> dict[str, Any]:
        chosen = self.chosen()
        page, suspicions = self.shown()
        places = {id(one): place for place, one in enumerate(self.issues)}
        reasons = [
            {
                "doubt": one.doubt,
                "why": f"{self._name(one)}: {one.why}",
                "issue": places[id(one)] if self._can_repair(one) else None,
                "repaired": places[id(one)] in self.repairs,
            }
            for one in suspicions
        ]
        words = f"{len(chosen)} of {sum(map(len, self.seen.labels))} labels look suspicious"
        told = {"total": len(chosen), "shown_page": page, "counts": self.counts(), "repaired": len(self.repairs)}
        return told | {"reasons": reasons, "words": words}

    def _name(self, one: LabelIssue) -> str:
        if one.kind == "broken":
            return "✕ broken"
        return self.seen.names[one.image] if one.image >= 0 else one.kind

    def figure(self) -> NotebookFigure:
        words = self.numbers()["words"]
        return gallery_figure(self.tiles(), self.STYLES, 3, f"{self.title}: {words}", f"{self.title}. {words}", 10)
