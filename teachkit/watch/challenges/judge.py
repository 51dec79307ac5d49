"""Twelve suspected labels, one by one: a student judges, a machine has judged, and the truth is known."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from teachkit.boxes import iou
from teachkit.errors import UserError
from teachkit.scoring import LabelIssue, find_label_issues
from teachkit.structures import Batch
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.examined import examine
from teachkit.watch.widgets.gallery import Gallery, Outline, Style, Tile, gallery_figure

SUSPECTS = 12
WRONG, FINE = "w", "f"
LOW = 0.05  # score from which a detection says anything about a label
DOUBTED = 0.5  # doubt from which the machine's verdict is "wrong"
SAME = 0.5  # IoU with a true object from which a box is about it


class JudgePlayground(Gallery):
    """data: pictures with labels to be judged; truth: the same pictures with the right ones; model: a Detector.

    The suspects are those of `scoring.find_label_issues`, half of them really wrong where there are enough of each.
    The machine takes a label for wrong from a doubt of 0.5 on. UserError if the pictures differ or none is suspicious.
    """

    _esm = front_end("challenges/judge.js")
    _css = front_end("widgets/gallery.css")
    title = "Judge twelve suspects"
    words = "Twelve suspected labels: run the notebook to judge them against the machine"
    columns = 2
    STYLES: ClassVar[dict[str, Style]] = {
        "suspect": Style("#F0E442"),
        "true object": Style("#D55E00", (8, 4)),
        "other label": Style("#FFFFFF", (2, 3)),
    }

    def __init__(self, data: Iterable[Batch], truth: Iterable[Batch], model: Any) -> None:
        self.seen, self.right = examine(data, model), examine(truth)
        if self.seen.names != self.right.names:
            raise UserError("the labels to judge and the right ones must be of the same pictures in the same order")
        self.suspects = self._suspects()
        if not self.suspects:
            raise UserError("no label of these pictures looks suspicious")
        self.levers = {"verdicts": self._verdicts}
        super().__init__(verdicts="")

    def judge(self, verdict: str) -> str:
        """Judges the next suspect, as a button does: "w" for wrong, "f" for fine → what it really is."""
        self.set(verdicts=self.values["verdicts"] + verdict)
        return self.numbers()["said"]

    def is_wrong(self, issue: LabelIssue) -> bool:
        """Whether the label is really wrong or missing."""
        boxes, labels = self.right.boxes[issue.image], self.right.labels[issue.image]
        there = iou(torch.tensor(issue.box), boxes) >= SAME
        if issue.kind == "not labelled":
            return bool(there.any())
        return not bool((there & (labels == self._label(issue))).any())

    def scores(self) -> tuple[int, int, int]:
        """Of the suspects judged so far: how many the student has right, how many the machine, and their number."""
        verdicts = self.values["verdicts"]
        judged = list(zip(verdicts, self.suspects, strict=False))
        student = sum((verdict == WRONG) == self.is_wrong(one) for verdict, one in judged)
        machine = sum(bool(one.doubt >= DOUBTED) == self.is_wrong(one) for _, one in judged)
        return student, machine, len(verdicts)

    def tiles(self) -> list[Tile]:
        """The suspect to be judged, and the one judged last with its true objects."""
        done = len(self.values["verdicts"])
        now = [self._tile(done, False)] if done < len(self.suspects) else []
        return now + ([self._tile(done - 1, True)] if done else [])

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content, buffers = super().setup()
        return content | {"count": len(self.suspects)}, buffers

    def numbers(self) -> dict[str, Any]:
        """said: about the last one judged; asked: about the next one. The truth is told of judged ones alone."""
        student, machine, done = self.scores()
        asked = "" if done == len(self.suspects) else f"{done + 1}. {self._asked(self.suspects[done])}"
        said = self._said(done - 1) if done else ""
        return {
            "done": done,
            "student": student,
            "machine": machine,
            "asked": asked,
            "said": said,
            "words": " ".join(part for part in (said, asked) if part),
        }

    def figure(self) -> NotebookFigure:
        told = f"{self.title}: {self.numbers()['words']}"
        return gallery_figure(self.tiles(), self.STYLES, self.columns, told, told, 7)

    def _suspects(self) -> list[LabelIssue]:
        view = [one.take(one.scores >= LOW) for one in self.seen.detections or []]
        issues = find_label_issues(self.seen.boxes, self.seen.labels, self.seen.classes, view)
        issues = [one for one in issues if one.box is not None]
        wrong = _kinds_by_turns([one for one in issues if self.is_wrong(one)])
        fine = _kinds_by_turns([one for one in issues if not self.is_wrong(one)])
        half = max(SUSPECTS // 2, SUSPECTS - len(fine))
        chosen = wrong[:half] + fine[: SUSPECTS - min(half, len(wrong))]
        mixed = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(len(chosen)))
        return [chosen[place] for place in mixed.tolist()]

    def _label(self, issue: LabelIssue) -> int:
        """The label that is given to a suspect's box."""
        overlaps = iou(torch.tensor(issue.box), self.seen.boxes[issue.image])
        return int(self.seen.labels[issue.image][overlaps.argmax()])

    def _asked(self, issue: LabelIssue) -> str:
        if issue.kind == "not labelled":
            return "Nothing is labelled in the yellow box. Is that right?"
        return f"The yellow box is labelled {self.seen.classes[self._label(issue)]}. Is that right?"

    def _said(self, place: int) -> str:
        issue = self.suspects[place]
        wrong, machine = self.is_wrong(issue), issue.doubt >= DOUBTED
        told = {True: "right ✓", False: "not right ✗"}
        yours = (self.values["verdicts"][place] == WRONG) == wrong
        return (
            f"{place + 1} is {'wrong' if wrong else 'fine'}. You: {told[yours]}. "
            f"The machine: {told[machine == wrong]}; it has a doubt of {issue.doubt:.2f}: {issue.why}."
        )

    def _tile(self, place: int, judged: bool) -> Tile:
        issue = self.suspects[place]
        name = "no label" if issue.kind == "not labelled" else self.seen.classes[self._label(issue)]
        others = [] if judged else self._outlines(self.seen, "other label", False)(issue)
        truths = self._outlines(self.right, "true object", True)(issue) if judged else []
        outlines = [*others, *truths, Outline(issue.box or (), "suspect", "" if judged else f"{name}?", True)]
        caption = f"{place + 1} of {len(self.suspects)}" + (", as it really is" if judged else "")
        return Tile((place, judged), self.seen.images[issue.image], caption, outlines)

    @staticmethod
    def _outlines(seen: Any, style: str, strong: bool) -> Any:
        def outlines(issue: LabelIssue) -> list[Outline]:
            names = [seen.classes[label] for label in seen.labels[issue.image].tolist()]
            pairs = zip(seen.boxes[issue.image].tolist(), names, strict=True)
            return [Outline(box, style, name, strong) for box, name in pairs]

        return outlines

    def _verdicts(self, value: Any) -> str:
        if not isinstance(value, str) or set(value) - {WRONG, FINE} or len(value) > len(self.suspects):
            raise UserError(f"verdicts are letters, w for wrong and f for fine, at most {len(self.suspects)} of them")
        return value


def _kinds_by_turns(issues: list[LabelIssue]) -> list[LabelIssue]:
    """The most doubtful of each kind, then the second of each, and so on."""
    rank = {id(one): [other for other in issues if other.kind == one.kind].index(one) for one in issues}
    return sorted(issues, key=lambda one: rank[id(one)])
