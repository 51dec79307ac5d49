"""Class names in figures: as they are written, in any script."""

import io
import warnings

import numpy as np
import pytest
import torch
from matplotlib import font_manager
from matplotlib.text import Text
from PIL import Image

from teachkit.structures import Detections
from teachkit.watch.figures import letters, plots

NAMES = ["$$", "a_b", "\\frac{$", "x^{", "犬", "🐱", "👩‍👦", "Größe", "\ue000"]


@pytest.mark.parametrize("count", [1, 12])
def test_no_name_is_parsed_and_none_is_an_empty_box(count: int) -> None:
    found = Detections(torch.tensor([[4.0, 20, 60, 60]]).repeat(count, 1), torch.ones(count), torch.arange(count) % 9)
    figure = plots.detection_grid(torch.zeros(1, 3, 64, 64), [found], NAMES, title="$$ 犬")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib tells of glyphs that are missing
        Image.open(io.BytesIO(figure.png())).verify()
    assert any("$$" in text.get_text() for text in figure.findobj(Text))


def test_names_of_ticks_are_written_so_too_whenever_the_figure_is_drawn() -> None:
    figure = plots.NotebookFigure(alt="")
    letters.name_ticks(figure.subplots().xaxis, NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure.png() == figure.png()
    assert "$$" in [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "U+E000" in [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_a_letter_that_no_font_has_is_its_code() -> None:
    assert letters.in_known_letters("cat \ue000") == ("cat U+E000", ())
    assert letters.in_known_letters("Größe") == ("Größe", ())


def test_a_font_of_the_machine_that_has_the_letter_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = font_manager.findfont(font_manager.FontProperties())
    other = next(font for font in font_manager.fontManager.ttflist if font.name != "DejaVu Sans")
    has = {usual: frozenset({97}), other.fname: frozenset({0x72AC})}
    monkeypatch.setattr(letters, "_letters_of", lambda file: has.get(file, frozenset()))
    for cached in (letters.in_known_letters, letters._family_with):
        cached.cache_clear()
    try:
        assert letters.in_known_letters("a犬猫") == ("a犬U+732B", (other.name,))
    finally:
        for cached in (letters.in_known_letters, letters._family_with):
            cached.cache_clear()


def test_the_formulas_of_a_logarithmic_axis_stay() -> None:
    figure = plots.NotebookFigure(figsize=(2, 2), alt="")
    axes = figure.add_subplot()
    axes.loglog([1, 1000], [1, 1000])
    figure.png()
    assert all(label.get_parse_math() for label in axes.get_xticklabels())
    assert np.asarray(axes.get_xlim()).min() > 0


def test_words_that_no_picture_is_wide_enough_for_are_cut():
    assert letters.in_known_letters("a" * 20_000) == ("a" * 1000 + "…", ())
