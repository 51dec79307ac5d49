"""Pascal VOC: one XML a picture, boxes xmin ymin xmax ymax in pixels, taken as they stand.

Annotations/*.xml with JPEGImages/ and ImageSets/Main/<split>.txt; or XML and pictures side by side, in one folder or in
one for each split. Everingham and Winn 2010, VOC2010 Development Kit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import SPLITS, Contents, Entry, class_list, is_picture, read_text, same_split
from teachkit.feed.formats.voc_xml import read_xml

PICTURE_FOLDERS = ("JPEGImages", "images", "Images")
LISTS = (PurePosixPath("ImageSets/Main"), PurePosixPath("ImageSets"))  # some leave Main out


def read(folder: Path, files: Mapping[PurePosixPath, Path]) -> Contents | None:
    """All that the folder says; None where it is no VOC folder. files: by their names relative to the folder."""
    labels = {name: path for name, path in files.items() if name.suffix.lower() == ".xml"}
    if not any("<annotation" in read_text(path)[:1000] for path in labels.values()):
        return None
    contents = Contents()
    if any(name.parts[0] == "Annotations" for name in labels):
        _read_devkit(folder, files, contents)
    elif not _read_side_by_side(files, contents):
        return None
    seen = {str(row.key) for entries in contents.splits.values() for entry in entries for row in entry.rows}
    contents.classes = class_list(folder, "classes.txt") or sorted(seen)
    contents.labels = {name: label for label, name in enumerate(contents.classes)}
    contents.valid = ", ".join(repr(name) for name in contents.classes)
    return contents


class _Pairs:
    """Pictures and label files that share a stem; each label file is read once, whichever splits name it."""

    def __init__(self, pictures: Mapping[str, Path], labels: Mapping[str, Path]) -> None:
        self.pictures, self.labels = pictures, labels
        self._entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.pictures.keys() | self.labels.keys()))

    def entries(self, stems: Iterable[str]) -> tuple[list[Entry], list[Problem]]:
        """An entry for each pair, and a problem for each that stands alone."""
        entries: list[Entry] = []
        problems: list[Problem] = []
        for stem in stems:
            picture, label_file = self.pictures.get(stem), self.labels.get(stem)
            if picture and label_file:
                if stem not in self._entries:
                    self._entries[stem] = read_xml(label_file, picture)
                entries.append(self._entries[stem])
            elif picture:
                what = "picture without a label file; left out (one without objects has an XML without <object>)"
                problems.append(Problem(str(picture), 1, what))
            else:
                problems.append(Problem(str(label_file), 1, "label file without a picture; left out"))
        return entries, problems


def _read_devkit(folder: Path, files: Mapping[PurePosixPath, Path], contents: Contents) -> None:
    home = next((name for name in PICTURE_FOLDERS if (folder / name).is_dir()), None)
    in_home = {name: path for name, path in files.items() if is_picture(name) and home in (name.parts[0], None)}
    in_annotations = {name: path for name, path in files.items() if name.parts[0] == "Annotations"}
    pairs = _Pairs(
        _by_stem(in_home, contents.problems[""]),
        {_stem(name): path for name, path in in_annotations.items() if name.suffix.lower() == ".xml"},
    )
    listed: set[str] = set()
    for name, path in files.items():
        if name.parent in LISTS and name.suffix == ".txt" and not _is_list_of_one_class(path, pairs):
            stems, problems = _listed(path, pairs)
            listed.update(stems)
            contents.splits[name.stem], more = pairs.entries(stems)
            contents.problems[name.stem] = problems + more
    rest, problems = pairs.entries(stem for stem in pairs if stem not in listed)
    contents.problems[""] += problems
    if not contents.splits:
        contents.splits[""] = rest
    if list(contents.splits) == ["default"]:  # CVAT's name for what was not divided
        contents.splits = {"": contents.splits["default"]}
        contents.problems[""] += contents.problems.pop("default")


def _by_stem(pictures: Mapping[PurePosixPath, Path], problems: list[Problem]) -> dict[str, Path]:
    """The first of the pictures that only their suffixes tell apart: one label file cannot be for both."""
    first: dict[str, Path] = {}
    for name, path in pictures.items():
        if first.setdefault(_stem(name), path) != path:
            what = f"shares its label file with {first[_stem(name)].name}; left out"
            problems.append(Problem(str(path), 1, what))
    return first


def _stem(name: PurePosixPath) -> str:
    """Annotations/a/b.xml and JPEGImages/a/b.jpg are both a/b; a file at the top keeps its name."""
    return str(PurePosixPath(*name.parts[1:] or name.parts).with_suffix(""))


def _is_list_of_one_class(path: Path, pairs: _Pairs) -> bool:
    """As aeroplane_train.txt: a second column that says 1, 0 or −1 of each picture."""
    lines = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    marked = (re.fullmatch(r"\S+\s+(1|0|-1)", line) and line not in pairs.pictures for line in lines)
    return bool(lines) and all(marked)


def _listed(path: Path, pairs: _Pairs) -> tuple[list[str], list[Problem]]:
    """The stems that a split's list names, each once, and what is wrong with the list."""
    first_line: dict[str, int] = {}
    problems: list[Problem] = []
    for place, line in enumerate(read_text(path).split("\n"), 1):
        stem = line.strip()
        if is_picture(PurePosixPath(stem)) and stem not in pairs.pictures:
            stem = str(PurePosixPath(stem).with_suffix(""))  # some lists keep the suffix
        if stem in first_line:
            problems.append(Problem(str(path), place, f"names {stem!r} again, as line {first_line[stem]}; left out"))
        elif stem and stem not in pairs.pictures:
            problems.append(Problem(str(path), place, f"there is no picture {stem!r}; left out"))
        elif stem:
            first_line[stem] = place
    return list(first_line), problems


def _read_side_by_side(files: Mapping[PurePosixPath, Path], contents: Contents) -> bool:
    """False where no picture has its label file beside it."""
    found: dict[str, dict[PurePosixPath, Path]] = {}
    for name, path in files.items():
        if is_picture(name) or name.suffix.lower() == ".xml":
            top = name.parts[0] if len(name.parts) > 1 and same_split(name.parts[0]) in SPLITS else ""
            found.setdefault(top, {})[name] = path
    if len(found) > 1:
        strays = found.pop("", {}).values()
        contents.problems[""] += [Problem(str(path), 1, "outside the splits' folders; left out") for path in strays]
    for split, its_files in found.items():
        pictures = {name: path for name, path in its_files.items() if is_picture(name)}
        problems = contents.problems.setdefault(split, [])
        pairs = _Pairs(
            _by_stem(pictures, problems),
            {_stem(name): path for name, path in its_files.items() if name not in pictures},
        )
        contents.splits[split], more = pairs.entries(pairs)
        problems += more
    return any(contents.splits.values())
