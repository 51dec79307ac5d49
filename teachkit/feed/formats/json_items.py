"""JSON with the line at which each item of its top-level lists starts, which json.loads does not keep."""

import json
import re
from json.decoder import JSONDecodeError
from typing import Any

BLANKS = re.compile(r"[ \t\n\r]*")


class Twice(dict[str, Any]):
    """An object in which the same key stands twice; .key says which. json.loads would keep the last without a word."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.key = next(name for place, name in enumerate(names) if name in names[:place])


def _as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    return items if len(items) == len(pairs) else Twice(pairs)


def read_items(text: str) -> dict[str, list[tuple[int, Any]]]:
    """The lists in a JSON object: key → (line from 1, item) pairs.

    JSONDecodeError if it is none, has a key twice, or something comes after it.
    """
    return _Reader(text).lists()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.line = 1  # of self.counted
        self.counted = 0
        self.decode = json.JSONDecoder(object_pairs_hook=_as_dict).raw_decode

    def lists(self) -> dict[str, list[tuple[int, Any]]]:
        found: dict[str, list[tuple[int, Any]]] = {}
        seen = set()
        self.expect("{")
        while not self.follows("}"):
            start = self.place
            key = self.value()
            if str(key) in seen:
                raise JSONDecodeError(f"{key!r:.40} stands here twice", self.text, start)
            seen.add(str(key))
            self.expect(":")
            if self.follows("["):
                found[str(key)] = self.items()
            else:
                self.value()
            if not self.follows(","):
                self.expect("}")
                break
        if self.place < len(self.text):
            raise JSONDecodeError("something comes after its end", self.text, self.place)
        return found

    def items(self) -> list[tuple[int, Any]]:
        items: list[tuple[int, Any]] = []
        while not self.follows("]"):
            self.line += self.text.count("\n", self.counted, self.place)
            self.counted = self.place
            items.append((self.line, self.value()))
            if not self.follows(","):
                self.expect("]")
                break
        return items

    def value(self) -> Any:
        try:
            value, self.place = self.decode(self.text, self.place)
        except JSONDecodeError:
            raise
        except ValueError:  # more digits than Python makes a number of
            raise JSONDecodeError("a number of some thousand digits", self.text, self.place) from None
        self.skip_blanks()
        return value

    def follows(self, sign: str) -> bool:
        """Steps over the sign, and the blanks about it, if it comes next."""
        self.skip_blanks()
        if self.text[self.place : self.place + 1] != sign:
            return False
        self.place += 1
        self.skip_blanks()
        return True

    def expect(self, sign: str) -> None:
        if not self.follows(sign):
            raise JSONDecodeError(f"expected {sign!r}", self.text, self.place)

    def skip_blanks(self) -> None:
        blanks = BLANKS.match(self.text, self.place)
        self.place = blanks.end() if blanks else self.place
