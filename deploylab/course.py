"""The course as data: what `provisioning/course.toml` says, checked and typed."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploylab import paths
from deploylab.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class View:
    """A page under load."""

    name: str
    title: str
    path: str
    marker: str                        # ends a good body
    concurrency: tuple[int, ...]       # clients of each measured load
    wait_s: float | None = None        # the time the page waits for something else

    def ceiling_rps(self, concurrency: int, slots: int | None) -> float | None:
        """The most requests a second this waiting page can answer, or None if it does not wait.

        Args:
            concurrency: clients that ask at the same time.
            slots: requests the server can work on at the same time; None if unlimited.

        Source: Little's law, throughput = requests in the system / time in the system.
        """
        if self.wait_s is None:
            return None
        return min(concurrency, slots or concurrency) / self.wait_s


@dataclass(frozen=True, kw_only=True)
class App:
    """What is deployed."""

    title: str
    source: str
    wsgi: str
    settings: str
    requirements: str
    production_requirements: str
    data_command: str
    data_digest_command: str
    whoami: str = "/whoami/"           # its JSON says which database the serving process talks to
    views: dict[str, View]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing that serves on one port: a stage, or a variant of it.

    `name` is what a person types: `nginx`, or `nginx:sync`.
    """

    stage: str
    variant: str | None
    port: int
    title: str
    views: tuple[str, ...]
    processes: tuple[str, ...]         # regular expressions on the command line
    expect: dict[str, Any]             # what `checks` asks: one key, one check
    slots: int | None

    @property
    def name(self) -> str:
        return f"{self.stage}:{self.variant}" if self.variant else self.stage


@dataclass(frozen=True, kw_only=True)
class Stage(Target):
    """A whole step of the course; several things change at once."""

    lesson: str
    guide: str
    changes: tuple[str, ...]
    machines: tuple[str, ...]
    variants: tuple[Target, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Course:
    app: App
    stages: tuple[Stage, ...]

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(s.name for s in self.stages)
        raise CourseError(f"There is no stage '{name}'. The stages are: {names}.", "./lab status")

    def target(self, name: str) -> Target:
        """The stage or variant that a person named `nginx` or `nginx:sync`.

        Raises:
            CourseError: there is none of that name.
        """
        stage_name, _, variant_name = name.partition(":")
        stage = self.stage(stage_name)
        if not variant_name:
            return stage
        for variant in stage.variants:
            if variant.variant == variant_name:
                return variant
        names = ", ".join(v.name for v in stage.variants) or "none"
        raise CourseError(f"Stage {stage_name} has no variant '{variant_name}'. It has: {names}.",
                          f"./lab check {stage_name}")

    def view(self, name: str) -> View:
        """The view of that name.

        Raises:
            CourseError: there is none.
        """
        try:
            return self.app.views[name]
        except KeyError:
            names = ", ".join(self.app.views)
            raise CourseError(f"There is no view '{name}'. The views are: {names}.") from None

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every stage, each followed by its variants."""
        return tuple(t for stage in self.stages for t in (stage, *stage.variants))


def load(path: Path = paths.COURSE) -> Course:
    """The course that a manifest describes.

    Args:
        path: a TOML file of the form of `provisioning/course.toml`.

    Raises:
        CourseError: the file is missing, is not TOML, or contradicts itself.

    Example:
        >>> load().stage("nginx").port
        8003
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"Cannot read the course: {error}", "git checkout provisioning/course.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}", f"mend that line of {path}") from error
    try:
        course = _build(data)
    except (KeyError, TypeError) as error:
        raise CourseError(f"{path}: a table lacks or has a wrong key: {error}", f"mend {path}") from error
    _verify(course, path)
    return course


def _build(data: dict) -> Course:
    app = dict(data["app"])
    views = {
        name: View(name=name, **{**view, "concurrency": tuple(view["concurrency"])})
        for name, view in app.pop("views").items()
    }
    return Course(app=App(views=views, **app), stages=tuple(_stage(dict(s)) for s in data["stage"]))


def _stage(table: dict) -> Stage:
    name = table.pop("name")
    variants = table.pop("variant", [])
    stage = Stage(stage=name, variant=None, slots=table.pop("slots", None), expect=table.pop("expect", {}),
                  **{key: tuple(v) if isinstance(v, list) else v for key, v in table.items()})
    return Stage(**{**stage.__dict__, "variants": tuple(_variant(stage, dict(v)) for v in variants)})


def _variant(stage: Stage, table: dict) -> Target:
    """A variant is its stage, but for what its own table says."""
    return Target(
        stage=stage.stage,
        variant=table.pop("name"),
        port=table.pop("port"),
        title=table.pop("title"),
        views=tuple(table.pop("views", stage.views)),
        processes=tuple(table.pop("processes", stage.processes)),
        slots=table.pop("slots", stage.slots),
        expect={**stage.expect, **table.pop("expect", {})},
        **table,
    )


def _verify(course: Course, path: Path) -> None:
    """Raise CourseError where two tables contradict each other."""
    seen: dict[int, str] = {}
    names: set[str] = set()
    for target in course.targets:
        if target.name in names:
            raise CourseError(f"{path}: '{target.name}' is there twice.", f"rename one in {path}")
        names.add(target.name)
        if target.port in seen:
            raise CourseError(f"{path}: {seen[target.port]} and {target.name} both want port {target.port}.",
                              f"give one of them another port in {path}")
        seen[target.port] = target.name
        for view in target.views:
            if view not in course.app.views:
                raise CourseError(f"{path}: stage {target.name} lists view '{view}', which [app.views] lacks.",
                                  f"add [app.views.{view}] to {path}")
