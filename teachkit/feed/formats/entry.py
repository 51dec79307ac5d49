"""What a reader finds in a folder, before any picture is opened: pictures, their label files, and the rows in them."""

from dataclasses import dataclass, field
from pathlib import Path

from teachkit.errors import UserError
from teachkit.feed.examples import Problem
from teachkit.feed.formats.tree import Tree


@dataclass
class Row:
    """One object as its file has it. key: class name, number or id; box: xyxy, px or fractions as the Entry says.

    made_from: what the box encloses where the file has no box; difficult: neither found nor missed counts.
    """

    line: int
    key: int | str
    box: tuple[float, float, float, float]
    note: str = ""  # what finds it in a file of one long line
    made_from: str = ""
    difficult: bool = False


@dataclass
class Entry:
    """One picture and its rows. size: (height, width) px that the label file claims; None where it claims none.

    fractions: the boxes are in sides of the picture; readable: False where the label file gave nothing to rely on.
    """

    picture: Path
    label_file: Path
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    fractions: bool = False
    readable: bool = True
    size: tuple[int, int] | None = None
    size_line: int = 1
    encoding: str = ""  # of the label file, where it had to be found out


@dataclass
class Contents:
    """All of a folder. labels: key of a row → index into classes; valid: these keys in words.

    splits: name → entries, {"": …} where there are none; problems: of each split, under "" of the folder as a whole;
    notes: what was read otherwise than it might seem, in words; listed: the splits are from a file, not from folders.
    """

    form: str
    tree: Tree
    classes: list[str] = field(default_factory=list)
    labels: dict[int | str, int] = field(default_factory=dict)
    valid: str = ""
    splits: dict[str, list[Entry]] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=lambda: {"": []})
    notes: list[str] = field(default_factory=list)
    listed: bool = False


class BrokenFileError(UserError):
    """A file that the whole folder hangs on cannot be understood; .problem says where."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        self.problem = Problem(str(file), line, what)
        super().__init__(str(self.problem))
