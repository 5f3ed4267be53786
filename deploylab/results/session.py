"""Results on disk: a session is a folder with its plan and one line for each run.

    results/2026-11-23_190512_ab12/session.json   the plan, and how far it is
    results/2026-11-23_190512_ab12/runs.jsonl     one run per line, written as soon as it ends

A crash costs at most the run that was being written: that line is moved to
`runs.jsonl.damaged`, and every reader reports it.
"""

import json
import secrets
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploylab.core import paths
from deploylab.core.errors import ResultsError
from deploylab.core.files import add_line, explained, replace, whole_json
from deploylab.results.record import Run

SCHEMA = 1  # of session.json; increase it when a key changes its meaning


class DamagedResults(UserWarning):
    """A line of `runs.jsonl` cannot be read, so its run is left out."""


@dataclass
class Session:
    """One session of measuring: its folder and its plan.

    Args:
        folder: contains `session.json` and `runs.jsonl`.
        plan: the content of `session.json`: schema, session_id, created_utc, kind ("run", "measure", "compare" or
            "sweep"), quick, stages, cells, n_rounds, seconds, warmup_s, contrasts, n_pairs, pair_seconds, differences
            (by contrast), clients, rates, limit_ms, machine, ceiling, converge, finished_utc.

    Example:
        >>> session = Session.create(stages=["nginx"], n_rounds=5)     # doctest: +SKIP
        >>> session.append(run)                                        # doctest: +SKIP
        >>> session.finish()                                           # doctest: +SKIP
    """

    folder: Path
    plan: dict[str, Any]

    @classmethod
    def create(cls, **plan: Any) -> "Session":
        """A new session on disk, with this plan and a new identifier.

        Raises:
            ResultsError: the folder cannot be created.
        """
        now = datetime.now(UTC)
        with explained(paths.results_dir()):
            paths.results_dir().mkdir(parents=True, exist_ok=True)
            now = _after(latest(), now)
            folder = _new_folder(now)
        session = cls(folder, {
            "schema": SCHEMA, "session_id": folder.name, "created_utc": now.isoformat(),
            "finished_utc": None, "converge": [], **plan,
        })
        session.update()
        return session

    @staticmethod
    def open(session_id: str) -> "Session":
        """The session with that identifier, one's own or one that comes with the course.

        Raises:
            ResultsError: there is none, its plan is damaged, or it is from another version.
        """
        for folder in (place / session_id for place in (paths.results_dir(), *_recorded_dirs())):
            if (folder / "session.json").exists():
                return _read(folder / "session.json")
        known = ", ".join(s.id for s in sessions()[-3:]) or "none yet"
        shipped = ", ".join(s.id for s in recorded()) or "none"
        raise ResultsError(f"There is no session '{session_id}' in {paths.results_dir()}. The latest of your own are: "
                           f"{known}. Recorded: {shipped}.", "./lab run, or name one of these")

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def finished(self) -> bool:
        return self.plan.get("finished_utc") is not None

    @property
    def recorded(self) -> bool:
        """Whether it comes with the course and was not measured here."""
        return self.folder.parent.resolve() in _recorded_dirs()

    @property
    def runs_file(self) -> Path:
        return self.folder / "runs.jsonl"

    def update(self, **changes: Any) -> None:
        """Change these keys of the plan, on disk in one step: a reader sees the old plan or the new one.

        Raises:
            ResultsError: it cannot be written; the old plan remains.
        """
        plan = {**self.plan, **changes}
        text = json.dumps(plan, indent=2, allow_nan=False) + "\n"
        with explained(self.folder):
            replace(self.folder / "session.json", text.encode())
        self.plan = plan

    def finish(self) -> None:
        """Mark the session as finished; `latest_unfinished` ignores it from now on."""
        self.update(finished_utc=datetime.now(UTC).isoformat())

    def append(self, run: Run) -> None:
        """Write a run to disk immediately.

        Raises:
            ResultsError: it cannot be written. Earlier runs are safe.
        """
        try:
            line = run.to_json().encode() + b"\n"
        except ValueError as error:
            raise ResultsError(f"Run {run.run_id} contains a figure that is not a number: {error}.") from error
        with explained(self.folder):
            add_line(self.runs_file, line)

    def runs(self, purpose: str | None = None) -> list[Run]:
        """All runs, in the order in which they ended. A damaged line is skipped with a `DamagedResults` warning.

        Args:
            purpose: only these runs: "preview", "round", "measure", "pair" or "sweep".

        Raises:
            ResultsError: a run is from another version, or the file cannot be read.
        """
        runs, problems = self.read()
        for problem in problems:
            warnings.warn(problem, DamagedResults, stacklevel=2)
        return [run for run in runs if purpose in (None, run.purpose)]

    def problems(self) -> list[str]:
        """What is damaged, one sentence per problem; empty is good."""
        return self.read()[1]

    def measured(self) -> set[tuple[int, str, str | None, str, int]]:
        """What the rounds have measured: (round, stage, variant, view, concurrency), to resume from."""
        return {(run.round, run.stage, run.variant, run.view, run.concurrency)
                for run in self.read()[0] if run.purpose == "round" and run.round is not None}

    def read(self) -> tuple[list[Run], list[str]]:
        """All runs, and what is damaged, one sentence per problem. Raises: as `runs`."""
        with explained(self.folder):
            data = self.runs_file.read_bytes() if self.runs_file.exists() else b""
        runs, problems = [], []
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            if (text := whole_json(line)) is None:
                problems.append(f"Line {number} of {self.id}/runs.jsonl is damaged; that run is left out.")
            else:
                runs.append(self._run(text, number))
        if (aside := self.folder / "runs.jsonl.damaged").exists():
            problems.append(f"{_count_lines(aside)} incomplete run(s) are in {self.id}/{aside.name}; "
                            "a measurement was stopped while it was being written.")
        return runs, problems

    def _run(self, text: str, number: int) -> Run:
        try:
            return Run.from_json(text)
        except ResultsError as error:
            raise ResultsError(f"Line {number} of {self.id}/runs.jsonl: {error.what}",
                               error.next_step or "./lab run") from error


