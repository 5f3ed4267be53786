"""The table of a stage or variant in full: with what its programs say, and with its placeholders filled.

    [program.nginx]           what is true wherever nginx runs
    programs = ["nginx"]      in a stage: what nginx says is true of the stage
    "deploylab-{slug}"        in either: the name of the target at hand, as files on the machine bear it
"""

import re
from dataclasses import dataclass, field
from typing import Any

from deploylab.core.errors import CourseError
from deploylab.course.tables import Made, Source, made

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
PLACEHOLDERS = ("slug", "port", "stage", "variant", "server", "application", "environment")
ADDED = ("processes", "configuration", "empty")     # lists: what each program says, then the target's own
ADDED_EXPECTED = ("services", "restarts", "listens", "private")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that stages are made of.

    Attributes:
        version: the command that prints its version, for the report; () where another one's tells it.
        processes, configuration, empty, expect: as for a target, and added to those of each target that has it.
        only_where: what a machine must have for it, in words, each with a test for the machine's shell.
        start, stop: commands for the machine, for a target that sleeps and is kept by this program.
    """

    name: str
    version: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    expect: dict[str, Any] = field(default_factory=dict)
    only_where: dict[str, str] = field(default_factory=dict)
    start: str = ""
    stop: str = ""


def programs(source: Source, *manifests: dict[str, Any]) -> dict[str, Program]:
    """The tables `[program.NAME]` of the manifests, by name.

    Raises:
        CourseError: a table has a wrong key, or a placeholder that there is not.
    """
    known = {}
    for manifest in manifests:
        its = manifest.get("program", {})
        if not isinstance(its, dict) or not all(isinstance(table, dict) for table in its.values()):
            raise CourseError(f"{source.at('program')}: a program is a table with its name in the brackets.",
                              "write [program.NAME], without a name = below it")
        for name, table in its.items():
            kind = f"program.{name}"
            known[name] = made(Program, {"name": name, **table}, source, kind)
            for key, text in _texts(table):
                if unknown := set(PLACEHOLDER.findall(text)) - set(PLACEHOLDERS):
                    raise _no_placeholder(source.at(kind, "", key), f"{key} of {kind}", unknown.pop(), PLACEHOLDERS)
    return known


def full(cls: type[Made], table: dict[str, Any], known: dict[str, Program], source: Source) -> Made:
    """The stage or variant of a table, with what its programs say, its placeholders filled, and how it is started.

    Of two programs that say the same key of `expect`, the later one counts, and before both the table's own.

    Args:
        table: as it stands in the manifest, with `stage`, `variant` and `expect`; a variant's has its stage's keys too.

    Raises:
        CourseError: it names a program or a placeholder that there is not, sleeps and nothing starts it, or as `made`.
    """
    target = ":".join(name for name in (table["stage"], table["variant"]) if name)
    table = dict(table)
    its, unchecked = _programs_of(table, known, source, target), table.pop("unchecked", [])
    for key in ADDED:
        table[key] = _added([getattr(program, key) for program in its], table.get(key, []))
    expect: dict[str, Any] = {}
    table["only_where"] = {}
    for program in its:
        expect |= program.expect
        table["only_where"] |= program.only_where
    expect |= table["expect"]
    for key in ADDED_EXPECTED:
        if key in expect:
            expect[key] = _added([program.expect.get(key, []) for program in its], table["expect"].get(key, []))
    table["expect"] = {key: value for key, value in expect.items() if key not in unchecked}
    if table.pop("sleeps", False):
        keeper = next((program for program in reversed(its) if program.start and program.stop), None)
        if not keeper:
            raise CourseError(f"{source.at('stage', target, 'sleeps')}: {target} sleeps, and none of its programs says "
                              "how it is woken.", "write start = … and stop = … into the [program.…] that keeps it")
        table |= {"start": keeper.start, "stop": keeper.stop}
    return made(cls, _filled(table, source, target), source, "stage", target)


def _programs_of(table: dict[str, Any], known: dict[str, Program], source: Source, target: str) -> list[Program]:
    names = table.pop("programs", [])
    if not isinstance(names, list):
        raise CourseError(f"{source.at('stage', target, 'programs')}: programs of {target} is no list.",
                          'write programs = ["…"], from the ground up')
    if unknown := [name for name in names if name not in known]:
        raise CourseError(f"{source.at('stage', target, 'programs', str(unknown[0]))}: {target} has the program "
                          f"'{unknown[0]}', and there is no [program.{unknown[0]}].",
                          f"write that table, or one of: {', '.join(known)}")
    return [known[name] for name in names]


def _added(lists: list[Any], own: Any) -> Any:
    """All of them in their order, each item once. What is no list stays as it is, and is refused by its type."""
    if not isinstance(own, list):
        return own
    return list(dict.fromkeys(item for each in (*lists, own) for item in each))


def _filled(table: dict[str, Any], source: Source, target: str) -> dict[str, Any]:
    stage, variant, upon = table["stage"], table["variant"], table.get("upon")
    slug = target.replace(":", "-")
    values = {
        "slug": slug, "port": str(table.get("port")), "stage": stage, **({"variant": variant} if variant else {}),
        "server": upon or slug, "application": upon or stage,
        "environment": slug if table.get("environment") else upon or stage,
    }
    for key, text in _texts(table):
        if unknown := set(PLACEHOLDER.findall(text)) - set(values):
            raise _no_placeholder(source.at("stage", target, key), f"{key} of {target}", unknown.pop(), tuple(values))
    filled = _each_text(table, lambda text: PLACEHOLDER.sub(lambda match: values[match[1]], text))
    # Two placeholders may come to one name.
    filled["expect"] |= {key: _added([], filled["expect"][key]) for key in ADDED_EXPECTED if key in filled["expect"]}
    return filled


def _no_placeholder(at: str, what: str, word: str, known: tuple[str, ...]) -> CourseError:
    return CourseError(f"{at}: {what} has {{{word}}}, and there is no such placeholder.",
                       f"write the name itself, or one of: {', '.join(f'{{{name}}}' for name in known)}")


def _texts(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Every text of a table with its key; of `expect`, with the key in it."""
    texts: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            texts += _texts(value)
        else:
            items = value if isinstance(value, list) else [value]
            texts += [(key, item) for item in items if isinstance(item, str)]
    return texts


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _each_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(item, change) for item in value]
    return change(value) if isinstance(value, str) else value
