"""How an answer looks in a notebook: HTML there, plain text elsewhere. Made from the answer alone."""

import difflib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploylab.core import units
from deploylab.lessons.answers import Changes, Output, Page, Rebuilt, StageReady, WrittenFile
from deploylab.provision.checks import Check

HEAD, TAIL = 6, 14  # lines of a long output that stay in sight
# An exported notebook has the font of prose in an output's <pre>: the columns of `ls` and `ps` fall out of line.
COLUMNS = '<pre style="font-family:var(--jp-code-font-family,monospace)">'
CODE = re.compile(r"`([^`]+)`")
GREEN, RED = "#1a7f37", "#cf222e"


@dataclass(frozen=True)
class Shown:
    """Something to look at.

    Attributes:
        text: for a terminal.
        body: the same as HTML.
        label: "RECORDED …" where it did not happen here.
        answer: what it was made from.
        ok: whether all is well.
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
    """The mark of what was recorded elsewhere, as HTML; "" without a label."""
    return (f'<p style="margin:0 0 .4em"><strong style="background:#fff3c4;color:#5f4300;padding:.1em .5em;'
            f'border-radius:.3em">{html.escape(label)}</strong></p>') if label else ""


def checks(found: Sequence[Check], label: str = "", answer: Any = None) -> Shown:
    """Each check with what was seen; a 'no' with its cause and its cure."""
    rows, lines = [], []
    for one in found:
        word, colour = ("yes", GREEN) if one.ok else ("no", RED)
        more = "" if one.ok else f"<br>Cause: {_(one.cause)}<br>Cure: <code>{_(one.cure)}</code>"
        rows.append(f'<tr><td style="color:{colour};font-weight:600">{word}</td>'
                    f'<td style="text-align:left">{_(one.name)}: {_(one.seen)}{more}</td></tr>')
        lines.append(f"  {word:4} {one.name}: {one.seen}")
        lines += [] if one.ok else [f"       Cause: {one.cause}", f"       Cure: {one.cure}"]
    return Shown("\n".join(lines), f"<table>{''.join(rows)}</table>", label, answer, all(one.ok for one in found))


def goto(answer: StageReady, label: str = "") -> Shown:
    """What a converge changed, its checks, and where the site is."""
    changed = answer.changed
    said = "nothing had to change" if changed == 0 else f"{units.count(changed, 'thing')} changed"
    return _converged(f"{answer.stage}: {said}, in {units.seconds(answer.seconds)}", answer, label)


def rebuilt(answer: Rebuilt, label: str = "") -> Shown:
    """How long each part of a new machine took, its checks, and where the site is."""
    parts = ", ".join(f"{name} {units.seconds(seconds)}" for name, seconds in answer.took.items())
    return _converged(f"{answer.stage}: a new machine, {answer.changed} things done on it, in "
                      f"{units.seconds(answer.seconds)} ({parts})", answer, label)


def _converged(text: str, answer: StageReady, label: str) -> Shown:
    inside = checks(answer.checks)
    link = f'<a href="{_(answer.url)}" target="_blank">{_(answer.url)}</a>'
    n_ok = sum(one.ok for one in answer.checks)
    summary = f"{n_ok} of {len(answer.checks)} checks say yes"
    body = (f"<p><strong>{_(text)}</strong>. The site: {link}</p>"
            f"<details{'' if inside.ok else ' open'}><summary>{summary}</summary>{inside.body}</details>")
    return Shown(f"{text}. The site: {answer.url}\n{inside.text}", body, label, answer, inside.ok)


def output(answer: Output, label: str = "") -> Shown:
    """What a command on the machine printed, and how it ended. The middle of a long output is folded."""
    lines = answer.out.splitlines()
    end = f"exit {answer.status} after {units.seconds(answer.seconds)}"
    if answer.background:
        end = f"started in the background as {answer.background}"
    mark = f'<small style="color:{GREEN if answer.ok else RED}">{_(end)}</small>'
    return Shown("\n".join([*lines, f"[{end}]"]), _folded(lines) + mark, label, answer, answer.ok)


def running(lines: list[str]) -> Shown:
    """The last lines of a command that has not ended."""
    return Shown("\n".join(lines), f"<pre>{_(chr(10).join(lines[-TAIL:]))}</pre><small>running …</small>")


def written(answer: WrittenFile, label: str = "") -> Shown:
    """A file that was written, as the difference to what stood there."""
    before = (answer.before or "").splitlines()
    lines = list(difflib.unified_diff(before, answer.after.splitlines(), "before", "after", lineterm="", n=2))[2:]
    how = "new" if answer.before is None else "as it was" if not lines else "changed"
    colours = {"+": GREEN, "-": RED}
    body = "".join(f'<span style="color:{colours.get(line[0], "inherit")}">{_(line)}</span>\n' for line in lines)
    title = f"{answer.path}: {how}"
    if answer.before is None:
        return Shown(title, f"<code>{_(title)}</code>", label, answer)
    return Shown("\n".join([title, *lines]), f"<code>{_(title)}</code><pre>{body}</pre>", label, answer)


def changes(answer: Changes, label: str = "") -> Shown:
    """What differs on the machine, kind by kind."""
    found = answer.changes
    if not found:
        return Shown("Nothing changed.", "<p>Nothing changed.</p>", label, answer)
    parts = []
    for kind in dict.fromkeys(one.kind for one in found):
        mine = [one for one in found if one.kind == kind]
        items = "".join(f"<li><code>{_(one.sign)} {_(one.name)}</code></li>" for one in mine)
        parts.append(f"<details><summary>{_(kind)}: {len(mine)}</summary><ul>{items}</ul></details>")
    return Shown("\n".join(map(str, found)), "".join(parts), label, answer)


def site(answer: Page, title: str, label: str = "") -> Shown:
    """A plain link to a page of the site. Where it was recorded there is no site to show."""
    url = answer.url
    if label:
        return text(f"{title}: the site of the recording, {url}, is not there to be seen.", label, answer)
    link = f'<a href="{_(url)}" target="_blank">{_(url)}</a>'
    return Shown(f"{title}: {url}", f"<p>{_(title)}: {link}</p>", label, answer)


def text(said: str, label: str = "", answer: Any = None, ok: bool = True) -> Shown:
    """Plain words, paragraph by paragraph; what stands between backticks is code."""
    parts = [CODE.sub(r"<code>\1</code>", _(part)) for part in said.split("\n") if part]
    body = "".join(f"<p>{part}</p>" for part in parts)
    return Shown(said, body, label, answer, ok)


def _folded(lines: list[str]) -> str:
    if len(lines) <= HEAD + TAIL + 3:
        return f"<pre>{_(chr(10).join(lines))}</pre>" if lines else ""
    head, middle, tail = ("\n".join(part) for part in (lines[:HEAD], lines[HEAD:-TAIL], lines[-TAIL:]))
    return (f"<pre>{_(head)}</pre><details><summary>{len(lines) - HEAD - TAIL} more lines</summary>"
            f"<pre>{_(middle)}</pre></details><pre>{_(tail)}</pre>")


def _(text: Any) -> str:
    return html.escape(str(text))
