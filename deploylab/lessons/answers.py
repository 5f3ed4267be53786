"""What each command of a lesson gives back: one frozen dataclass a kind. A recording keeps them as JSON."""

from dataclasses import dataclass

from deploylab.course import Contrast
from deploylab.lessons.plain_data import Answer, ListAnswer
from deploylab.machine.snapshot import Change
from deploylab.provision.checks import Check
from deploylab.results.bins import Bin
from deploylab.results.record import Difference, Run


@dataclass(frozen=True, kw_only=True)
class Output(Answer):
    """What a cell printed, on the machine or here.

    Attributes:
        out: both of its streams.
        status: how it ended; 0 is good.
        seconds: how long it took; 0 for one in the background.
        background: the name under which it goes on.
        log: where it writes, on the machine.
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
        before, after: its text; before is None where there was none.
    """

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, kw_only=True)
class Checked(ListAnswer):
    """What every check of a target saw."""

    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class StageReady(Answer):
    """A stage that was converged to and checked.

    Attributes:
        changed, failed: how many operations changed something, and failed.
        seconds: how long it took.
        url: where it is; "" where nobody asked.
    """

    stage: str
    changed: int
    failed: int
    checks: tuple[Check, ...]
    seconds: float
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Rebuilt(StageReady):
    """A new machine, brought to a stage.

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
        made: what the lesson needs and was not there.
        stands: every target that answers now, by name.
    """

    machine: str
    host: str
    made: tuple[StageReady, ...]
    stands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reset(Answer):
    """The machine became what it was before a stage.

    Attributes:
        before: the stages that are on it.
        copied: how many of them came from a copy of the disk.
    """

    before: tuple[str, ...]
    copied: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Changes(Answer):
    """What differs on the machine since the present stage began."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Page(Answer):
    """A page of the site."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Broken(Answer):
    """What was broken on purpose.

    Attributes:
        name: of a `[[break]]` in course.toml.
        title: the symptom.
        target, url: where it is seen.
    """

    name: str
    title: str
    target: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What had been broken: its name, its symptom, its cause."""

    name: str
    title: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Mended(Answer):
    """What was put right.

    Attributes:
        broken: None where nothing was known to be.
        stages: what was converged to.
    """

    broken: Fault | None
    stages: tuple[StageReady, ...]


@dataclass(frozen=True, kw_only=True)
class Measured(Answer):
    """Targets that were loaded.

    Attributes:
        session: where the runs are kept.
    """

    session: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Compared(Answer):
    """Two sides that were raced in pairs.

    Attributes:
        session: where the runs are kept; "" where there are none.
        differences: in configuration.
    """

    session: str
    contrast: Contrast
    differences: tuple[Difference, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class PastContrast(Compared):
    """A contrast as it was last measured; with no runs, nobody has.

    Attributes:
        when: the day.
        label: "RECORDED …" where it was not measured in this clone.
    """

    when: str
    label: str


@dataclass(frozen=True, kw_only=True)
class MeasuredDuring(Answer):
    """A load, and a command in the middle of it.

    Attributes:
        done: what the command printed.
        began_s, ended_s: when it ran, from the opening of the window.
        bins: the load bit by bit.
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
    """What one visitor of a small server met.

    Attributes:
        ns: how long the answer took.
        by: the process and thread that gave it.
    """

    ns: int
    by: str


@dataclass(frozen=True, kw_only=True)
class Visits(ListAnswer):
    """Visitors at the same moment; who was served first comes first."""

    visits: tuple[ServedVisit, ...]
