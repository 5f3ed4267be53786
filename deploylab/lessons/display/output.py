"""How a notebook shows an answer: HTML there, plain text elsewhere. It depends only on the answer."""

import difflib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploylab.core import units
from deploylab.lessons.answers import Changes, Output, Page, Rebuilt, StageReady, WrittenFile
from deploylab.provision.checks import Check

HEAD, TAIL = 6, 14  # lines of a long output that are not folded
# An exported notebook shows <pre> in the font of its text, so the columns of `ls` and `ps` would not line up.
COLUMNS = '<pre style="font-family:var(--jp-code-font-family,monospace)">'
CODE = re.compile(r"`([^`]+)`")
GREEN, RED = "#1a7f37", "#cf222e"
UNKNOWN_AUTHORITY = ("A browser warns about this page, because it does not know the lab's authority. "
                     "The end of guide VII says how to make it known, and how to take it away again.")


@dataclass(frozen=True)
class Shown:
    """What a cell shows.

    Attributes:
        text: as plain text, for a terminal.
        body: the same as HTML.
        label: "RECORDED …" if it comes from a recording.
        answer: the answer that is shown.
        ok: False if something failed.
    """

    text: str
    body: str
    label: str = ""
    answer: Any = field(default=None, repr=False)
    ok: bool = True

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{self.label}\n{self.text}" if self.label else self.text

    def _repr_html_(self) -> str:
        return f"<div>{badge(self.label)}{self.body.replace('<pre>', COLUMNS)}</div>"


def badge(label: str) -> str:
    """The mark on what comes from a recording, as HTML; "" without a label."""
    return (f'<p style="margin:0 0 .4em"><strong style="background:#fff3c4;color:#5f4300;padding:.1em .5em;'
            f'border-radius:.3em">{html.escape(label)}</strong></p>') if label else ""


def checks(results: Sequence[Check], label: str = "", answer: Any = None) -> Shown:
    """Each check with what it saw; a 'no' also with its cause and its cure."""
    rows, lines = [], []
    for check in results:
        word, colour = ("yes", GREEN) if check.ok else ("no", RED)
        more = "" if check.ok else f"<br>Cause: {_(check.cause)}<br>Cure: <code>{_(check.cure)}</code>"
        rows.append(f'<tr><td style="color:{colour};font-weight:600">{word}</td>'
                    f'<td style="text-align:left">{_(check.name)}: {_(check.seen)}{more}</td></tr>')
        lines.append(f"  {word:4} {check.name}: {check.seen}")
        lines += [] if check.ok else [f"       Cause: {check.cause}", f"       Cure: {check.cure}"]
    return Shown("\n".join(lines), f"<table>{''.join(rows)}</table>", label, answer,
                 all(check.ok for check in results))


def goto(answer: StageReady, label: str = "") -> Shown:
    """What setting up a stage changed, its checks, and the link to the site."""
    changed = answer.changed
    words = "nothing had to change" if changed == 0 else f"{units.count(changed, 'thing')} changed"
    return _stage(f"{answer.stage}: {words}, in {units.seconds(answer.seconds)}", answer, label)


def rebuilt(answer: Rebuilt, label: str = "") -> Shown:
    """How long each part of making a new machine took, its checks, and the link to the site."""
    parts = ", ".join(f"{name} {units.seconds(seconds)}" for name, seconds in answer.took.items())
    return _stage(f"{answer.stage}: a new machine, {answer.changed} things changed on it, in "
                  f"{units.seconds(answer.seconds)} ({parts})", answer, label)


def _stage(text: str, answer: StageReady, label: str) -> Shown:
    table = checks(answer.checks)
    link = f'<a href="{_(answer.url)}" target="_blank">{_(answer.url)}</a>'
    n_ok = sum(check.ok for check in answer.checks)
    summary = f"{n_ok} of {len(answer.checks)} checks say yes"
    body = (f"<p><strong>{_(text)}</strong>. The site: {link}</p>"
            f"<details{'' if table.ok else ' open'}><summary>{summary}</summary>{table.body}</details>")
    return Shown(f"{text}. The site: {answer.url}\n{table.text}", body, label, answer, table.ok)


