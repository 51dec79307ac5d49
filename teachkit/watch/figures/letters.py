"""Words in figures as they are written: never parsed as formulas, and no letter as an empty box.

A letter that the usual font lacks is drawn in a font of the machine that has it, else as its code.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from matplotlib import font_manager, rcParams
from matplotlib.axis import Axis
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

LONGEST = 1000  # letters; to lay out 20,000 takes seconds, and no picture is as wide
UNSEEN = ("Cf", "Mn", "Me")  # joiners and marks that mean nothing beside a code


def write_plainly(text: Text) -> None:
    """Once for each word; what is written anew later comes through here again."""
    text.set_parse_math(False)
    plain, families = in_known_letters(text.get_text())
    if plain != text.get_text():
        text.set_text(plain)
    if families:
        text.set_fontfamily([*_usual(), *families])


def name_ticks(axis: Axis, names: Sequence[str], **settings: Any) -> None:
    """Names at 0, 1, 2 …: matplotlib writes them anew whenever it draws, from what it was given here."""
    known = [in_known_letters(name) for name in names]
    families = dict.fromkeys(family for _, its in known for family in its)
    settings |= {"parse_math": False, "fontfamily": [*_usual(), *families]}
    axis.set_ticks(range(len(names)), [plain for plain, _ in known], **settings)


@lru_cache(maxsize=4096)
def in_known_letters(words: str) -> tuple[str, tuple[str, ...]]:
    """The words, what no font has as U+1F431; and the families that are needed beside the usual one."""
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}…"
    if words.isascii():
        return words, ()
    families: dict[str, None] = {}
    letters = []
    for letter in words:
        family = "" if letter.isspace() else _family_with(letter)
        if family is not None:
            families.update({family: None} if family else {})
            letters.append(letter)
        elif unicodedata.category(letter) not in UNSEEN:
            letters.append(f"U+{ord(letter):X}")
    return "".join(letters), tuple(families)


def _usual() -> list[str]:
    return [str(family) for family in rcParams["font.family"]]


@lru_cache(maxsize=4096)
def _family_with(letter: str) -> str | None:
    """ "" for the usual font, None if no font on this machine has the letter, or every font one of its own."""
    if unicodedata.category(letter) == "Co":
        return None
    if _has(font_manager.findfont(font_manager.FontProperties()), letter):
        return ""
    fonts = font_manager.fontManager.ttflist
    return next((font.name for font in fonts if _has(font.fname, letter)), None)


@lru_cache(maxsize=4096)
def _letters_of(file: str) -> frozenset[int]:
    """None of a font that cannot be opened, or that holds pictures in place of outlines."""
    try:
        font = FT2Font(file)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


def _has(file: str, letter: str) -> bool:
    return ord(letter) in _letters_of(file) and "LastResort" not in file
