"""The help: the same groups of commands wherever they are listed, and examples that work."""

import re
import shlex

import pytest
import typer.main

from deploylab.bootstrap import HELP
from deploylab.cli import GROUPS, options, with_commands
from deploylab.core import paths

README = (paths.ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def commands() -> dict[str, typer.core.TyperCommand]:
    return typer.main.get_command(with_commands()).commands


@pytest.fixture(scope="module")
def groups(commands) -> dict[str, list[str]]:
    """{title: commands}, as they are registered."""
    return {title: [name for name, command in commands.items() if command.rich_help_panel == title]
            for title in GROUPS.values()}


def panels(shown: str) -> dict[str, list[str]]:
    """The commands in each panel of a help text that Rich has drawn."""
    drawn = re.findall(r"╭─ ([^─]+) ─+╮\n((?:│.*\n)+)", shown)
    return {title: re.findall(r"(?m)^│ ([a-z]+) ", rows) for title, rows in drawn if title != "Options"}


def test_the_help_shows_each_group_in_a_panel(lab, groups):
    shown = lab("--help", COLUMNS="80").stdout
    assert panels(shown) == groups
    assert [*panels(shown)] == [*dict.fromkeys(GROUPS.values())]


def test_the_help_before_the_installation_has_the_same_groups(groups):
    listed = re.findall(r"(?m)^([A-Z][\w ]+)\n((?:  .+\n)+)", HELP)
    assert {title: re.findall(r"(?m)^  ([a-z]+)", rows) for title, rows in listed} == groups
    assert [title for title, _ in listed] == [*dict.fromkeys(GROUPS.values())]
    assert max(len(line) for line in HELP.splitlines()) <= 80


def test_the_readme_has_a_row_for_each_group(groups):
    rows = re.findall(r"(?m)^\| ([\w ]+) \| ((?:`[a-z]+`(?:, )?)+) \|", README)
    assert {title: re.findall("[a-z]+", names) for title, names in rows} == groups


@pytest.mark.parametrize("first", GROUPS)
def test_the_order_is_the_same_whichever_module_was_imported_first(first, monkeypatch):
    app = with_commands()
    monkeypatch.setattr(app, "registered_commands", sorted(
        app.registered_commands, key=lambda command: not command.callback.__module__.endswith(first)))
    modules = [command.callback.__module__.rpartition(".")[2] for command in with_commands().registered_commands]
    assert [*dict.fromkeys(modules)] == [*GROUPS]


def examples(text: str) -> list[list[str]]:
    """The words of each `./lab …` in the last paragraph of a help."""
    return [shlex.split(one)[1:] for one in re.findall(r"`(\./lab [^`]+)`", text.partition("Example: ")[2])]


def wrong_examples(name: str, command) -> list[str]:
    """The examples in a command's help that it does not understand; "none" if the help has no example."""
    shown = examples(command.help)
    wrong = [shlex.join(words) for words in shown if words[0] != name or not understood(command, words[1:])]
    return wrong if shown else ["none"]


def understood(command, words: list[str]) -> bool:
    """Whether a command understands these words; if TAB offers values for an option, its value must be one of them."""
    try:
        context = command.make_context("lab", words)
    except Exception:  # Typer hides the class of its usage errors
        return False
    for param in command.params:
        offered = {item.value for item in param.shell_complete(context, "")}
        value = context.params[param.name]
        values = {value} if isinstance(value, str) else {*value} if isinstance(value, list | tuple) else set()
        if offered and not values <= offered:
            return False
    return True


@pytest.fixture
def harmless(monkeypatch):
    """Options that act when they are parsed do nothing."""
    monkeypatch.setattr(options, "_use", lambda file: file)  # unpacks a bundle
    monkeypatch.setenv("DEPLOYLAB_MACHINE", "auto")  # `--machine` sets it; pytest sets it back


def test_every_command_has_an_example_that_it_understands(commands, harmless):
    assert [wrong for name, command in commands.items() for wrong in wrong_examples(name, command)] == []


def test_an_example_that_does_not_work_is_found(commands, harmless, monkeypatch):
    monkeypatch.setattr(commands["goto"], "help", "Example: `./lab goto nginx`, `./lab goto nginks`, `./lab goto`, "
                                                  "`./lab goto nginx --not`, or `./lab check nginx`")
    assert wrong_examples("goto", commands["goto"]) == ["goto nginks", "goto", "goto nginx --not", "check nginx"]
    monkeypatch.setattr(commands["goto"], "help", "`./lab goto nginx`")
    assert wrong_examples("goto", commands["goto"]) == ["none"]


def test_no_text_sends_anybody_to_a_command_that_is_not_there(commands):
    places = [*paths.ROOT.glob("*.md"), *(path for folder in ("deploylab", "provisioning", "sample_app")
                                          for path in (paths.ROOT / folder).rglob("*"))]
    for path in places:
        if path.suffix in (".py", ".md", ".j2", ".html", ".toml"):
            named = set(re.findall(r"\./lab ([a-z]+)", path.read_text(encoding="utf-8")))
            assert named <= set(commands), f"{path}: {named - set(commands)}"
