import pytest

from teachkit.watch.frontend.bundle import front_end


@pytest.fixture
def tree(tmp_path):
    """write({"name": "text", …}) → the folder."""

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refused(tree, files, entry="a.js"):
    with pytest.raises(ImportError) as caught:
        front_end(entry, tree(files))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_comes_once_and_after_what_it_imports(tree):
    base = 'import { base } from "./shared/base.js";\n'
    files = {
        "entry.js": 'import { a } from "./a.js";\nimport { b } from "./b.js";\nexport default a + b;\n',
        "a.js": f"{base}export const a = base;\n",
        "b.js": f"{base}export const b = base;\n",
        "shared/base.js": "export const base = 1;\n",
    }
    text = front_end("entry.js", tree(files))
    assert text.count("const base = 1;") == 1
    assert text.index("const base") < text.index("const a =") < text.index("const b =") < text.index("a + b")
    assert text.endswith('export default $modules["entry.js"].default;\n')
    assert "import" not in text


def test_an_import_may_take_several_lines(tree):
    files = {
        "a.js": 'import {\n  one,\n  two,\n} from "./b.js";\nexport default one + two;\n',
        "b.js": "export const one = 1;\nexport function two() {}\n",
    }
    assert "const { one, two } = " in front_end("a.js", tree(files))


def test_a_name_that_is_not_exported_is_refused_with_its_line(tree):
    files = {
        "a.js": '// a comment\nimport { one, two } from "./b.js";\n',
        "b.js": "export const one = 1;\nconst two = 2;\n",
    }
    assert refused(tree, files).endswith("a.js:2: b.js exports no two")


def test_a_file_that_is_not_there_is_refused_with_its_line(tree):
    assert "a.js:1: there is no file " in refused(tree, {"a.js": 'import { one } from "./b.js";\n'})


def test_a_file_outside_the_folder_is_refused(tree, tmp_path):
    files = {"in/a.js": 'import { one } from "../b.js";\n', "b.js": "export const one = 1;\n"}
    tree(files)
    with pytest.raises(ImportError, match=r"a\.js:1: there is no file .*b\.js below"):
        front_end("a.js", tmp_path / "in")


def test_files_that_import_each_other_are_refused(tree):
    files = {
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b.js": '\nimport { a } from "./a.js";\nexport const b = 1;\n',
    }
    assert refused(tree, files).endswith("b.js:2: a circle of imports: a.js → b.js → a.js")


@pytest.mark.parametrize(
    "line",
    [
        'import one from "./b.js";',
        'import * as all from "./b.js";',
        'import "./b.js";',
        'import { one } from "far-away";',
        "import { one } from './b.js';",
        'export * from "./b.js";',
        "export let one = 1;",
        "export { one };",
    ],
)
def test_any_other_form_of_import_and_export_is_refused(tree, line):
    known = 'import {\n  one,\n} from "./b.js";\n'
    text = refused(tree, {"a.js": f"{known}{line}\n", "b.js": "export const one = 1;\nexport default one;\n"})
    assert text.endswith(f"a.js:4: not understood by the loader: {line}")


def test_style_sheets_are_joined_by_their_imports(tree):
    files = {
        "a.css": '@import "./b.css";\n@import "./c.css";\n\n.a {}\n',
        "b.css": '@import "./c.css";\n\n.b {}\n',
        "c.css": ".c {}\n",
    }
    assert front_end("a.css", tree(files)) == ".c {}\n.b {}\n.a {}"
