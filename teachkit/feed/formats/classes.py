"""Names of classes: where exporters put them, one a line, and what may stand in one."""

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from teachkit.feed.formats.entry import BrokenFileError, Contents
from teachkit.feed.formats.text import LOST, TextError, decoded, guess_told, read_bytes
from teachkit.feed.formats.tree import Tree

CLASS_FILES = ("classes.txt", "obj.names", "_darknet.labels", "classes.names", "names.txt", "class_names.txt",
               "class.names", "coco.names", "voc.names", "predefined_classes.txt", "_classes.txt")  # fmt: skip
LONGEST = 200  # letters of a name


def class_files(tree: Tree, wanted: Sequence[str] = CLASS_FILES) -> list[str]:
    """Those that are there, in this order of kinds; nearest to the folder itself first."""
    found = {name: name.rpartition("/")[2].lower() for name in tree.names}
    named = [name for name, bare in found.items() if bare in wanted]
    if not named and "obj.names" in wanted:  # Darknet's may be called anything
        return sorted(name for name, bare in found.items() if bare.endswith(".names"))
    return sorted(named, key=lambda name: (name.count("/"), wanted.index(found[name]), name))


def classes_in(contents: Contents, names: Sequence[str], numbered: bool) -> list[str] | None:
    """Class names of these files; None where there is none.

    numbered: a blank line keeps the numbers of those behind it, its class being called by its own. BrokenFileError if
    a name stands twice, or two files contradict each other.
    """
    tree = contents.tree
    read = [(tree.path(name), _one_file(contents, tree.path(name), numbered)) for name in names]
    read = [(file, classes) for file, classes in read if classes]
    if not read:
        return None
    first, longest = max(read, key=lambda one: len(one[1]))
    for file, classes in read:
        for place, (name, other) in enumerate(zip(classes, longest, strict=False)):
            if name != other:
                what = f"class {place} is {name!r} here and {other!r} in {first}; make the two files one"
                raise BrokenFileError(file, place + 1, what)
    return longest


def _one_file(contents: Contents, file: Path, numbered: bool) -> list[str]:
    try:
        text, encoding = decoded(read_bytes(file))
    except TextError as error:
        raise BrokenFileError(file, 1, f"{error.reason}; it names the classes") from None
    if not encoding:
        raise BrokenFileError(file, 1, "is in no encoding known here; save it as UTF-8")
    lines = text.rstrip().split("\n")
    first_line: dict[str, int] = {}
    for place, line in enumerate(lines, 1):
        name = checked_name(line, file, place) or (str(place - 1) if numbered and text.strip() else "")
        if name in first_line:
            raise BrokenFileError(file, place, f"class {name!r} stands here twice; give each its own name")
        if name:
            first_line[name] = place
    contents.notes += guess_told(file, encoding, first_line)
    return list(first_line)


def checked_name(name: str, file: Path, line: int) -> str:
    """Without blanks at its ends, signs that would break a line spelt out. BrokenFileError if it is no name at all."""
    plain = spelt_out(name.strip())
    if LOST in plain:
        raise BrokenFileError(
            file, line, f"the class name {plain[:20]!r} is in no encoding known here; save it as UTF-8"
        )
    if len(plain) > LONGEST:
        what = f"a class with a name of {len(plain):,} letters, {plain[:20]!r} …; give it one of at most {LONGEST}"
        raise BrokenFileError(file, line, what)
    return plain


def spelt_out(name: str) -> str:
    """Control signs, line ends and half signs as their codes: no file, page or figure could hold them."""
    if name.isprintable():
        return name
    with suppress(UnicodeDecodeError):  # YAML leaves the two halves of a sign apart that JSON escapes so
        name = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    broken = ("Cc", "Cs", "Zl", "Zp")
    return "".join(repr(sign)[1:-1] if unicodedata.category(sign) in broken else sign for sign in name)
