"""`lab`, which the cells of a notebook call. Each command asks the backend and shows the answer."""

from typing import Any, Literal

from rich.console import Console

from deploylab.core import units
from deploylab.core.errors import DeployLabError, HostError
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.lessons import predictions, recording
from deploylab.lessons.backend import Backend
from deploylab.lessons.background_compare import BackgroundCompare
from deploylab.lessons.display import measured, output, program, session
from deploylab.lessons.display import predictions as outcomes
from deploylab.lessons.display.output import Shown
from deploylab.lessons.display.session import SessionDisplay
from deploylab.lessons.fallback import PlanB
from deploylab.lessons.practice import Practice
from deploylab.lessons.predictions import Prediction
from deploylab.lessons.servers import race as servers
from deploylab.lessons.servers import result
from deploylab.lessons.servers.visitors import shown_visits
from deploylab.lessons.widgets import LoadPanel, SitePane


class Lab(Practice, PlanB):
    """The object `lab` of a notebook.

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
        self._backend: Backend | None = None
        self._race: BackgroundCompare | None = None
        self._lesson, self._site_pane = "", SitePane()

    def begin(self, lesson: str) -> Shown:
        """Begin a lesson: find the machine and set up what the lesson needs; without a machine, use the recording.

        Args:
            lesson: the name of the notebook.

        Raises:
            CourseError: there is no such lesson.
            NotRecorded: there is no machine, and no recording of the lesson.
        """
        chosen = self._course.lesson(lesson)
        self._lesson, self._backend = lesson, self._backend_for(lesson)
        answer = self._ask("begin")
        made = "".join(f" {stage.stage} was set up in {units.seconds(stage.seconds)}." for stage in answer.made)
        text = (f"{chosen.title}. The machine: {answer.machine}.{made}\n"
                f"Running on it: {', '.join(answer.stands) or 'nothing'}.")
        if chosen.by_hand:
            text += f'\nThis lesson builds {chosen.by_hand} by hand. lab.reset("{chosen.by_hand}") makes room for it.'
        if self._backend.recording and not self._recorded:
            text = f"There is no machine, so every answer comes from a recording. To make one: ./lab up\n{text}"
        return output.text(text, self.label, answer)

    @property
    def label(self) -> str:
        """The mark on everything that is shown; "" if the machine answers."""
        return self._backend.label if self._backend else ""

    @property
    def lesson(self) -> str:
        """The name of the lesson that has begun."""
        return self._lesson

    def goto(self, target: str, *variants: str) -> Shown:
        """Set the machine up for a stage, from any state, and check it.

        Args:
            target: STAGE or STAGE:VARIANT.
            variants: more variants of the stage, without the stage's name.
        """
        return output.goto(self._ask("goto", target=target, variants=list(variants)), self.label)

    def reset(self, stage: str) -> Shown:
        """Put the machine back to just before a stage. Everything on it is lost."""
        answer = self._ask("reset", stage=stage)
        return output.text(f"In {units.seconds(answer.seconds)} the machine was put back to just before {stage}. "
                          f"On it: {', '.join(answer.before) or 'nothing'}.", self.label, answer)

    def rebuild(self, stage: str) -> Shown:
        """Destroy the machine, make a new one, and set it up for a stage. Everything that was on it is lost."""
        return output.rebuilt(self._ask("rebuild", stage=stage), self.label)

    def check(self, target: str) -> Shown:
        """Check that a stage or variant is set up as it should be."""
        answer = self._ask("check", target=target)
        return output.checks(answer.checks, self.label, answer)

    def measure(self, *targets: str, view: str = "page", concurrency: int | None = None, seconds: float = 3.0,
                repeats: int = 3, keepalive: bool = True, rtt_ms: float | None = None,
                mbit: float | None = None) -> Shown:
        """Run load tests on one or more targets in turns, and show the results.

        Args:
            targets: STAGE or STAGE:VARIANT; none for all that are running.
            concurrency: clients at a time; the view's default if None.
            repeats: runs of each.
            keepalive: whether clients keep their connections; else each request opens one.
            rtt_ms, mbit: clients far away, with such a round trip and a line of such a rate; None: right here.
        """
        answer = self._ask("measure", targets=list(targets), view=view, concurrency=concurrency, seconds=seconds,
                           repeats=repeats, **_clients(keepalive, rtt_ms, mbit))
        return measured.measured(answer, self._course, self.label)

    def compare(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None,
                concurrency: int | None = None, pairs: int = 5, seconds: float = 3.0,
                slow_clients: int | None = None, keepalive: bool = True, rtt_ms: float | None = None,
                mbit: float | None = None) -> Shown:
        """Compare two targets in pairs of runs, A B then B A, and show how much faster or slower B is.

        Args:
            view: the page; if None, the load that the course has for these two.
            b_view: the page of side B, if it is another one.
            slow_clients: half-sent requests that are held open during each run.
            keepalive: whether clients keep their connections; else each request opens one.
            rtt_ms, mbit: clients far away, with such a round trip and a line of such a rate; None: right here.
        """
        answer = self._ask("compare", a=a, b=b, view=view, b_view=b_view, concurrency=concurrency, pairs=pairs,
                           seconds=seconds, slow_clients=slow_clients, **_clients(keepalive, rtt_ms, mbit))
        return measured.compared(answer, self._course, self.label)

    def race(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None,
             concurrency: int | None = None, pairs: int = 5, seconds: float = 3.0,
             slow_clients: int | None = None, rtt_ms: float | None = None,
             mbit: float | None = None) -> BackgroundCompare:
        """As `compare`, but in the background: the chart grows pair by pair, and `result()` waits for the end.

        Example, in two cells:
            race = lab.race("nginx:sync", "nginx", view="wait"); race
            race.result()
        """
        arguments = {"a": a, "b": b, "view": view, "b_view": b_view, "concurrency": concurrency, "pairs": pairs,
                     "seconds": seconds, "slow_clients": slow_clients, **_clients(True, rtt_ms, mbit)}
        # If the cell is run again meanwhile, it shows the same race.
        if not (self._race and self._race.arguments == arguments and self._race.running):
            self._race = BackgroundCompare(self._begun(), self._course, arguments)
        return self._race

    def panel(self) -> LoadPanel | Shown:
        """A load test by hand: choose a stage and a page, start, watch, stop."""
        live = self._begun().live
        if live is None:
            return output.text("A load test by hand needs a machine. To make one: ./lab up", self.label)
        return LoadPanel(live.machine, self._course)

    def contrast(self, name: str) -> Shown:
        """The latest result of a contrast of the course: from this clone, else from the runs that ship with it.

        Args:
            name: of the [[contrast]] in course.toml: "debug".
        """
        return measured.past_contrast(self._ask("contrast", name=name), self._course, self.label)

    def measure_during(self, target: str, command: str, *, view: str = "page", rate: float | None = None,
                       concurrency: int | None = None, seconds: float = 6.0, after: float = 2.0,
                       on: Literal["guest", "host"] = "guest") -> Shown:
        """Run a load test and, in the middle of it, one command; show which requests failed or waited because of it.

        Args:
            command: for bash, in the notebook's shell.
            rate: requests due per second, even if the server cannot keep up (open loop); None for a closed loop.
            concurrency: the clients of the closed loop; the view's default if None.
            after: seconds of load before the command.
            on: where the command runs: on the machine, or on this computer as with `%%host`.
        """
        answer = self._ask("measure_during", target=target, command=command, view=view, rate=rate,
                           concurrency=concurrency, seconds=seconds, after=after, on=on)
        return measured.during(answer, self.label)

    def predict(self, a: str, b: str, *, view: str | None = None, b_view: str | None = None, guess: str = "same",
                because: str = "") -> Shown:
        """Save a guess, before `lab.race` or `lab.compare` measures the same: how much faster or slower B is than A.

        Args:
            guess: slower, same, 2x or 10x.
            because: one reason.
        """
        prediction = Prediction(lesson=self._lesson, a=a, b=b, view=view, b_view=b_view, guess=guess, because=because)
        predictions.save(prediction)
        return output.text(f"Your guess: {prediction.sentence}" + (f", because {because}." if because else "."))

    def predictions(self) -> Shown:
        """Every guess of every lesson, beside the result."""
        return outcomes.beside_results(predictions.saved(), self._course)

    def results(self) -> SessionDisplay:
        """The newest finished session of `./lab run`; if there is none, the one that ships with the course."""
        return session.newest(self._course)

    def servers(self, rounds: int = servers.ROUNDS, seconds: float = servers.SECONDS) -> Shown:
        """Compare the five small servers of `notebooks/servers/` on this computer. With one core: the recorded result.

        Args:
            rounds: runs of each server and path.
            seconds: of each run.
        """
        arguments = {"rounds": rounds, "seconds": seconds}
        try:
            return result.shown_race(self._ask("servers", **arguments), self.label)
        except HostError as error:
            recorded = recording.read(self._lesson)
            print(error.what)
            return result.shown_race(recorded.ask("servers", arguments), recorded.label)

    def visit(self, server: str, path: str = "wait", visitors: int = 3) -> Shown:
        """Send a few visitors to a small server at the same moment; show how long each waited, and who served it."""
        answer = self._ask("visit", server=server, path=path, visitors=visitors)
        return shown_visits(answer, f"{server}, {path}", self.label)

    def source(self, path: str) -> Shown:
        """Show a program from the notebooks' folder.

        Args:
            path: relative to that folder: "servers/blocking.py".
        """
        return program.shown_source(path)

    def show(self, target: str, path: str = "/") -> Shown:
        """Show the site in a pane beside the notebook, and a link to it; over HTTPS the link alone."""
        answer = self._ask("show", target=target, path=path)
        if not (self.label or answer.is_https):  # a browser shows no warning in a pane, and nothing else either
            self._site_pane.show(answer.url, f"{target} {path}")
        return output.site(answer, f"{target} {path}", self.label)

    def diff(self) -> Shown:
        """Everything that changed on the machine since `lab.goto` or `lab.reset` began."""
        return output.changes(self._ask("diff"), self.label)

    def stop(self, name: str) -> Shown:
        """End a command that was started with `%%guest --background NAME`, and show what it printed."""
        return output.output(self._ask("stop", name=name), self.label)

    def guest(self, text: str, background: str | None = None, on_line=None) -> Shown:
        """Run a cell on the machine; used by `%%guest`."""
        return output.output(self._ask("guest", on_line=on_line, text=text, background=background), self.label)

    def host(self, text: str, on_line=None) -> Shown:
        """Run a cell on this computer; used by `%%host`."""
        return output.output(self._ask("host", on_line=on_line, text=text), self.label)

    def guestfile(self, path: str, text: str, mode: str = "0644", owner: str = "root:root") -> Shown:
        """Write a file on the machine and show what changed; used by `%%guestfile`."""
        return output.written(self._ask("guestfile", path=path, text=text, mode=mode, owner=owner), self.label)

    def _begun(self) -> Backend:
        if self._backend is None:
            raise DeployLabError("The lesson has not begun.", "run the first cell: %load_ext deploylab, then lab.begin")
        return self._backend

    # Positional only: an argument of `measure_during` is called `command` too.
    def _ask(self, command: str, /, on_line=None, **arguments: Any) -> Any:
        backend = self._begun()
        # As plain text: in a notebook rich would make a paragraph of each line.
        plain = Console(highlight=False, width=100, force_terminal=False, force_jupyter=False)
        progress = Progress(f"lab-{command}", plain)
        return backend.ask(command, progress, hear={"on_line": on_line} if on_line else None, **arguments)


def _clients(keepalive: bool, rtt_ms: float | None, mbit: float | None) -> dict[str, float | bool]:
    """The arguments of a command for clients that differ from the usual ones; a recording has no others."""
    given = {"keepalive": None if keepalive else False, "rtt_ms": rtt_ms, "mbit": mbit}
    return {name: value for name, value in given.items() if value is not None}
