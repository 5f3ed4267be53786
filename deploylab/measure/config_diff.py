"""Finds every difference in configuration between two targets, by reading the machine.

    the files of `configuration`  +  what the .env files evaluate to  +  the processes  +  the code
    +  what Django's settings are in the running processes

The .env files and the settings are not the same: a server reads its files when it starts, and the code chooses one
setting from another. `guest.configured.django` says how the settings are read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from deploylab.course import App, Target
from deploylab.machine import Machine, guest
from deploylab.machine.guest import configured, django_settings
from deploylab.measure import config_files, settings_diff
from deploylab.measure.config_files import nameless
from deploylab.results.record import Difference

SECRET = re.compile("passw|secret|token|requirepass", re.IGNORECASE)
IGNORED = {"autostart"}  # when a server is started; while it is measured, it is running
PYTHON = "/srv/deploylab/venv/bin/python"  # on the machine; all targets share it
INTERPRETERS = re.compile(r"(python|perl|sh|bash|env)[\d.]*")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class Django:
    """Django's settings in the processes of one side, as `guest.configured.django` returns them.

    Attributes:
        values: by name, as text in dictionaries and lists; None if they cannot be read.
        error: why not; None if they can.
        changed: files that are newer than the processes, which may have other values then.
    """

    values: dict[str, Any] | None = None
    error: str | None = None
    changed: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Configured:
    """How one side is configured, as `guest.configured.read` returns it.

    Attributes:
        files: the text of each file, by path; None if there is no such file.
        environment: the variables of each `.env` file, by path; None if it cannot be read.
        commands: the command line of each process.
        revision: the revision of the application; None if its folder is missing.
        django: its settings; None for a target without Django.
    """

    files: dict[str, str | None]
    environment: dict[str, dict[str, str] | None]
    commands: list[str]
    revision: str | None
    django: Django | None = None


def differences(machine: Machine, app: App, a: Target, b: Target) -> list[Difference]:
    """What is configured differently on B than on A, as both are now; finds changes made by hand too.

    Raises:
        MachineError: the machine could not be read.

    Example:
        differences(machine, course.app, course.target("nginx:sync"), course.target("nginx"))
    """
    if a == b:
        return []
    a_config, b_config = _read(machine, app, (a, b))
    return between(a, a_config, b, b_config)


def between(a: Target, a_config: Configured, b: Target, b_config: Configured) -> list[Difference]:
    """The differences between two configurations that were read already.

    What both sides share does not count, whatever its name: one target may be a front of the other.
    """
    a_files, b_files = _unshared(a_config.files, b_config.files)
    a_variables, b_variables = _unshared(_variables(a_config), _variables(b_config))
    a_commands, b_commands = _unshared(Counter(a_config.commands), Counter(b_config.commands))
    return [
        *_in_files(_by_role(a, a_files), _by_role(b, b_files)),
        *_in_environment(_environment(a, a_variables), _environment(b, b_variables)),
        *_in_processes(_programs(a, a_commands), _programs(b, b_commands)),
        *_difference("revision of the application", a_config.revision, b_config.revision),
        *(_in_settings(a, a_config.django, b, b_config.django) if a_config.django and b_config.django else []),
    ]


def _unshared(a: Mapping[str, V], b: Mapping[str, V]) -> tuple[dict[str, V], dict[str, V]]:
    """Both mappings without the items that they share."""
    return ({key: value for key, value in a.items() if key not in b or b[key] != value},
            {key: value for key, value in b.items() if key not in a or a[key] != value})


def _read(machine: Machine, app: App, targets: Iterable[Target]) -> list[Configured]:
    """The configuration of each target, all read in one call."""
    program = Path(django_settings.__file__).read_text(encoding="utf-8")
    arguments = [(target.configuration, target.processes, f"/srv/deploylab/{target.upon or target.stage}/app",
                  app.wsgi.partition(":")[0], PYTHON, program) for target in targets]
    rows = guest.ask(machine, configured, f"[read(*args) for args in {arguments!r}]")
    return [Configured(**{**row, "django": row["django"] and Django(**row["django"])}) for row in rows]


def _by_role(target: Target, files: dict[str, str | None]) -> dict[str, str]:
    """The text of each existing file by its path, with the target's names taken out of both."""
    texts: dict[str, str] = {}
    for path, text in files.items():
        if text is not None:
            role = nameless(path, target)
            texts[role] = "\n".join([*([texts[role]] if role in texts else []), nameless(text, target)])
    return texts


