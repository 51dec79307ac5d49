"""Repairing labels by a detector's word: what becomes of an image's labels where one of them is doubted with reason."""

import torch
from torch import Tensor

from teachkit.boxes import iou
from teachkit.scoring.label_issues import ABOUT, SURE, LabelIssue
from teachkit.structures import Detections

REMOVED = ("duplicate", "nothing there")


def repair(issue: LabelIssue, boxes: Tensor, labels: Tensor, seen: Detections) -> tuple[Tensor, Tensor] | None:
    """An image's boxes [n, 4] px and labels [n] with the issue mended as the detector would; None if it cannot say.

    A wrong class is renamed, a misplaced box moved, a missing label added, a duplicate and a label of nothing removed.
    seen: the detections of that image, as `find_label_issues` had them.
    """
    if issue.box is None:
        return None
    box = boxes.new_tensor(issue.box)
    mine = (boxes == box).all(-1)
    if issue.kind in REMOVED:
        return boxes[~mine], labels[~mine]
    told = _told(issue, box, seen)
    if told is None:
        return None
    new_box, label = seen.boxes[told].to(boxes), int(seen.labels[told])
    match issue.kind:
        case "wrong class":
            return boxes, torch.where(mine, label, labels)
        case "misplaced":
            return torch.where(mine[:, None], new_box, boxes), labels
        case "not labelled":
            return torch.cat([boxes, new_box[None]]), torch.cat([labels, labels.new_tensor([label])])
    return None


def _told(issue: LabelIssue, box: Tensor, seen: Detections) -> int | None:
    """The place of the surest detection about the box: it is the one that contradicts the label."""
    overlaps = iou(seen.boxes.to(box), box)  # [d]
    about = overlaps >= (ABOUT if issue.kind == "misplaced" else SURE)
    if not about.any():
        return None
    return int(torch.where(about, seen.scores, -1).argmax())
