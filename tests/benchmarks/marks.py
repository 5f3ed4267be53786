"""A part of a guide that a benchmark writes: what stands between two marks of its name."""

import argparse
from collections.abc import Callable
from pathlib import Path

from deploylab.core.errors import DeployLabError


def between_marks(text: str, new: str, name: str = "table") -> str:
    """A text with what stands between its two marks replaced.

    Args:
        name: of the marks, `<!-- NAME: … -->` and `<!-- end of NAME -->`.

    Raises:
        DeployLabError: it has not both of them.
    """
    begin, end = f"<!-- {name}:", f"<!-- end of {name} -->"
    before, mark, rest = text.partition(begin)
    line, newline, rest = rest.partition("\n")
    _, closing, after = rest.partition(end)
    if not (mark and closing):
        raise DeployLabError(f"The file has no lines '{begin} …' and '{end}'.", "put both where the table shall stand")
    return f"{before}{mark}{line}{newline}{new}\n{end}{after}"


def write(path: Path, new: str, name: str = "table") -> None:
    """Put a text between the marks of a file."""
    path.write_text(between_marks(path.read_text(encoding="utf-8"), new, name), encoding="utf-8")


def command(doc: str, table: Callable[[int], str], name: str, times: int, help_text: str) -> None:
    """The command line of a simulation: print its table, and with `--write` put it into a guide too.

    Args:
        doc: the docstring of its module.
        table: makes the table of so many simulations, in Markdown.
        name: of the marks.
        times, help_text: the default of `--times`, and what it counts.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--times", type=int, default=times, help=help_text)
    parser.add_argument("--write", type=Path, help="put the table into this file too, between its two marks")
    options = parser.parse_args()
    text = table(options.times)
    print(text)
    if options.write:
        write(options.write, text, name)
