"""The parts of the course: stages with their variants, contrasts, lessons, breaks."""

import re
from dataclasses import dataclass, field
from typing import Any

from deploylab.core.errors import CourseError
from deploylab.course.app import App, View
from deploylab.course.contrast import COLD, STATES, Contrast

PER_PROCESSOR = re.compile(r"(\d+)n \+ (\d+)")


def counted(count: int | str, n_cpu: int) -> int:
    """A number of the manifest on a machine with so many processors. Some advice depends on them: "2n + 1".

    >>> counted(4, 2), counted("2n + 1", 1), counted("2n + 1", 2)
    (4, 3, 5)
    """
    if isinstance(count, int):
        return count
    each, more = PER_PROCESSOR.fullmatch(count).groups()
    return int(each) * n_cpu + int(more)


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
    more_views: tuple[str, ...] = ()   # it serves them too, but the rounds of `./lab run` do not load them
    cached: tuple[str, ...] = ()       # views that a cache may answer
    empty: tuple[str, ...] = ()        # commands for root that empty its cache; (): it has none
    processes: tuple[str, ...]         # regular expressions on the command line
    expect: dict[str, Any]             # one key for each check
    slots: int | str | None            # requests it works on at one time; a text depends on the processors: "2n + 1"
    configuration: tuple[str, ...] = ()  # files on the machine that make it what it is
    environment: dict[str, str] = field(default_factory=dict)  # of the application, beside its stage's
    tls_name: str = ""                 # it speaks https, under this name; "": plain HTTP
    http2: bool = False                # visitors speak HTTP/2 with it
    upon: str = ""                     # the stage whose application server it stands in front of, where it has none
    only_where: dict[str, str] = field(default_factory=dict)  # what the machine must have, in words: a test for it
    start: str = ""                    # a command for the machine, and so is `stop`; "": it always stands
    stop: str = ""

    @property
    def name(self) -> str:
        return f"{self.stage}:{self.variant}" if self.variant else self.stage

    @property
    def all_views(self) -> tuple[str, ...]:
        return (*self.views, *self.more_views)

    def caches(self, view: str) -> bool:
        """Whether answers of that view may come from a cache of this target."""
        return bool(self.empty) and view in self.cached

    def slots_on(self, n_cpu: int) -> int | None:
        """How many requests it works on at one time on a machine with so many processors; None if not stated."""
        return None if self.slots is None else counted(self.slots, n_cpu)

    @property
    def slug(self) -> str:
        """The name that files and processes on the machine have: `nginx-sync`."""
        return self.name.replace(":", "-")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What a stage is for, and so what it is judged by: one measure, chosen before anything was measured.

    Attributes:
        view, concurrency: the load.
        metrics: keys of `deploylab.results.stats.METRICS`. More than one only where they are sides of one thing, as the
            requests, the bytes and the time of a visit.
    """

    view: str
    concurrency: int
    metrics: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stage(Target):
    """A whole step of the course: several things change at once."""

    lesson: str
    guide: str
    changes: tuple[str, ...]
    deploy: str = ""                   # the module that brings a machine there; "": provisioning.deploys.NAME
    ladder: bool = True                # whether it is a step from the stage before
    headline: Headline | None = None   # None: it is where the road begins, or no step
    variants: tuple[Target, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A notebook of the course.

    Attributes:
        name: of its file, without `.ipynb`.
        minutes: in a room with an instructor.
        needs: targets that must be in place before it begins, by name.
        by_hand: the stage that learners build by hand in it; "" for none.
    """

    name: str
    title: str
    minutes: int
    needs: tuple[str, ...] = ()
    by_hand: str = ""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A selection of lessons, in order, for an instructor who has less than a day."""

    name: str
    title: str
    lessons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Break:
    """Something that is broken on purpose, for an attendee to find.

    Attributes:
        target: the stage or variant that it breaks, by name.
        title: the symptom, as a visitor sees it.
        harm: the command that breaks it, run as root on the machine; $SITE is the site's address: http://HOST:PORT.
        goes_on: a command that does harm for as long as it runs, started after `harm`.
        check: the key of `[stage.expect]` whose check then fails.
        hints: from vague to almost the cause.
        cause: what was wrong; shown once it is repaired.
        mend: commands for root that remove what is not part of a stage, so that a converge would leave it.
        drawn: whether a lesson may draw it; if not, it is broken only by its name.
    """

    name: str
    target: str
    title: str
    check: str
    hints: tuple[str, ...]
    cause: str
    harm: str = ""
    goes_on: str = ""
    mend: tuple[str, ...] = ()
    drawn: bool = True


@dataclass(frozen=True, kw_only=True)
class Course:
    """Everything that course.toml says.

    Attributes:
        references: what others teach, to compare a stage with: found by name as stages are, but no part of the road.
        versions: by a program's name, the command by which it tells its version on the machine.
    """

    app: App
    stages: tuple[Stage, ...]
    contrasts: tuple[Contrast, ...] = ()
    references: tuple[Stage, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    breaks: tuple[Break, ...] = ()
    routes: tuple[Route, ...] = ()
    versions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def lesson(self, name: str) -> Lesson:
        """The lesson of that name.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        for lesson in self.lessons:
            if lesson.name == name:
                return lesson
        names = ", ".join(lesson.name for lesson in self.lessons)
        raise CourseError(f"There is no lesson '{name}'. There are: {names}.", "./lab open, or name one of these")

    def contrast(self, name: str) -> Contrast:
        """The contrast of that name.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        for contrast in self.contrasts:
            if contrast.name == name:
                return contrast
        names = ", ".join(contrast.name for contrast in self.contrasts)
        raise CourseError(f"There is no contrast '{name}'. The contrasts are: {names}.", "./lab compare --help")

    def state_problem(self, contrast: Contrast) -> str:
        """Why a contrast cannot be measured in its state of the caches; "" if it can."""
        if not contrast.state:
            return ""
        if contrast.state not in STATES:
            return f"the states of a cache are {' and '.join(STATES)}."
        if contrast.b_view or contrast.slow_clients:
            return "both sides must have the same load where it is offered in a state of the caches."
        if not any(self.target(side).caches(contrast.view) for side in (contrast.a, contrast.b)):
            return f"neither {contrast.a} nor {contrast.b} has a cache for the view {contrast.view}."
        if contrast.state == COLD and not self.view(contrast.view).n_paths:
            return f"{contrast.view} is one page: an empty cache is full after one request."
        return ""

    def breaking(self, name: str) -> Break:
        """The break of that name.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        for fault in self.breaks:
            if fault.name == name:
                return fault
        names = ", ".join(fault.name for fault in self.breaks)
        raise CourseError(f"There is no break '{name}'. They are: {names}.", "lab.break_it() draws one of the lesson's")

    def stage(self, name: str) -> Stage:
        """The stage or reference of that name.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        if found := [stage for stage in (*self.stages, *self.references) if stage.name == name]:
            return found[0]
        names = ", ".join(s.name for s in self.stages)
        others = f" The references are: {', '.join(s.name for s in self.references)}." if self.references else ""
        raise CourseError(f"There is no stage '{name}'. The stages are: {names}.{others}", "./lab status")

    def target(self, name: str) -> Target:
        """The stage or variant of that name: `nginx` or `nginx:sync`.

        Raises:
            CourseError: there is none.
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
            raise CourseError(f"There is no view '{name}'. The views are: {names}.", "./lab measure --help") from None

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every stage, each followed by its variants."""
        return tuple(t for stage in self.stages for t in (stage, *stage.variants))

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """Everything that may be on the machine: the stages, then the references, each followed by its variants."""
        return (*self.targets, *(t for stage in self.references for t in (stage, *stage.variants)))
