"""What the guides must tell: lessons and their minutes, routes, breaks, checks, messages, words.

Each question is a function that gives back what is wrong. It is asked of the guides as they are, and of a small text
that is wrong, to see it say so.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from guide_helpers import COURSE, guide, text_of

from deploylab.core import paths
from deploylab.provision import checks
from deploylab.results.record import ERRORS

# The words of the design, and those that it lists beside them.
WORDS = """host, guest, machine, stage, variant, contrast, converge, check, view, engine, load, run, round, pair,
latency, service time, throughput, concurrency, arrival rate, percentile, closed loop, open loop, worker, slot,
warm-up"""


# ------------------------------------------------------------------ the instructor

def minutes(text: str) -> dict[str, int]:
    """Lessons and their minutes, in the order of the table."""
    return {name: int(n) for name, n in re.findall(r"^\| `(\d\d_\w+)` \| (\d+) \|", text, re.MULTILINE)}


def test_the_instructor_has_every_lesson_with_its_minutes():
    assert list(minutes(guide("instructor")).items()) == [(one.name, one.minutes) for one in COURSE.lessons]


def test_other_minutes_are_seen():
    assert minutes("| `00_the_lab` | 16 | a |\n| `11_more` | 5 | b |\n| lesson | minutes |\n") == {
        "00_the_lab": 16, "11_more": 5}


def wrong_routes(text: str, routes) -> list[str]:
    """Routes that a page does not tell as the manifest has them: lessons in their order, the sum of their minutes."""
    told = {name: rest for name, rest in re.findall(r"^\*\*([\w-]+)\*\*: (.*?)\n\n", text, re.MULTILINE | re.DOTALL)}
    wrong = []
    for route in routes:
        said = told.get(route.name, "")
        total = sum(COURSE.lesson(name).minutes for name in route.lessons)
        if tuple(re.findall(r"`(\d\d_\w+)`", said)) != route.lessons or f"{total} minutes" not in said:
            wrong.append(route.name)
    return wrong


def test_the_instructor_has_every_route():
    assert {route.name for route in COURSE.routes} == {"half-day", "demo"}
    assert wrong_routes(guide("instructor"), COURSE.routes) == []


@pytest.mark.parametrize("said", [
    "**demo**: `00_the_lab`, 15 minutes.\n\n", "**demo**: `00_the_lab`, `10_compare`: 25 minutes.\n\n", "Nothing.\n\n"])
def test_a_route_that_is_told_wrongly_is_seen(said):
    demo = next(route for route in COURSE.routes if route.name == "demo")
    assert wrong_routes(said, [demo]) == ["demo"]
    assert wrong_routes("**demo**: `00_the_lab`, `10_compare`: 30 minutes.\n\n", [demo]) == []


# ------------------------------------------------------------------ troubleshooting, measuring

def untold_breaks(text: str) -> list[str]:
    """Breaks without a row of their own that has what a visitor says, and the check that finds it."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return [one.name for one in COURSE.breaks
            if not any(row[1:4] == [f"`{one.name}`", one.title, f"`{one.check}`"] for row in rows)]


def test_every_break_is_told():
    assert untold_breaks(guide("troubleshooting")) == []


def test_a_break_that_is_not_told_is_seen():
    text = guide("troubleshooting")
    assert untold_breaks(text.replace("502 Bad Gateway", "500")) == ["socket"]
    assert untold_breaks(text.replace("| `fresh` | nginx", "| `server` | nginx")) == ["stale"]


@pytest.mark.parametrize("check", checks.CHECKS)
def test_every_check_is_told(check):
    rows = [line.split("|")[1] for line in guide("troubleshooting").splitlines() if line.startswith("| `")]
    assert any(f"`{check}`" in row for row in rows)


@cache
def strings_of_the_package() -> str:
    """All texts in the package's code, one a line; what is filled in is a …, as in the guide."""
    found = []
    for path in [paths.ROOT / "lab", *(paths.ROOT / "deploylab").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(one.value if isinstance(one, ast.Constant) else "…" for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def unknown_messages(text: str, known: str) -> list[str]:
    """What a page says that the kit says (in italics, below *what you see*), and the kit does not. A … is anything."""
    cells = [line.split("|")[1] for table in re.findall(r"^\| what you see .*?\n\n", text, re.MULTILINE | re.DOTALL)
             for line in table.splitlines()[2:] if line.startswith("|")]
    said = [one for cell in cells for one in re.findall(r"\*([^*]+)\*", cell)]
    return [one for one in said if not all(part.strip() in known for part in one.split("…"))]


def test_every_message_is_one_of_the_kit():
    assert unknown_messages(guide("troubleshooting"), strings_of_the_package()) == []


def test_a_message_of_nobody_is_seen():
    text = ("| what you see | cure |\n|---|---|\n| *There is no stage '…'* | a |\n| *There is no stag '…'* | b |\n"
            "| by hand, *nobody ever says so* | c |\n\n| key | cure |\n|---|---|\n| *anything* | d |\n\n")
    assert unknown_messages(text, strings_of_the_package()) == ["There is no stag '…'", "nobody ever says so"]


def test_a_bad_day_says_what_the_kit_says():
    table = guide("troubleshooting").partition("| fault | ")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert rows
    said = "| what you see |\n|---|\n" + "".join(f"| {row[1]} |\n" for row in rows) + "\n"
    assert unknown_messages(said, strings_of_the_package()) == []


@pytest.mark.parametrize("outcome", ERRORS)
def test_every_outcome_of_a_request_is_told(outcome):
    assert f"`{outcome}`" in guide("measuring")


# ------------------------------------------------------------------ the glossary

def entries(text: str) -> dict[str, str]:
    """Each word of a glossary, in small letters, and what is said of it."""
    found = re.findall(r"^- \*\*(.+?)\*\*(.+?)(?=^- |^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return {word.lower(): said for words, said in found for word in words.split(", ")}


def homeless(text: str, folder: Path) -> list[str]:
    """Words that lead nowhere, or to a page that does not have them."""
    lost = []
    for word, said in entries(text).items():
        links = re.findall(r"\]\(([^)#]+)", said)
        stem = re.sub(r"(ing|ed|e|s|y)$", "", word)
        if "`Vagrantfile`" not in said and not any(stem in text_of(folder / link).lower() for link in links):
            lost.append(word)
    return lost


def test_the_glossary_has_the_words_of_the_design():
    assert {word.strip() for word in WORDS.split(",")} - entries(guide("glossary")).keys() == set()


def test_each_word_is_met_where_the_glossary_says():
    assert homeless(guide("glossary"), paths.ROOT / "guides") == []


def test_a_word_that_is_met_nowhere_is_seen():
    text = ("- **Port**: a number.\n  [00](../notebooks/00_the_lab.ipynb)\n"
            "- **Quince, pear**: a fruit. [I](guide_I.md)\n- **Slot**: no\n")
    assert entries(text).keys() == {"port", "quince", "pear", "slot"}
    assert homeless(text, paths.ROOT / "guides") == ["quince", "pear", "slot"]