def _in_files(a: dict[str, str], b: dict[str, str]) -> list[Difference]:
    rows = []
    for role in dict.fromkeys([*a, *b]):
        if role not in a or role not in b:
            values = ("there", None) if role in a else (None, "there")
            rows.append(Difference(name=f"file {role}", a=values[0], b=values[1], file=role))
            continue
        a_settings, b_settings = config_files.settings(a[role], role), config_files.settings(b[role], role)
        for directive in [name for name in dict.fromkeys([*a_settings, *b_settings]) if name not in IGNORED]:
            rows += _in_counts(f"{config_files.kind(role)} {directive}", a_settings.get(directive, Counter()),
                               b_settings.get(directive, Counter()), role)
    return rows


def _variables(config: Configured) -> dict[str, str]:
    """The variables of all `.env` files of a target; a later file overrides an earlier one."""
    merged: dict[str, str] = {}
    for path, variables in config.environment.items():
        merged |= {"(cannot be read)": path} if variables is None else variables
    return merged


def _environment(target: Target, variables: dict[str, str]) -> dict[str, str]:
    """The variables, with the target's names taken out of their values."""
    return {name: _value(value, target) for name, value in variables.items()}


def _value(value: str, target: Target) -> str:
    """The value of a variable or setting, with the target's names taken out."""
    return config_files.NAME if value in {target.slug, target.stage, target.upon} - {""} else nameless(value, target)


def _in_environment(a: dict[str, str], b: dict[str, str]) -> list[Difference]:
    return [row for name in sorted({*a, *b}) for row in _difference(f"environment {name}", a.get(name), b.get(name))]


def _in_settings(a: Target, a_django: Django, b: Target, b_django: Django) -> list[Difference]:
    """Settings that differ; and what is in doubt, even if it is so on both sides."""
    doubts = [Difference(name=f"django ({name})", a=texts[0], b=texts[1]) for name, *texts in (
        ("cannot be read", a_django.error, b_django.error),
        ("changed after the start", *(", ".join(side.changed) or None for side in (a_django, b_django))),
    ) if any(texts)]
    if a_django.values is None or b_django.values is None:
        return doubts
    found = settings_diff.rows("django", a_django.values, b_django.values, partial(_value, target=a),
                               partial(_value, target=b))
    return [*doubts, *(row for name, *texts in found for row in _difference(name, *texts))]


def _programs(target: Target, commands: dict[str, int]) -> dict[str, Counter[str]]:
    """The number of processes of each command line, by program."""
    programs: dict[str, Counter[str]] = {}
    for command, n_processes in commands.items():
        line = nameless(command, target)
        programs.setdefault(_program(line), Counter())[line] += n_processes
    return programs


def _program(command: str) -> str:
    """The program of a command line; for an interpreter, the script that it runs.

    >>> _program("/usr/bin/python3 manage.py runserver"), _program("nginx: worker process")
    ('manage.py', 'nginx')
    """
    words = [word for word in command.split() if not word.startswith("-")] or [command]
    names = [word.rstrip(":").strip("()").rpartition("/")[2] for word in words]
    return names[1] if len(names) > 1 and INTERPRETERS.fullmatch(names[0]) else names[0]


def _in_processes(a: dict[str, Counter[str]], b: dict[str, Counter[str]]) -> list[Difference]:
    rows = []
    for program in dict.fromkeys([*a, *b]):
        a_lines, b_lines = a.get(program, Counter()), b.get(program, Counter())
        if not a_lines or not b_lines:
            rows += _difference(f"program {program}", "runs" if a_lines else None, "runs" if b_lines else None)
        elif set(a_lines) != set(b_lines):
            rows += _difference(f"command line of {program}", *_different_words(set(a_lines), set(b_lines)))
        else:
            rows += _difference(f"processes of {program}", str(a_lines.total()), str(b_lines.total()))
    return rows


def _different_words(a: set[str], b: set[str]) -> tuple[str | None, str | None]:
    """The words that only one side has in its command lines; if there are none, the whole command lines."""
    a_words, b_words = (Counter(word for line in sorted(side) for word in line.split()) for side in (a, b))
    only = [" ".join(side.elements()) or None for side in (a_words - b_words, b_words - a_words)]
    return (only[0], only[1]) if any(only) else ("; ".join(sorted(a)), "; ".join(sorted(b)))


def _in_counts(name: str, a: Counter[str], b: Counter[str], file: str = "") -> list[Difference]:
    """A difference if one side has values that the other does not have."""
    only_a, only_b = a - b, b - a
    return _difference(name, *("; ".join(side.elements()) if side else None for side in (only_a, only_b)), file=file) \
        if only_a or only_b else []


def _difference(name: str, a: str | None, b: str | None, file: str = "") -> list[Difference]:
    return [] if a == b else [Difference(name=name, a=_shown(name, a), b=_shown(name, b), file=file)]


def _shown(name: str, value: str | None) -> str | None:
    """The value, unless it is a secret or contains one."""
    if value is not None and (SECRET.search(name) or SECRET.search(value)):
        return "(not shown)"
    return value and re.sub(r"://[^/@\s]*@", "://(not shown)@", value)
