"""Reading the manifest, `provisioning/course.toml`."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploylab.core import paths
from deploylab.core.errors import CourseError
from deploylab.course.app import CONNECTIONS, RESUMED, App, View
from deploylab.course.contrast import STATES, Contrast
from deploylab.course.model import (
    PER_PROCESSOR,
    Break,
    Course,
    Headline,
    Lesson,
    Route,
    Stage,
    Target,
)
from deploylab.course.programs import Program, full, programs
from deploylab.course.tables import Source, made, tables


def load(path: Path = paths.COURSE) -> Course:
    """The course that a manifest describes.

    Args:
        path: a TOML file of the form of `provisioning/course.toml`.

    Raises:
        CourseError: the file is missing, is not TOML, or is inconsistent.

    Example:
        >>> load().stage("nginx").port
        8003
    """
    text = _read(path)
    data = _parsed(path, text)
    files, references = {path: text}, {}
    if "references" in data:
        beside = (path.parent / str(data["references"])).resolve()
        if not beside.is_file():
            raise CourseError(f"{_line(path, text, 'references')}: {beside} does not exist.",
                              f"correct that line, or git checkout {beside}")
        files[beside] = _read(beside)
        references = _parsed(beside, files[beside])
    source = Source(files)
    course = _build(data, references, source)
    _verify(course, source)
    return course


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return raw.decode()
    except OSError as error:
        raise CourseError(f"Cannot read the course: {error}", f"git checkout {path}") from error
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise CourseError(f"{path}, line {number}: a letter is not UTF-8.", f"save {path} as UTF-8") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}", f"correct that line of {path}") from error


def _line(path: Path, text: str, key: str) -> str:
    """The file and line of a key that is outside every table."""
    number = next((n for n, line in enumerate(text.splitlines(), start=1) if line.startswith(key)), 1)
    return f"{path}, line {number}"


def _build(data: dict, references: dict, source: Source) -> Course:
    app = dict(_table(source, data, "app"))
    views = {name: made(View, {"name": name, **view}, source, f"app.views.{name}")
             for name, view in _table(source, app, "views").items()}
    contrasts = tuple(contrast for table in tables(source, data, "contrast") for contrast in _contrasts(table, source))
    kinds = (("lesson", Lesson), ("break", Break), ("route", Route))
    lessons, breaks, routes = (
        tuple(made(cls, table, source, kind, table["name"]) for table in tables(source, data, kind))
        for kind, cls in kinds)
    known = programs(source, data, references)
    stages, others = (tuple(_stage(table, known, source) for table in tables(source, read, "stage"))
                      for read in (data, references))
    if not stages:
        raise CourseError(f"{source.at('app')}: the course has no [[stage]].", "write one, as CONTRIBUTING.md says")
    return Course(app=made(App, {**app, "views": views}, source, "app"), stages=stages, contrasts=contrasts,
                  references=others, lessons=lessons, breaks=breaks, routes=routes,
                  versions={name: program.version for name, program in known.items() if program.version})


def _contrasts(table: dict, source: Source) -> tuple[Contrast, ...]:
    """The contrast of a table; then, for each of its `states`, the same two sides under the same load in that state."""
    states = table.pop("states", [])
    contrast = made(Contrast, table, source, "contrast", table["name"])
    if not isinstance(states, list) or set(states) - set(STATES):
        raise CourseError(f"{source.at('contrast', contrast.name, 'states')}: states of contrast {contrast.name} is no "
                          "list of states of a cache.", f"write some of: {', '.join(STATES)}")
    return contrast, *(replace(contrast, name=f"{contrast.name}-{state}", state=state, thorough=True,
                               title=f"{contrast.title}: the same load, {STATES[state]}") for state in states)


def _table(source: Source, data: dict, name: str) -> dict[str, Any]:
    """The table of that name in `data`."""
    table = data.get(name)
    if not isinstance(table, dict) or name == "views" and not all(isinstance(value, dict) for value in table.values()):
        raise CourseError(f"{source.at('app')}: there is no table [{'app.' * (name != 'app')}{name}].",
                          "git diff provisioning/course.toml   shows what was changed")
    return table


def _stage(table: dict, known: dict[str, Program], source: Source) -> Stage:
    name, variants = table.pop("name"), tables(source, table, "variant")
    table.pop("variant", None)
    headline = table.pop("headline", None)
    plain = {"stage": name, "variant": None, "slots": None, "expect": {}} | table
    stage = full(Stage, plain, known, source)
    if headline is not None:
        if not isinstance(headline, dict):
            raise CourseError(f"{source.at('stage', name, 'headline')}: headline of stage {name} is no table.",
                              "write [stage.headline], with view, concurrency and metrics")
        stage = replace(stage, headline=made(Headline, headline, source, "stage", name))
    return replace(stage, variants=tuple(_variant(plain, variant, known, source) for variant in variants))


def _variant(stage: dict, table: dict, known: dict[str, Program], source: Source) -> Target:
    """A variant is its stage, but for what its own table says. `unchecked`: checks of the stage that it has not."""
    name = table.pop("name")
    inherited = ("views", "more_views", "cached", "programs", "processes", "slots", "configuration", "upon", "sleeps",
                 "tls_name", "http2")
    own = {"stage": stage["stage"], "variant": name, **table, "expect": {**stage["expect"], **table.get("expect", {})}}
    whole = {key: stage[key] for key in inherited if key in stage} | own
    return full(Target, whole, known, source)


def _verify(course: Course, source: Source) -> None:
    """Raise CourseError where two tables contradict each other."""
    for view in course.app.views.values():
        if (view.rtt_ms is None) != (view.mbit_per_s is None):
            raise CourseError(f"{source.at(f'app.views.{view.name}')}: view {view.name} has only one of rtt_ms and "
                              "mbit_per_s.", "a line has both: write the other one too")
        if view.connections not in CONNECTIONS:
            raise CourseError(f"{source.at(f'app.views.{view.name}', '', 'connections')}: connections of view "
                              f"{view.name} is '{view.connections}'.", f"write one of: {', '.join(CONNECTIONS)}")
    ports: dict[int, str] = {}
    names: set[str] = set()
    for target in course.all_targets:
        if target.name in names:
            raise CourseError(f"{source.at('stage', target.name)}: '{target.name}' is defined twice.", "rename one")
        names.add(target.name)
        if target.port in ports:
            raise CourseError(f"{source.at('stage', target.name, 'port')}: {ports[target.port]} and {target.name} "
                              f"both want port {target.port}.", "give one of them another port")
        if not 0 < target.port < 65536:
            raise CourseError(f"{source.at('stage', target.name, 'port')}: {target.port} is not a port number.",
                              "write one from 1024 to 65535 that nothing else uses")
        ports[target.port] = target.name
        for key, count in (("slots", target.slots), ("processes", target.expect.get("processes"))):
            if isinstance(count, str) and not PER_PROCESSOR.fullmatch(count):
                raise CourseError(f'{source.at("stage", target.name, key)}: {key} of {target.name} is "{count}".',
                                  'write a number, or one for n processors: "2n + 1"')
        for view in (*target.all_views, *target.cached):
            if view not in course.app.views:
                raise CourseError(f"{source.at('stage', target.name, '', view)}: stage {target.name} lists view "
                                  f"'{view}', which [app.views] lacks.", f"correct it, or add [app.views.{view}]")
            if course.view(view).connections == RESUMED and not target.tls_name:
                raise CourseError(f"{source.at('stage', target.name, '', view)}: the view {view} resumes TLS sessions, "
                                  f"and {target.name} speaks plain HTTP.",
                                  "take the view out, or give the target a tls_name")
    for stage in course.stages:
        _verify_headline(course, stage, source)
    for contrast in course.contrasts:
        _verify_contrast(course, contrast, source)
    for lesson in course.lessons:
        _verify_lesson(course, lesson, source)
    for fault in course.breaks:
        _verify_break(course, fault, source)
    for route in course.routes:
        _verify_route(course, route, source)


def _verify_lesson(course: Course, lesson: Lesson, source: Source) -> None:
    try:
        for name in (*lesson.needs, *([lesson.by_hand] if lesson.by_hand else [])):
            course.target(name)
    except CourseError as error:
        raise _wrong(source, "lesson", lesson.name, f": {error.what}") from None


def _verify_headline(course: Course, stage: Stage, source: Source) -> None:
    if not (headline := stage.headline):
        return
    if headline.view not in stage.views or headline.concurrency not in course.view(headline.view).concurrency:
        raise CourseError(f"{source.at('stage', stage.name, 'headline')}: the headline of stage {stage.name} is "
                          f"{headline.view} with {headline.concurrency} clients, which its rounds do not measure.",
                          "name one of its views, and one of that view's concurrencies")


def _verify_contrast(course: Course, contrast: Contrast, source: Source) -> None:
    try:
        course.target(contrast.a), course.target(contrast.b)
        course.view(contrast.view), course.view(contrast.b_view or contrast.view)
    except CourseError as error:
        raise _wrong(source, "contrast", contrast.name, f": {error.what}") from None
    if problem := course.state_problem(contrast):
        raise _wrong(source, "contrast", contrast.name, f": {problem}")


def _verify_route(course: Course, route: Route, source: Source) -> None:
    order = [lesson.name for lesson in course.lessons]
    if unknown := [name for name in route.lessons if name not in order]:
        raise _wrong(source, "route", route.name, f" leads to '{unknown[0]}', and there is no such lesson.")
    if list(route.lessons) != sorted(set(route.lessons), key=order.index):
        raise _wrong(source, "route", route.name, " does not list its lessons in the order of the course.")


def _verify_break(course: Course, fault: Break, source: Source) -> None:
    try:
        target = course.target(fault.target)
    except CourseError as error:
        raise _wrong(source, "break", fault.name, f": {error.what}") from None
    wrong = {
        "is defined twice": sum(other.name == fault.name for other in course.breaks) > 1,
        f"names the check '{fault.check}', which {target.name} does not have": fault.check not in target.expect,
        "breaks nothing: it has neither `harm` nor `goes_on`": not (fault.harm + fault.goes_on).strip(),
        "needs at least two hints": len(fault.hints) < 2,
        "has no `cause`": not fault.cause.strip(),
    }
    if problem := next((text for text, is_so in wrong.items() if is_so), ""):
        raise _wrong(source, "break", fault.name, f" {problem}.")


def _wrong(source: Source, kind: str, name: str, text: str) -> CourseError:
    """The error of a table that contradicts the others."""
    return CourseError(f"{source.at(kind, name)}: {kind} {name}{text}", "correct that table")
