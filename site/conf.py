"""The lessons as pages to read: no kernel, no network, nothing from elsewhere (`make site`)."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "teachkit"
author = "teachkit contributors"
copyright = "teachkit contributors, CC BY 4.0"
html_title = "teachkit: feed, punish, learn"
language = "en"

extensions = ["myst_nb", "lesson_pages"]
templates_path = [str(HERE / "templates")]
exclude_patterns = ["conftest.py", "**.ipynb_checkpoints", "__pycache__"]
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
myst_heading_slug_func = "lesson_pages.heading_anchor"
suppress_warnings = ["myst.header"]  # a lesson of two parts has two first-level headings

# A widget's page has no kernel: its still twin goes first, and text where there is no picture.
nb_execution_mode = "off"
nb_code_prompt_show = "Made your prediction? Show what happens"  # of cells with the tag hide-output
nb_code_prompt_hide = "Hide what happens"
nb_mime_priority_overrides = [
    *(("html", kind, 1) for kind in ("image/png", "image/jpeg")),
    ("html", "application/vnd.jupyter.widget-view+json", None),
]

html_theme = "alabaster"
html_theme_options = {"description": "Feed, punish, learn", "page_width": "62rem", "sidebar_width": "15rem"}
html_math_renderer = "mathml"
html_static_path = [str(HERE / "static")]
html_css_files = ["phone.css"]
html_copy_source = False
html_show_sphinx = False
