"""Every configured difference between two targets: found on the machine, never declared.

    the files of `configuration`  +  what the .env files evaluate to  +  the processes  +  the code
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from deploylab.course import Target
from deploylab.machine import Machine, guest
from deploylab.machine.guest import configured
from deploylab.measure import config_files
from deploylab.measure.config_files import nameless
from deploylab.results.record import Difference

SECRET = re.compile("passw|secret|token|requirepass", re.IGNORECASE)
NO_PART = {"autostart"}  # says when a server starts; while it is measured, it runs
INTERPRETERS = re.compile(r"(python|perl|sh|bash|env)[\d.]*")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class Configured:
    """How one side is configured, as `guest.configured.read` saw it.

    Attributes:
        files: the text by path; None where there is no such file.
        environment: the variables by `.env` file; None where it cannot be read.
        commands: the command line of each process.
        revision: of the application; None where its folder is missing.
    """

    files: dict[str, str | None]
    environment: dict[str, dict[str, str] | None]
    commands: list[str]
    revision: str | None


def differences(machine: Machine, a: Target, b: Target) -> list[Difference]:
    """What is configured otherwise on B than on A, as both are now; changes by hand are found too.

    Raises:
        MachineError: the machine could not be read.

    Example:
        [one.name for one in differences(machine, course.target("nginx:sync"), course.target("nginx"))]
    """
    if a == b:
        return []
    seen = _read(machine, (a, b))
    return between(a, seen[0], b, seen[1])


def between(a: Target, a_seen: Configured, b: Target, b_seen: Configured) -> list[Difference]:
    """The same from what was seen of each side.

    What both share is no difference, whatever names it bears: one may stand in front of the other.
    """
    a_files, b_files = _unshared(a_seen.files, b_seen.files)
    a_variables, b_variables = _unshared(_variables(a_seen), _variables(b_seen))
    a_commands, b_commands = _unshared(Counter(a_seen.commands), Counter(b_seen.commands))
    return [
        *_in_files(_by_role(a, a_files), _by_role(b, b_files)),
        *_in_environment(_environment(a, a_variables), _environment(b, b_variables)),
        *_in_processes(_programs(a, a_commands), _programs(b, b_commands)),
        *_one("revision of the application", a_seen.revision, b_seen.revision),
    ]


def _unshared(a: Mapping[str, V], b: Mapping[str, V]) -> tuple[dict[str, V], dict[str, V]]:
    """Both without the items that are on both sides."""
    return ({key: value for key, value in a.items() if key not in b or b[key] != value},
            {key: value for key, value in b.items() if key not in a or a[key] != value})


def _read(machine: Machine, targets: Iterable[Target]) -> list[Configured]:
    """What each target looks like, all at one moment."""
    wanted = [(target.configuration, target.processes, f"/srv/deploylab/{target.stage}/app") for target in targets]
    seen = guest.ask(machine, configured, f"[read(*one) for one in {wanted!r}]")
    return [Configured(**each) for each in seen]


def _by_role(target: Target, files: dict[str, str | None]) -> dict[str, str]:
    """The text of each file that is there, nameless, by its nameless path."""
    found: dict[str, str] = {}
    for path, text in files.items():
        if text is not None:
            role = nameless(path, target)
            found[role] = "\n".join([*([found[role]] if role in found else []), nameless(text, target)])
    return found


def _in_files(a: dict[str, str], b: dict[str, str]) -> list[Difference]:
    found = []
    for role in dict.fromkeys([*a, *b]):
        if role not in a or role not in b:
            there = ("there", None) if role in a else (None, "there")
            found.append(Difference(name=f"file {role}", a=there[0], b=there[1], file=role))
            continue
        a_set, b_set = config_files.settings(a[role], role), config_files.settings(b[role], role)
        for directive in [name for name in dict.fromkeys([*a_set, *b_set]) if name not in NO_PART]:
            found += _counted(f"{config_files.kind(role)} {directive}", a_set.get(directive, Counter()),
                              b_set.get(directive, Counter()), role)
    return found


def _variables(seen: Configured) -> dict[str, str]:
    """The variables of all `.env` files of a target; a later file overrides an earlier one."""
    merged: dict[str, str] = {}
    for path, variables in seen.environment.items():
        merged |= {"(cannot be read)": path} if variables is None else variables
    return merged


def _environment(target: Target, variables: dict[str, str]) -> dict[str, str]:
    """Variables with nameless values."""
    names = {target.slug, target.stage, target.upon} - {""}
    return {name: config_files.NAME if value in names else nameless(value, target)
            for name, value in variables.items()}


def _in_environment(a: dict[str, str], b: dict[str, str]) -> list[Difference]:
    return [one for name in sorted({*a, *b}) for one in _one(f"environment {name}", a.get(name), b.get(name))]


def _programs(target: Target, commands: dict[str, int]) -> dict[str, Counter[str]]:
    """How often each command line runs, by its program."""
    found: dict[str, Counter[str]] = {}
    for command, n_processes in commands.items():
        line = nameless(command, target)
        found.setdefault(_program(line), Counter())[line] += n_processes
    return found


def _program(command: str) -> str:
    """The program of a command line; of an interpreter, what it runs.

    >>> _program("/usr/bin/python3 manage.py runserver"), _program("nginx: worker process")
    ('manage.py', 'nginx')
    """
    words = [word for word in command.split() if not word.startswith("-")] or [command]
    names = [word.rstrip(":").strip("()").rpartition("/")[2] for word in words]
    return names[1] if len(names) > 1 and INTERPRETERS.fullmatch(names[0]) else names[0]


def _in_processes(a: dict[str, Counter[str]], b: dict[str, Counter[str]]) -> list[Difference]:
    found = []
    for program in dict.fromkeys([*a, *b]):
        a_lines, b_lines = a.get(program, Counter()), b.get(program, Counter())
        if not a_lines or not b_lines:
            found += _one(f"program {program}", "runs" if a_lines else None, "runs" if b_lines else None)
        elif set(a_lines) != set(b_lines):
            found += _one(f"command line of {program}", *_words_apart(set(a_lines), set(b_lines)))
        else:
            found += _one(f"processes of {program}", str(a_lines.total()), str(b_lines.total()))
    return found


def _words_apart(a: set[str], b: set[str]) -> tuple[str | None, str | None]:
    """What stands in the command lines of one side alone: their words, or where those are equal, the lines."""
    a_words, b_words = (Counter(word for line in sorted(side) for word in line.split()) for side in (a, b))
    only = [" ".join(side.elements()) or None for side in (a_words - b_words, b_words - a_words)]
    return (only[0], only[1]) if any(only) else ("; ".join(sorted(a)), "; ".join(sorted(b)))


def _counted(name: str, a: Counter[str], b: Counter[str], file: str = "") -> list[Difference]:
    """A difference where one side has values that the other lacks."""
    only_a, only_b = a - b, b - a
    return _one(name, *("; ".join(side.elements()) if side else None for side in (only_a, only_b)), file=file) \
        if only_a or only_b else []


def _one(name: str, a: str | None, b: str | None, file: str = "") -> list[Difference]:
    return [] if a == b else [Difference(name=name, a=_shown(name, a), b=_shown(name, b), file=file)]


def _shown(name: str, value: str | None) -> str | None:
    """The value, unless it is or holds a secret."""
    if value is not None and (SECRET.search(name) or SECRET.search(value)):
        return "(not shown)"
    return value and re.sub(r"://[^/@\s]*@", "://(not shown)@", value)
