"""How Sphinx makes the site. `./lab site` lays out the folder that it reads; `-D language=es` makes it Spanish."""

import re

from docutils import nodes
from ipython_pygments_lexers import IPython3Lexer
from pygments.lexer import bygroups, using
from pygments.lexers import BashLexer
from pygments.token import Keyword, Operator, Text
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

project = html_title = "deploylab"
extensions = ["myst_nb"]
exclude_patterns = ["provisioning", "sample_app", "tests", "results", "slides", "deploylab", "**/README.md",
                    "notebooks/*/**"]
nitpicky = True
GUIDES = ("guide_", "experts", "measuring", "accuracy", "beyond_one_machine", "then_and_now", "references",
          "instructor", "troubleshooting", "glossary")

# The lessons come with their outputs.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}   # no widget is left in them, and two scripts from elsewhere stay away
myst_heading_anchors = 3

locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False
gettext_additional_targets = []  # what a program prints and what is typed is the same in every language
smartquotes = False              # quotes stay as they are written, in every language

html_theme = "furo"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_use_index = html_copy_source = html_show_sourcelink = html_show_copyright = False
html_sidebars = {"**": [f"sidebar/{part}.html" for part in (
    "brand", "search", "language", "scroll-start", "navigation", "scroll-end")]}
pygments_style, pygments_dark_style = "a11y-light", "github-dark"


class NotebookLexer(IPython3Lexer):
    """Python, and shell below `%%guest` and `%%host`."""

    tokens = {**IPython3Lexer.tokens, "root": [
        (r"(%%)((?:guest|host)\b[^\n]*\n)((?:.|\n)*)", bygroups(Operator, Keyword, using(BashLexer))),
        (r"(%%exercise[^\n]*\n)(%%)((?:guest|host)\b[^\n]*\n)((?:.|\n)*)",
         bygroups(Keyword, Operator, Keyword, using(BashLexer))),
        (r"(%%)(guestfile[^\n]*\n)((?:.|\n)*)", bygroups(Operator, Keyword, Text)),
        *IPython3Lexer.tokens["root"],
    ]}


class Measured(SphinxTransform):
    """What a program writes into a guide, between `<!-- table: python -m … -->` and `<!-- end of table -->`, is
    figures: the same in every language, and new at each measurement.
    """

    default_priority = 5  # before messages are taken out

    def apply(self, **kwargs) -> None:
        within = False
        for node in self.document.findall():
            if isinstance(node, nodes.raw) and node.astext().startswith("<!-- "):
                within = ": python -m " in node.astext()
            elif within and isinstance(node, nodes.TextElement):
                node["translatable"] = False


def other_language(app, page, template, context, doctree) -> None:
    """Every page knows the same page in the other language: English lies at the top, Spanish below it in `es/`."""
    there, name, up = ("es", "Español", "es/") if app.config.language == "en" else ("en", "English", "../")
    context["other"] = {"language": there, "name": name, "url": "../" * page.count("/") + f"{up}{page}.html"}


def in_order(app, doctree) -> None:
    """The guides in the order for reading; a guide that the order does not name comes last."""
    def place(page: str) -> int:
        return next((i for i, start in enumerate(GUIDES) if page.startswith(f"guides/{start}")), len(GUIDES))

    for toctree in doctree.findall(addnodes.toctree):
        toctree["entries"].sort(key=lambda entry: place(entry[1]))
        toctree["includefiles"].sort(key=place)


def on_the_machine(app, doctree) -> None:
    """Two files shown by their difference bear their paths on the machine, and not those where the site was made."""
    for block in doctree.findall(nodes.literal_block):
        if block.get("language") == "udiff":
            text = re.sub(r"^(---|\+\+\+) .*/provisioning/files/", r"\1 /", block.astext(), flags=re.MULTILINE)
            block.rawsource, block[:] = text, [nodes.Text(text)]


def setup(app) -> None:
    app.connect("doctree-read", on_the_machine)
    app.connect("doctree-read", in_order, priority=100)  # before Sphinx itself looks at them
    app.add_transform(Measured)
    app.add_lexer("ipython3", NotebookLexer)
    app.connect("html-page-context", other_language)
