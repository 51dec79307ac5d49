"""The loader of front ends: it follows the imports of ES modules, and those of style sheets.

A browser can load the files as they stand, over a server. A widget in a notebook and the page of a replay take one text
instead, in which nothing is left to fetch.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WATCH = Path(__file__).resolve().parents[1]

# What is understood of JavaScript and CSS; any other line that begins so is refused.
IMPORT = re.compile(r'^import \{([\w\s,]+)\} from "(\.[^"]+)";$|^@import "([^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:(?=(?:const|class|function|async function) (\w+))|default )", re.MULTILINE)
STATEMENT = re.compile(r"^(?:import|export|@import)\b.*", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One file. text: without its imports and exports; imports: line, names and path of each."""

    path: Path
    text: str
    imports: list[tuple[int, list[str], Path]]
    exports: list[str]

    def as_function(self, root: Path) -> str:
        """The module as the body of a function: no name can meet one of another file, and only the exports leave it."""
        taken = [f"const {{ {', '.join(names)} }} = {_key(path, root)};" for _, names, path in self.imports]
        given = ", ".join("default: $default" if name == "default" else name for name in self.exports)
        return "\n".join([f"{_key(self.path, root)} = (() => {{", *taken, self.text, f"return {{ {given} }};", "})();"])


@cache
def front_end(entry: str, root: Path = WATCH) -> str:
    """The file and all that it imports as one ES module or one style sheet, each file once, after what it needs.

    entry: path below `root`, such as "widgets/iou.js". ImportError, with file and line, if a file or a name is not
    there, if files import each other in a circle, or for a form of `import` and `export` other than those above.
    """
    sources: dict[Path, Source] = {}
    _collect(root / entry, root, sources, (), entry)
    if entry.endswith(".css"):
        return "\n".join(source.text for source in sources.values())
    lines = ["const $modules = {};", *(source.as_function(root) for source in sources.values())]
    if "default" in sources[root / entry].exports:
        lines.append(f"export default {_key(root / entry, root)}.default;")
    return "\n".join([*lines, ""])


def read_source(path: Path) -> Source:
    """ImportError for an import or an export that is not understood."""
    text = path.read_text(encoding="utf-8")
    imports = [
        (_line(text, found), re.findall(r"\w+", found[1] or ""), (path.parent / (found[2] or found[3])).resolve())
        for found in IMPORT.finditer(text)
    ]
    text = IMPORT.sub(lambda found: "\n" * found[0].count("\n"), text)  # the lines keep their numbers
    exports = [found[1] or "default" for found in EXPORT.finditer(text)]
    text = EXPORT.sub(lambda found: "" if found[1] else "const $default = ", text)
    if unknown := STATEMENT.search(text):
        raise ImportError(f"{path}:{_line(text, unknown)}: not understood by the loader: {unknown[0].strip()}")
    return Source(path, text.strip(), imports, exports)


def _collect(path: Path, root: Path, sources: dict[Path, Source], above: tuple[Path, ...], asked: str) -> None:
    """Depth first: what a file imports comes before it. above: the files on the way; asked: file and line."""
    if path in above:
        raise ImportError(f"{asked}: a circle of imports: {' → '.join(one.name for one in (*above, path))}")
    if path in sources:
        return
    if not path.is_file() or not path.is_relative_to(root):
        raise ImportError(f"{asked}: there is no file {path} below {root}")
    source = read_source(path)
    for line, names, target in source.imports:
        _collect(target, root, sources, (*above, path), f"{path}:{line}")
        if missing := set(names) - set(sources[target].exports):
            raise ImportError(f"{path}:{line}: {target.name} exports no {', '.join(sorted(missing))}")
    sources[path] = source


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def _key(path: Path, root: Path) -> str:
    return f'$modules["{path.relative_to(root).as_posix()}"]'
