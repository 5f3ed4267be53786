"""`lab`, what a notebook speaks to. Each verb asks the desk and shows the answer."""

from typing import Any, Literal

from rich.console import Console

from deploylab.core import units
from deploylab.core.errors import DeployLabError, HostError
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.lessons import predictions, recording
from deploylab.lessons.backend import Desk
from deploylab.lessons.background_compare import Racing
from deploylab.lessons.display import measured, output, program, session
from deploylab.lessons.display import predictions as outcomes
from deploylab.lessons.display.output import Shown
from deploylab.lessons.display.session import Findings
from deploylab.lessons.fallback import PlanB
from deploylab.lessons.practice import Practice
from deploylab.lessons.predictions import Prediction
from deploylab.lessons.servers import race as servers
from deploylab.lessons.servers import result
from deploylab.lessons.servers.visitors import shown_visits
from deploylab.lessons.widgets import Beside, LoadPanel


class Lab(Practice, PlanB):
    """The lab, for one notebook.

    Example, in a notebook:
        lab.begin("05_nginx_gunicorn")
        lab.goto("nginx")
        lab.compare("nginx:sync", "nginx", view="wait", concurrency=32)
        lab.plan_b()   # something went wrong in front of the room: from here on, recorded answers; lab.live() and back
    """

    def __init__(self, course: Course):
        Practice.__init__(self)
        PlanB.__init__(self)
        self._course = course
        self._desk: Desk | None = None
        self._race: Racing | None = None
        self._lesson, self._beside = "", Beside()

    def begin(self, lesson: str) -> Shown:
        """Begin a lesson: find the machine and bring up what the lesson needs; without a machine, take the recording.

        Args:
            lesson: the name of the notebook.

        Raises:
            CourseError: there is no such lesson.
            NotRecorded: there is no machine, and no recording of the lesson.
        """
        one = self._course.lesson(lesson)
        self._lesson, self._desk = lesson, self._desk_for(lesson)
        answer = self._ask("begin")
        made = "".join(f" {found.stage} was brought up in {units.seconds(found.seconds)}."
                       for found in answer.made)
        text = (f"{one.title}. The machine: {answer.machine}.{made}\n"
                f"On it: {', '.join(answer.stands) or 'nothing'}.")
        if one.by_hand:
            text += f'\nThis lesson builds {one.by_hand} by hand. lab.reset("{one.by_hand}") makes room for it.'
        if self._desk.recording and not self._recorded:
            text = f"There is no machine, so every answer is a recorded one. To have one: ./lab up\n{text}"
        return output.text(text, self.label, answer)

    @property
    def label(self) -> str:
        """What stands on everything that is shown: "" where it happens here."""
        return self._desk.label if self._desk else ""

    @property
    def lesson(self) -> str:
        """The name of the lesson that has begun."""
        return self._lesson

    def goto(self, target: str, *variants: str) -> Shown:
        """Bring the machine to a stage, from any state, and check it.

        Args:
            target: STAGE or STAGE:VARIANT.
            variants: more variants of the stage, by their own names.
        """
        return output.goto(self._ask("goto", target=target, variants=list(variants)), self.label)

    def reset(self, stage: str) -> Shown:
        """Make the machine what it was before a stage. All that is on it goes."""
        answer = self._ask("reset", stage=stage)
        return output.text(f"In {units.seconds(answer.seconds)} the machine became what it was before {stage}. "
                          f"On it: {', '.join(answer.before) or 'nothing'}.", self.label, answer)

    def rebuild(self, stage: str) -> Shown:
        """Destroy the machine, make a new one, and bring it to a stage. All that was on it is gone; nobody types."""
        return output.rebuilt(self._ask("rebuild", stage=stage), self.label)

    def check(self, target: str) -> Shown:
        """Ask whether a stage or variant really is what it claims to be."""
        answer = self._ask("check", target=target)
        return output.checks(answer.checks, self.label, answer)

    def measure(self, *targets: str, view: str = "page", concurrency: int | None = None, seconds: float = 3.0,
                repeats: int = 3) -> Shown:
        """Load one or more targets, interleaved, and say what came out.

        Args:
            targets: STAGE or STAGE:VARIANT; none for all that stand.
            concurrency: clients at a time; the view's own if None.
            repeats: runs of each.
        """
        answer = self._ask("measure", targets=list(targets), view=view, concurrency=concurrency, seconds=seconds,
                           repeats=repeats)
        return measured.measured(answer, self._course, self.label)

    def compare(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None,
                concurrency: int | None = None, pairs: int = 5, seconds: float = 3.0,
                slow_clients: int | None = None) -> Shown:
        """Race two targets in pairs, A B then B A, and say what the one is worth against the other.

        Args:
            view: the page; without it, the course's own load for these two.
            b_view: the page of side B, where it is another.
            slow_clients: half-sent requests held beside each load.
        """
        answer = self._ask("compare", a=a, b=b, view=view, b_view=b_view, concurrency=concurrency, pairs=pairs,
                           seconds=seconds, slow_clients=slow_clients)
        return measured.compared(answer, self._course, self.label)

    def race(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None,
             concurrency: int | None = None, pairs: int = 5, seconds: float = 3.0,
             slow_clients: int | None = None) -> Racing:
        """As `compare`, but it goes on while you read: the chart grows pair by pair, and `result()` waits for the end.

        Example, in two cells:
            race = lab.race("nginx:sync", "nginx", view="wait"); race
            race.result()
        """
        asked = {"a": a, "b": b, "view": view, "b_view": b_view, "concurrency": concurrency, "pairs": pairs,
                 "seconds": seconds, "slow_clients": slow_clients}
        if not (self._race and self._race.asked == asked and self._race.running):  # the cell may be run once more
            self._race = Racing(self._begun(), self._course, asked)
        return self._race

    def panel(self) -> LoadPanel | Shown:
        """A load by hand: choose a stage and a page, start, watch, stop."""
        live = self._begun().live
        if live is None:
            return output.text("A load by hand needs a machine. To have one: ./lab up", self.label)
        return LoadPanel(live.machine, self._course)

    def contrast(self, name: str) -> Shown:
        """A contrast of the course as it was last measured: in this clone, else in the runs that ship with the course.

        Args:
            name: of the [[contrast]] in course.toml: "debug".
        """
        return measured.known(self._ask("contrast", name=name), self._course, self.label)

    def measure_during(self, target: str, command: str, *, view: str = "page", rate: float | None = None,
                       concurrency: int | None = None, seconds: float = 6.0, after: float = 2.0,
                       on: Literal["guest", "host"] = "guest") -> Shown:
        """Load a target, run one command meanwhile, and say what those who asked then noticed.

        Args:
            command: for bash, in the notebook's shell.
            rate: requests that are due each second, whether or not the server keeps up; None for clients that wait.
            concurrency: those clients; the view's own number if None.
            after: seconds of load before the command.
            on: where the command runs: on the machine, or as `%%host` does on this computer.
        """
        answer = self._ask("measure_during", target=target, command=command, view=view, rate=rate,
                           concurrency=concurrency, seconds=seconds, after=after, on=on)
        return measured.during(answer, self.label)

    def predict(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None, guess: str = "same",
                because: str = "") -> Shown:
        """Keep a guess before `lab.race` or `lab.compare` is asked the same: what B does against A.

        Args:
            guess: slower, same, 2x or 10x.
            because: one reason.
        """
        one = Prediction(lesson=self._lesson, a=a, b=b, view=view, b_view=b_view, guess=guess, because=because)
        predictions.keep(one)
        return output.text(f"Your guess: {one.spoken}" + (f", because {because}." if because else "."))

    def predictions(self) -> Shown:
        """Every guess of every lesson, beside what came out."""
        return outcomes.told(predictions.kept(), self._course)

    def results(self) -> Findings:
        """The newest finished session of `./lab run`, to be looked at; without one, the one that ships."""
        return session.newest(self._course)

    def servers(self, rounds: int = servers.ROUNDS, seconds: float = servers.SECONDS) -> Shown:
        """Race the five small servers of `notebooks/servers/` on this computer. With one core: the recorded race.

        Args:
            rounds: runs of each server and path.
            seconds: of each run.
        """
        asked = {"rounds": rounds, "seconds": seconds}
        try:
            return result.shown_race(self._ask("servers", **asked), self.label)
        except HostError as error:
            kept = recording.read(self._lesson)
            print(error.what)
            return result.shown_race(kept.ask("servers", asked), kept.label)

    def visit(self, server: str, path: str = "wait", visitors: int = 3) -> Shown:
        """Send a few visitors at the same moment to one of the small servers, and show what each of them met."""
        answer = self._ask("visit", server=server, path=path, visitors=visitors)
        return shown_visits(answer, f"{server}, {path}", self.label)

    def source(self, path: str) -> Shown:
        """A program of the notebooks' folder, to be read.

        Args:
            path: from that folder: "servers/blocking.py".
        """
        return program.shown_source(path)

    def show(self, target: str, path: str = "/") -> Shown:
        """The site in a pane beside the notebook, with a plain link."""
        answer = self._ask("show", target=target, path=path)
        if not self.label:
            self._beside.show(answer.url, f"{target} {path}")
        return output.site(answer, f"{target} {path}", self.label)

    def diff(self) -> Shown:
        """Everything that changed on the machine since `lab.goto` or `lab.reset` began."""
        return output.changes(self._ask("diff"), self.label)

    def stop(self, name: str) -> Shown:
        """End a command that was started with `%%guest --background NAME`, and show what it printed."""
        return output.output(self._ask("stop", name=name), self.label)

    def guest(self, text: str, background: str | None = None, on_line=None) -> Shown:
        """Run a cell on the machine: what `%%guest` does."""
        return output.output(self._ask("guest", on_line=on_line, text=text, background=background), self.label)

    def host(self, text: str, on_line=None) -> Shown:
        """Run a cell on this computer: what `%%host` does."""
        return output.output(self._ask("host", on_line=on_line, text=text), self.label)

    def guestfile(self, path: str, text: str, mode: str = "0644", owner: str = "root:root") -> Shown:
        """Write a file on the machine and show the difference: what `%%guestfile` does."""
        return output.written(self._ask("guestfile", path=path, text=text, mode=mode, owner=owner), self.label)

    def _begun(self) -> Desk:
        if self._desk is None:
            raise DeployLabError("The lesson has not begun.", "run the first cell: %load_ext deploylab, then lab.begin")
        return self._desk

    def _ask(self, verb: str, on_line=None, **arguments: Any) -> Any:
        desk = self._begun()
        # As plain text: in a notebook rich would make a paragraph of each line.
        plain = Console(highlight=False, width=100, force_terminal=False, force_jupyter=False)
        progress = Progress(f"lab-{verb}", plain)
        return desk.ask(verb, progress, hear={"on_line": on_line} if on_line else None, **arguments)
