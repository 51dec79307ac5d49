"""What Sphinx lacks for these pages: formulas as MathML, the notebooks' own anchors, and places for what is alive.

TEACHKIT_GITHUB=OWNER/NAME/blob/BRANCH makes the button of each lesson open the notebook in Colab; without it the
button hands over the notebook itself.
"""

import json
import os
import re
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

from teachkit.page import lessons

# Commands that docutils does not know, and what it knows instead.
OTHER_NAMES = [(r"\\[Bb]igg?[lr]?(?![a-zA-Z])", ""), (r"\\dots(?![a-zA-Z])", r"\\ldots"), ("·", r"\\cdot ")]


def heading_anchor(title):
    """As JupyterLab makes them, so that a link works there and here."""
    return re.sub(r"\s", "-", title.strip())


def mathml(formula, display):
    """A formula that the browser sets by itself; ValueError, and so no site, for one that docutils cannot read."""
    for pattern, known in OTHER_NAMES:
        formula = re.sub(pattern, known, formula)
    try:
        return tex2mathml(formula, as_block=display)
    except MathError as error:
        raise ValueError(f"no MathML for {formula!r}: {error}") from error


def inline_math(writer, node):
    writer.body.append(mathml(node.astext(), display=False))
    raise SkipNode


def block_math(writer, node):
    writer.body.append(f'<div class="formula">{mathml(node.astext(), display=True)}</div>')
    raise SkipNode


def place_what_is_alive(app, doctree):
    """Below each cell that comes alive a place with all that it needs; below the title what runs here, and a button."""
    name = app.env.docname
    path = Path(app.env.doc2path(name))
    if path.suffix != ".ipynb" or "/" in name:
        return
    here = lessons.alive_in(path)
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") == "cell_code" and (one := here.get(cell["cell_index"])):
            # with the outputs, where there are any: what a prediction folds away is folded away alive, too
            last = cell.children[-1]
            place = last if last.get("nb_element") == "cell_code_output" else cell
            place += raw(place_of(one))
    titles = [node for node in doctree.findall(nodes.title) if isinstance(node.parent, nodes.section)]
    if titles:
        titles[0].parent.insert(1, raw(banner(name, list(here.values()))))


def place_of(one):
    if one["kind"] == "live":
        links = (f'<a href="live.html?{escape(query)}">{escape(words)}</a>' for words, query in one["runs"])
        return f'<p class="tk-code">The same setting, live in this browser: {", ".join(links)}.</p>'
    if one["kind"] == "code":
        return f'<p class="tk-code">“{escape(one["name"])}” asks you to write code: the notebook checks it.</p>'
    return f'<div class="tk-here" data-here="{escape(json.dumps(one, ensure_ascii=False))}"></div>'


def raw(html):
    return nodes.raw("", html, format="html")


def banner(name, here):
    about = json.dumps({"number": name[:2], "exercises": lessons.exercises()}, ensure_ascii=False)
    told = lessons.told(here, name[:2])
    runs = f"<p data-alive hidden>In this page: {escape(told)}.</p>" if told else ""
    data = f' data-lesson="{escape(about)}"' if told else ""
    return f"""<div class="tk-lesson"{data}>{runs}
<p>{escape(lessons.needs_notebook(here))} {button(name)}</p></div>"""


def button(name):
    """A link that opens the notebook."""
    if place := os.environ.get("TEACHKIT_GITHUB"):
        address = f"https://colab.research.google.com/github/{place}/notebooks/{name}.ipynb"
        return f'<a class="tk-open" href="{escape(address)}">Open in Colab</a>'
    return f'<a class="tk-open" href="_notebooks/{name}.ipynb" download>Download this notebook</a>'


# The search's own script asks for nothing else either; what is sent is the word that is looked for, to the site itself.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'"
)


def add_policy(app, name, template, context, doctree):
    context["metatags"] = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<link rel="icon" href="data:,">{context.get("metatags", "")}'
    )


def copy_notebooks(app, error):
    if error is None:
        (Path(app.outdir) / "_notebooks").mkdir(exist_ok=True)
        for notebook in Path(app.srcdir).glob("*.ipynb"):
            shutil.copy(notebook, Path(app.outdir) / "_notebooks")


def setup(app):
    app.connect("doctree-read", place_what_is_alive)
    app.connect("html-page-context", add_policy)
    app.connect("build-finished", copy_notebooks)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