def sessions() -> list[Session]:
    """One's own sessions, the oldest first. A session that cannot be read is left out with a warning."""
    return _sessions_in(paths.results_dir())


def recorded() -> list[Session]:
    """The sessions that come with the course, the oldest first."""
    by_id = {session.id: session for place in reversed(_recorded_dirs()) for session in _sessions_in(place)}
    return sorted(by_id.values(), key=_age)


def latest() -> Session | None:
    """The newest of one's own sessions, or None."""
    return next(reversed(sessions()), None)


def latest_unfinished(kind: str) -> Session | None:
    """The newest of one's own unfinished sessions of that kind, or None.

    Args:
        kind: "run", "measure" or "compare". A stopped session stays unfinished, and must not hide one of another kind.
    """
    mine = (session for session in reversed(sessions()) if session.plan.get("kind") == kind)
    return next((session for session in mine if not session.finished), None)


def resumable(plan: dict[str, Any]) -> Session | None:
    """The newest session that was to measure exactly this and is not finished, or None."""
    session = latest_unfinished(plan["kind"])
    same = session and all(session.plan.get(key) == value for key, value in plan.items())
    return session if same else None


def latest_run() -> Session | None:
    """The newest session of `./lab run`, finished or not."""
    return next((s for s in reversed(sessions()) if s.plan.get("kind") == "run"), None)


def _recorded_dirs() -> list[Path]:
    """The folders of recorded sessions: beside one's own, and in the clone if results are kept elsewhere."""
    places = paths.results_dir(), paths.ROOT / "results"
    return list(dict.fromkeys((place / "recorded").resolve() for place in places))


def _sessions_in(folder: Path) -> list[Session]:
    readable = []
    for plan_file in folder.glob("*/session.json"):
        try:
            readable.append(_read(plan_file))
        except ResultsError as error:
            warnings.warn(error.what, DamagedResults, stacklevel=3)
    return sorted(readable, key=_age)


def _age(session: Session) -> tuple[str, str]:
    return session.plan.get("created_utc", ""), session.id


def _after(newest: Session | None, now: datetime) -> datetime:
    """The time of a new session: after the newest one, even if the clock was set back in between."""
    created_utc = newest.plan.get("created_utc") if newest else None
    return max(now, datetime.fromisoformat(created_utc) + timedelta(seconds=1)) if created_utc else now


def _new_folder(now: datetime) -> Path:
    """An empty folder, named by the time in UTC and four random digits; no two callers get the same one."""
    while True:
        folder = paths.results_dir() / f"{now:%Y-%m-%d_%H%M%S}_{secrets.token_hex(2)}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue


def _read(file: Path) -> Session:
    """The session with this plan."""
    with explained(file):
        data = file.read_bytes()
    text = whole_json(data)
    plan = json.loads(text) if text else None
    if not isinstance(plan, dict):
        raise ResultsError(f"The plan of session {file.parent.name} is damaged: {file}.", "./lab run")
    if plan.get("schema") != SCHEMA:
        raise ResultsError(
            f"Session {file.parent.name} has schema {plan.get('schema')}; "
            f"this version reads schema {SCHEMA}.",
            "measure again with this version (./lab run), or read it with the one that wrote it",
        )
    return Session(file.parent, plan)


def _count_lines(file: Path) -> int:
    return sum(1 for line in file.read_bytes().split(b"\n") if line.strip())
