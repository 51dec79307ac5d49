"""Darknet's own files: obj.data with obj.names, and lists of pictures named as the splits, as CVAT writes them."""

import re

from teachkit.feed.formats.layout import SPLITS, same_split, stem
from teachkit.feed.formats.text import TextError, read_text
from teachkit.feed.formats.tree import Tree
from teachkit.feed.formats.yolo_sources import Settings
from teachkit.feed.pictures import SUFFIXES


def read_darknet(tree: Tree, given: str) -> Settings | None:
    """What the folder's *.data says, or the `given` one; else its train.txt and val.txt; None for neither."""
    at_the_top = [name for name in tree.names if "/" not in name]
    for name in [given] if given else [name for name in at_the_top if name.lower().endswith(".data")]:
        text = _text(tree, name)
        said = dict(re.findall(r"^[ \t]*(train|valid|val|test|names)[ \t]*=[ \t]*(\S.*?)[ \t\r]*$", text, re.MULTILINE))
        names = tree.find_place(said.pop("names", "obj.names"))
        if said:
            sources = {split: [source] for split, source in said.items()}
            return Settings(tree.path(name), text, sources, class_files=[names] if names in tree.names else [])
    lists = [name for name in at_the_top if name.lower().endswith(".txt") and same_split(stem(name)) in SPLITS]
    sources = {stem(name): [name] for name in lists if _lists_pictures(_text(tree, name))}
    return Settings(tree.path(lists[0]), "", sources) if sources else None


def _text(tree: Tree, name: str) -> str:
    try:
        return read_text(tree.path(name))
    except TextError:
        return ""


def _lists_pictures(text: str) -> bool:
    first = next((line.strip() for line in text.split("\n") if line.strip()), "")
    return first.lower().endswith(tuple(SUFFIXES))
