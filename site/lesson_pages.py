"""What Sphinx lacks for pages that need nothing from elsewhere: formulas as MathML, and the notebooks' own anchors."""

import re

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

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


def setup(app):
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
