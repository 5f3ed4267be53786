"""What the commands of a lesson return: a frozen dataclass for each kind. A recording has them as JSON."""

from dataclasses import dataclass

from deploylab.course import Contrast
from deploylab.lessons.plain_data import Answer, ListAnswer
from deploylab.machine.snapshot import Change
from deploylab.provision.checks import Check
from deploylab.results.bins import Bin
from deploylab.results.record import Difference, Run


@dataclass(frozen=True, kw_only=True)
class Output(Answer):
    """What a cell printed, on the machine or on this computer.

    Attributes:
        out: standard output and standard error together.
        status: its exit status; 0 is success.
        seconds: how long it took; 0 if it runs in the background.
        background: its name if it runs in the background.
        log: the file on the machine that it writes to.
    """

    out: str
    status: int
    seconds: float
    background: str | None = None
    log: str | None = None

    @property
    def ok(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, kw_only=True)
class WrittenFile(Answer):
    """A file that was written on the machine.

    Attributes:
        before, after: its text; before is None if there was no such file.
    """

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, kw_only=True)
class Checked(ListAnswer):
    """The result of every check of a target."""

    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class StageReady(Answer):
    """A stage that was set up and checked.

    Attributes:
        changed, failed: how many operations changed something, and how many failed.
        seconds: how long it took.
        url: where it is; "" if it was not needed.
    """

    stage: str
    changed: int
    failed: int
    checks: tuple[Check, ...]
    seconds: float
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Rebuilt(StageReady):
    """A new machine, set up for a stage.

    Attributes:
        took: seconds of each part.
    """

    took: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Begun(Answer):
    """A lesson that has begun.

    Attributes:
        machine: in words.
        host: its address.
        made: the stages that the lesson needs and that had to be set up.
        stands: the names of all targets that are running now.
    """

    machine: str
    host: str
    made: tuple[StageReady, ...]
    stands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reset(Answer):
    """The machine was put back to just before a stage.

    Attributes:
        before: the stages that are on it.
        copied: how many of them were restored from a copy of the disk.
    """

    before: tuple[str, ...]
    copied: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Changes(Answer):
    """What changed on the machine since the current stage began."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Page(Answer):
    """A page of the site."""

    url: str

    @property
    def is_https(self) -> bool:
        """Whether it can only be opened by a browser that trusts the lab's authority."""
        return self.url.startswith("https:")


@dataclass(frozen=True, kw_only=True)
class Broken(Answer):
    """Something that was broken on purpose.

    Attributes:
        name: of a `[[break]]` in course.toml.
        title: the symptom.
        target, url: where the symptom shows.
    """

    name: str
    title: str
    target: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What was broken: its name, its symptom, its cause."""

    name: str
    title: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Mended(Answer):
    """A repair.

    Attributes:
        broken: what was broken; None if nothing was broken with `break_it`.
        stages: the stages that were set up again.
    """

    broken: Fault | None
    stages: tuple[StageReady, ...]


@dataclass(frozen=True, kw_only=True)
class Measured(Answer):
    """Targets that were loaded.

    Attributes:
        session: the one that has the runs.
    """

    session: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Compared(Answer):
    """Two sides that were compared in pairs of runs.

    Attributes:
        session: the one that has the runs; "" if there are none.
        differences: in configuration.
    """

    session: str
    contrast: Contrast
    differences: tuple[Difference, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class PastContrast(Compared):
    """The latest result of a contrast; without runs if it was never measured.

    Attributes:
        when: the day.
        label: "RECORDED …" if it was not measured in this clone.
    """

    when: str
    label: str


@dataclass(frozen=True, kw_only=True)
class MeasuredDuring(Answer):
    """A load, and a command in the middle of it.

    Attributes:
        done: what the command printed.
        began_s, ended_s: when it ran, counted from the start of the measurement window.
        bins: the load in short slices of time.
    """

    session: str
    run: Run
    command: str
    done: Output
    began_s: float
    ended_s: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class ServedVisit:
    """How a small server answered one visitor.

    Attributes:
        ns: how long the answer took.
        by: the process and thread that gave it.
    """

    ns: int
    by: str


@dataclass(frozen=True, kw_only=True)
class Visits(ListAnswer):
    """The visits of several visitors at the same moment, sorted by how long they took."""

    visits: tuple[ServedVisit, ...]