def output(answer: Output, label: str = "") -> Shown:
    """What a command printed, and its exit status. The middle of a long output is folded."""
    lines = answer.out.splitlines()
    end = f"exit {answer.status} after {units.seconds(answer.seconds)}"
    if answer.background:
        end = f"started in the background as {answer.background}"
    mark = f'<small style="color:{GREEN if answer.ok else RED}">{_(end)}</small>'
    return Shown("\n".join([*lines, f"[{end}]"]), _folded(lines) + mark, label, answer, answer.ok)


def running(lines: list[str]) -> Shown:
    """The last lines of a command that is still running."""
    return Shown("\n".join(lines), f"<pre>{_(chr(10).join(lines[-TAIL:]))}</pre><small>running …</small>")


def written(answer: WrittenFile, label: str = "") -> Shown:
    """A file that was written, as the difference from the file before."""
    before = (answer.before or "").splitlines()
    lines = list(difflib.unified_diff(before, answer.after.splitlines(), "before", "after", lineterm="", n=2))[2:]
    how = "new" if answer.before is None else "unchanged" if not lines else "changed"
    colours = {"+": GREEN, "-": RED}
    body = "".join(f'<span style="color:{colours.get(line[0], "inherit")}">{_(line)}</span>\n' for line in lines)
    title = f"{answer.path}: {how}"
    if answer.before is None:
        return Shown(title, f"<code>{_(title)}</code>", label, answer)
    return Shown("\n".join([title, *lines]), f"<code>{_(title)}</code><pre>{body}</pre>", label, answer)


def changes(answer: Changes, label: str = "") -> Shown:
    """What changed on the machine, grouped by kind."""
    if not answer.changes:
        return Shown("Nothing changed.", "<p>Nothing changed.</p>", label, answer)
    parts = []
    for kind in dict.fromkeys(change.kind for change in answer.changes):
        group = [change for change in answer.changes if change.kind == kind]
        items = "".join(f"<li><code>{_(change.sign)} {_(change.name)}</code></li>" for change in group)
        parts.append(f"<details><summary>{_(kind)}: {len(group)}</summary><ul>{items}</ul></details>")
    return Shown("\n".join(map(str, answer.changes)), "".join(parts), label, answer)


def site(answer: Page, title: str, label: str = "") -> Shown:
    """A link to a page of the site; for a recording only the address, because that site is not running."""
    url = answer.url
    if label:
        return text(f"{title}: the site at {url} was recorded and cannot be opened here.", label, answer)
    link = f'<a href="{_(url)}" target="_blank">{_(url)}</a>'
    shown, body = f"{title}: {url}", f"<p>{_(title)}: {link}</p>"
    if answer.is_https:
        shown, body = f"{shown}\n{UNKNOWN_AUTHORITY}", f"{body}<p>{_(UNKNOWN_AUTHORITY)}</p>"
    return Shown(shown, body, label, answer)


def text(words: str, label: str = "", answer: Any = None, ok: bool = True) -> Shown:
    """Plain text; each line becomes a paragraph, and text between backticks becomes code."""
    parts = [CODE.sub(r"<code>\1</code>", _(part)) for part in words.split("\n") if part]
    body = "".join(f"<p>{part}</p>" for part in parts)
    return Shown(words, body, label, answer, ok)


def _folded(lines: list[str]) -> str:
    if len(lines) <= HEAD + TAIL + 3:
        return f"<pre>{_(chr(10).join(lines))}</pre>" if lines else ""
    head, middle, tail = ("\n".join(part) for part in (lines[:HEAD], lines[HEAD:-TAIL], lines[-TAIL:]))
    return (f"<pre>{_(head)}</pre><details><summary>{len(lines) - HEAD - TAIL} more lines</summary>"
            f"<pre>{_(middle)}</pre></details><pre>{_(tail)}</pre>")


def _(text: Any) -> str:
    return html.escape(str(text))
