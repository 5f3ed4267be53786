"""What the guides say is there: links, commands, files, contrasts.

Each question is a function that gives back what is wrong. It is asked of the guides as they are, and of a small text
that is wrong, to see it say so.
"""

import re
import shlex
from pathlib import Path

import pytest
from guide_helpers import COURSE, FENCE, NOTEBOOKS, PAGES, each_page, text_of
from typer.main import get_command

from deploylab import cli
from deploylab.bootstrap import completion
from deploylab.core import paths

NAMES_ANYTHING = r"STAGE|FILE|VARIANT|NAME|LESSON|COMMAND|SHELL|URL|MACHINE|A|B|…"


# ------------------------------------------------------------------ links

def anchors(text: str) -> set[str]:
    """The names by which headings are linked to: small letters, blanks as -, no signs but _ and -."""
    headings = re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, folder: Path) -> list[str]:
    """Links of a page that lead nowhere: to no file, or to no heading of it."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        path, _, anchor = link.partition("#")
        there = folder / path
        if re.match(r"https?:", link):
            continue
        if path and not there.exists() or anchor and anchor not in anchors(text_of(there) if path else text):
            broken.append(link)
    return broken


@each_page
def test_every_link_leads_somewhere(page):
    assert broken_links(text_of(page), page.parent) == []


def test_a_link_that_leads_nowhere_is_found():
    text = "# A & B's heading\n[good](guide_I.md) [own](#a--bs-heading) [none](guide_0.md) [no](guide_I.md#nowhere)\n"
    assert broken_links(text, paths.ROOT / "guides") == ["guide_0.md", "guide_I.md#nowhere"]


# ------------------------------------------------------------------ commands

def commands(text: str) -> list[list[str]]:
    """The words of each `./lab …` in a page's code, without what the shell takes for itself."""
    code = [*(block.group() for block in FENCE.finditer(text)), *re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    found = re.findall(r"\.{1,2}/lab\b([^\n#;&|>)]*)", "\n".join(code))
    return [words for one in found if (words := shlex.split(one.replace("'", " ").replace('"', " ")))]


def wrong_commands(text: str) -> list[str]:
    """Commands and options that the command line has not; stages, views and lessons that the course has not."""
    known, wrong = get_command(cli.with_commands()).commands, []
    for name, *words in commands(text):
        name = name.strip(".,")
        if re.fullmatch(rf"{NAMES_ANYTHING}|--help|-h|--version", name):
            continue
        if name not in known:
            wrong.append(name)
        elif not known[name].context_settings.get("ignore_unknown_options"):
            wrong += [f"{name} {one}" for one in _wrong_words(known[name], words)]
    return wrong


def _wrong_words(command, words: list[str]) -> list[str]:
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts) if name.startswith("-")}
    wrong, words = [], [*words]
    places = [one.name for one in command.params if one.param_type_name == "argument"]
    n_said = 0
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            name = word.partition("=")[0]
            if name not in options and name != "--help":
                wrong.append(word)
            elif name != "--help" and not options[name].is_flag and "=" not in word and words:
                value = words.pop(0)
                wrong += [value] if name in ("--view", "--b-view") and value not in COURSE.app.views else []
        elif places:
            place = places[min(n_said, len(places) - 1)]
            n_said += 1
            anything = re.fullmatch(rf"({NAMES_ANYTHING})(:({NAMES_ANYTHING}))?|\[.*|.*\]", word)
            if not (anything or place == "file" or _is_there(places, word)):  # a file has any name
                wrong.append(word)
    return wrong


def _is_there(places: list[str], word: str) -> bool:
    if "url" in places:
        return True
    if "shell" in places:
        return word in completion.SHELLS
    if set(places) & {"lesson", "lessons"}:
        return word in [one.name for one in COURSE.lessons]
    return word in [target.name for target in COURSE.all_targets]


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.name)
def test_every_command_is_one(page):
    assert wrong_commands(text_of(page)) == []


def test_a_command_that_is_none_is_found():
    text = ("`./lab goto nginx:sync` `./lab goto STAGE` `./lab COMMAND --help` `./lab gotto nginx` `./lab goto ngins`\n"
            "```console\n$ ./lab measure nginx --view wait -c 32  # why\n$ ../lab measure nginx --views wait; ls -a\n"
            "$ ./lab compare nginx:sync nginx --view waiting\n$ ./lab open 05_nginx\n$ ./lab test --fast -k a\n"
            "$ eval \"$(./lab completion bash)\"; ./lab completion tcsh\n"
            "$ ./lab backup nginx ../a.backup; ./lab restore a.backup --yes; ./lab backup nginks a.backup\n```\n")
    assert wrong_commands(text) == ["measure --views", "measure wait", "compare waiting", "open 05_nginx",
                                    "completion tcsh", "backup nginks", "gotto", "goto ngins"]


# ------------------------------------------------------------------ files, contrasts

def missing_paths(text: str) -> list[str]:
    """Paths in backticks that begin in a folder of the project, or are a file of its root, and are not there."""
    missing = []
    for word in re.findall(r"`([\w./*-]+)`", FENCE.sub("", text)):
        first, slash, _ = word.partition("/")
        ours = bool(first) and (paths.ROOT / first).is_dir() and first != ".lab"
        ours = ours if slash else bool(re.fullmatch(r"[\w-]+\.(toml|txt|md)|Vagrantfile", word)) and word.islower()
        where = paths.ROOT if slash or word in ("pyproject.toml", "constraints.txt") else None
        if ours and where and not any(where.glob(word.rstrip("/"))):
            missing.append(word)
    return missing


@each_page
def test_every_file_that_is_named_is_there(page):
    assert missing_paths(text_of(page)) == []


def test_a_file_that_is_not_there_is_found():
    text = "`provisioning/course.toml` `sample_app/requirements*.txt` `guides/` `guides/guide_0.md` `a/b.py` `./lab`"
    assert missing_paths(text) == ["guides/guide_0.md"]


def missing_contrasts(text: str) -> list[str]:
    """Names after the word contrast, and in `lab.contrast("…")`, that are no contrast of the course."""
    lists = re.findall(r"contrasts?\s+((?:`[\w-]+`(?:,\s+|\s+and\s+)?)+)", text)
    named = [*re.findall(r"`([\w-]+)`", " ".join(lists)), *re.findall(r'lab\.contrast\("([\w-]+)"\)', text)]
    return [name for name in named if name not in [one.name for one in COURSE.contrasts]]


@each_page
def test_every_contrast_that_is_named_is_one(page):
    assert missing_contrasts(text_of(page)) == []


def test_a_contrast_that_is_none_is_found():
    assert missing_contrasts('contrasts `gzip`,\n`zip` and `front`; `other`; `lab.contrast("none")`') == ["zip", "none"]
