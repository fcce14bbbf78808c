"""How Sphinx builds the site: ``make docs``."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

os.environ.setdefault("KERAS_BACKEND", "torch")

import multiloss

project = "multiloss"
author = "the authors of multiloss"
project_copyright = author
version = release = multiloss.__version__
html_title = f"multiloss {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "formulas",
    "links",
    "numpydoc",
    "tables",
]
exclude_patterns = [
    "_build",
    "executed/index.rst",
    "executed/sg_execution_times.rst",
    "sg_execution_times.rst",
    "tutorials",
]
nitpicky = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
highlight_language = "python"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
html_math_renderer = "mathml"

html_theme = "furo"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["filter.js"]
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "executed",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 10**6,  # seconds; a page says no times
    "show_signature": False,
}
