"""One VOC label file. Read as a stream of events, because only there the parser tells at which line it is."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax
from defusedxml import DefusedXmlException

from teachkit.feed.examples import Problem
from teachkit.feed.formats.classes import LONGEST, spelt_out
from teachkit.feed.formats.entry import Entry, Row
from teachkit.feed.formats.segmentation import TURNED, around_turned, box_of, turned_on
from teachkit.feed.formats.text import LOST, TextError, decoded, number, read_bytes

SIDES = ("xmin", "ymin", "xmax", "ymax")
TURNED_SIDES = ("cx", "cy", "w", "h", "angle")
SIZE, OBJECT = "/annotation/size", "/annotation/object"
BOXES = {f"{OBJECT}/bndbox": "bndbox", f"{OBJECT}/robndbox": "robndbox"}
ATTRIBUTE = f"{OBJECT}/attributes/attribute"
# A person's <part>s in VOC 2007 have names and boxes of their own, deeper down: only whole paths count.
LEAVES = {
    f"{parent}/{leaf}": leaf
    for parent, leaves in (
        (SIZE, ("width", "height")),
        (OBJECT, ("name", "difficult")),
        (f"{OBJECT}/bndbox", SIDES),
        (f"{OBJECT}/robndbox", TURNED_SIDES),
    )
    for leaf in leaves
}
CORNER = re.compile(rf"{OBJECT}/polygon/(.*/)?[xy]\d*")
SAYS_ENCODING = re.compile(rb"""\s+encoding=(["'])([\w.:-]+)\1""")
DEEPEST = 50  # elements within each other; a millionfold nest would keep us busy for hours


def read_xml(label_file: Path, picture: Path) -> Entry:
    """The objects of one file. What cannot be read is named in .problems; entities and outside files are refused."""
    entry = Entry(picture, label_file)
    handler = _Objects(entry)
    try:
        content, entry.encoding = _in_utf_8(read_bytes(label_file))
        defusedxml.sax.parseString(content, handler)
        return entry
    except TextError as error:
        line, reason = 1, error.reason
    except SAXParseException as error:
        line, reason = error.getLineNumber() or 1, f"is not well-formed XML: {error.getMessage()}"
    except DefusedXmlException as error:
        line, reason = handler.line(), f"defines or loads something, which a label file has no need of: {error}"
    except (SAXException, ValueError, LookupError) as error:  # an encoding that is unknown, or not kept to
        line, reason = handler.line(), f"cannot be read as XML: {error}"
    entry.readable = False
    entry.problems = [Problem(str(label_file), line, f"{reason}; picture left out")]
    return entry


def _in_utf_8(content: bytes) -> tuple[bytes, str]:
    """Old tools write names in their system's code page, and say nothing of it, or UTF-8, or what XML cannot know."""
    said = SAYS_ENCODING.search(content[:200])
    if content.isascii() or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content, ""
    text, encoding = decoded(content)
    if said:
        with suppress(LookupError, UnicodeError):  # else it is not kept to
            text, encoding = content.decode(said[2].decode()), ""
        text = text.replace(said[0].decode(), "", 1)
    return text.encode(errors="replace"), encoding


class _Objects(ContentHandler):
    """Puts a row into the entry for each <object>, or a problem."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry
        self.line_number: Callable[[], int | None] = lambda: None
        self.path: list[str] = []  # of each open element, its own and all above it
        self.text: list[str] = []
        self.start = 1  # line of the element opened last
        self.found: dict[str, tuple[int, str]] = {}  # leaf of the object, or of the size → line, text
        self.polygon: list[str] = []  # x, y, x, y …
        self.attribute = self.rotation = ""  # CVAT's: the name of the one that is open; degrees
        self.twice = ""  # what the object has a second time
        self.object_line = self.box_line = 1

    def line(self) -> int:
        return self.line_number() or 1

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 (the name is SAX's)
        self.line_number = locator.getLineNumber

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        path = f"{self.path[-1] if self.path else ''}/{name}"[:LONGEST]  # none that counts is as long
        self.path.append(path)
        if len(self.path) > DEEPEST:
            raise ValueError(f"elements lie more than {DEEPEST} deep in each other")
        if len(self.path) == 1 and name != "annotation":
            raise ValueError(f"it begins with <{name:.40}>, not <annotation>")
        self.text = [*self.text, f"<{name}>"] if path.rpartition("/")[0] in LEAVES else []
        self.start = self.line_number() or 1
        if path in LEAVES:
            return
        if path in (OBJECT, SIZE):
            self.found.clear()
            self.polygon.clear()
            self.twice = self.attribute = self.rotation = ""
            self.object_line = self.box_line = self.start
        elif path in BOXES:
            self.twice = self.twice or (name if name in self.found else "")
            self.found[name] = (self.start, "")
            self.box_line = self.start

    def characters(self, content: str) -> None:
        self.text.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        path = self.path.pop()
        if path in LEAVES:
            if name in self.found:
                self.twice = self.twice or name
            self.found[name] = (self.start, "".join(self.text).strip())
        elif path == OBJECT:
            self.end_object()
        elif path == SIZE:
            self.end_size()
        elif CORNER.fullmatch(path):
            self.polygon.append("".join(self.text))
        elif path == f"{ATTRIBUTE}/{name}":
            self.end_of_attribute(name, "".join(self.text).strip())

    def end_size(self) -> None:
        height, width = (number(self.found.get(side, (1, ""))[1]) for side in ("height", "width"))
        if twice := self.twice or ("size" if self.entry.size else ""):
            what = f"<{twice}> stands here twice; boxes are taken as they stand"
            self.entry.problems.append(Problem(str(self.entry.label_file), self.object_line, what))
        if height and width:  # some tools write 0 where they did not know
            self.entry.size = (int(height), int(width))
            self.entry.size_line = self.found["width"][0]

    def end_object(self) -> None:
        name = spelt_out(self.found.get("name", (1, ""))[1])
        if LOST in name:
            return self.refuse(self.object_line, f"<name> {name[:20]!r} is in no encoding known here; save it as UTF-8")
        if not name or len(name) > LONGEST:
            what = f"object has a <name> of {len(name):,} letters" if name else "object has no <name>"
            return self.refuse(self.object_line, what)
        if self.twice:
            return self.refuse(self.box_line, f"object has <{self.twice}> twice")
        if self.rotation and number(self.rotation) is None:
            return self.refuse(self.box_line, f"rotation is {self.rotation!r:.80}, not a number")
        box, made_from = box_of([self.polygon]) if "bndbox" not in self.found else None, "polygons"
        if box is None and "robndbox" in self.found:  # roLabelImg's
            turned = self.numbers(TURNED_SIDES)
            box, made_from = around_turned(*turned) if turned else None, TURNED
        elif box is None and (sides := self.numbers(SIDES)):
            box, made_from = turned_on(
                (sides[0], sides[1], sides[2], sides[3]), number(self.rotation) if self.rotation else None
            )
        if box:
            difficult = self.found.get("difficult", (1, ""))[1].lower() in ("1", "true")
            self.entry.rows.append(Row(self.box_line, name, box, made_from=made_from, difficult=difficult))
        return None

    def numbers(self, leaves: Sequence[str]) -> list[float]:
        """What these leaves hold; [] and a problem if one is no number."""
        values: list[float] = []
        for leaf in leaves:
            line, text = self.found.get(leaf, (self.box_line, ""))
            if (value := number(text)) is None:
                self.refuse(line, f"{leaf} is {text!r:.80}, not a number" if text else f"object has no <{leaf}>")
                return []
            values.append(value)
        return values

    def end_of_attribute(self, leaf: str, text: str) -> None:
        if leaf == "name":
            self.attribute = text
        elif leaf == "value" and self.attribute == "rotation":
            self.twice = self.twice or ("rotation" if self.rotation else "")
            self.rotation = text

    def refuse(self, line: int, what: str) -> None:
        self.entry.problems.append(Problem(str(self.entry.label_file), line, f"{what}; object left out"))
