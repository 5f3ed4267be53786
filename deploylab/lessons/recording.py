"""A lesson's answers in a file: written while the lesson runs on a machine, read where there is no machine.

The first line names the machine, the time and the code; each of the others is one question and its answer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploylab.core import files, paths
from deploylab.core.errors import DeployLabError
from deploylab.lessons import answers as kinds
from deploylab.lessons.plain_data import Answer
from deploylab.lessons.servers.result import Race

SCHEMA = 1
MIRROR = re.compile(r"((?:Get|Hit|Ign|Err):\d+ )https?://[^/\s]+")  # as apt prints it
HERE = "~/deploylab"  # written instead of the project's folder
KINDS: dict[str, type[Answer]] = {  # of the answer to each command of `Live`
    "guest": kinds.Output, "host": kinds.Output, "stop": kinds.Output, "guestfile": kinds.WrittenFile,
    "begin": kinds.Begun, "goto": kinds.StageReady, "reset": kinds.Reset, "rebuild": kinds.Rebuilt,
    "check": kinds.Checked, "diff": kinds.Changes, "show": kinds.Page, "break_it": kinds.Broken, "mend": kinds.Mended,
    "measure": kinds.Measured, "compare": kinds.Compared, "contrast": kinds.PastContrast,
    "measure_during": kinds.MeasuredDuring, "visit": kinds.Visits, "servers": Race,
}


class NotRecorded(DeployLabError):
    """The recording has no answer to this question."""


def folder() -> Path:
    """Where the recordings are that ship with the course."""
    return paths.ROOT / "results" / "recorded" / "lessons"


@dataclass
class Recording:
    """The recorded answers of one lesson.

    Attributes:
        machine: the machine that gave them, in words.
        recorded_utc: when.
        answers: by question, in the order in which they were given, as plain data.
    """

    machine: str
    recorded_utc: str
    answers: dict[str, list[Any]]
    _asked: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The mark on everything that is shown from it."""
        return f"RECORDED on {self.recorded_utc[:10]}, {self.machine}"

    def after(self, asked: dict[str, int]) -> "Recording":
        """The same recording, continued in a lesson where each question was already asked as often as `asked` says."""
        return replace(self, _asked=asked)

    def ask(self, command: str, arguments: dict[str, Any]) -> Any:
        """The recorded answer to exactly this question. Each time the next one; after the last, the last one again.

        Raises:
            NotRecorded: there is none; the message lists those there are.
            ResultsError: it is from another version.
        """
        question = key(command, arguments)
        if question not in self.answers:
            known = "\n".join(f"  {line}" for line in self._calls(command)) or "  none"
            raise NotRecorded(f"This was not recorded: {as_call(command, arguments)}\n"
                              f"What was recorded of `{command}`:\n{known}",
                              "run one of these, or make a machine of your own: ./lab up")
        number = self._asked.get(question, 0)
        self._asked[question] = number + 1
        answers = self.answers[question]
        return _as_answer(command, answers[min(number, len(answers) - 1)])

    def all_of(self, command: str) -> Iterator[Any]:
        """Every answer to a command, the newest last."""
        for question, answers in self.answers.items():
            if json.loads(question)[0] == command:
                yield from (_as_answer(command, answer) for answer in answers)

    def _calls(self, command: str) -> Iterator[str]:
        """The calls of a command that have an answer."""
        for question in self.answers:
            recorded, arguments = json.loads(question)
            if recorded == command:
                yield as_call(command, arguments)


@dataclass(frozen=True)
class Writer:
    """Writes each answer of a lesson at once; a crash loses at most the last one."""

    path: Path

    @classmethod
    def begin(cls, lesson: str, machine: str, app_rev: str, where: Path | None = None) -> "Writer":
        """A new file for a lesson; an older one of the same lesson is replaced."""
        path = (where or folder()) / f"{lesson}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        head = {"schema": SCHEMA, "lesson": lesson, "machine": machine, "app_rev": app_rev,
                "recorded_utc": datetime.now(UTC).isoformat(timespec="seconds")}
        path.write_text(json.dumps(head) + "\n", encoding="utf-8")
        return cls(path)

    def keep(self, command: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Append one question and its answer, without the path of the project and the name of the package mirror."""
        line = json.dumps({"verb": command, "arguments": arguments, "answer": answer.to_json()})
        line = MIRROR.sub(r"\1http://mirror", line.replace(json.dumps(str(paths.ROOT))[1:-1], HERE))
        files.append_line(self.path, f"{line}\n".encode())


def _as_answer(command: str, answer: Any) -> Answer:
    return KINDS[command].from_json(answer)


def read(lesson: str, where: Path | None = None) -> Recording:
    """The recording of a lesson.

    Raises:
        NotRecorded: there is none, it is from another version, or its first line is damaged.
    """
    path = (where or folder()) / f"{lesson}.jsonl"
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        first = json.loads(head)
    except (OSError, ValueError):
        raise NotRecorded(f"There is no recording of {lesson}.", "./lab up, and run the lesson on a machine") from None
    if first.get("schema") != SCHEMA:
        raise NotRecorded(f"The recording of {lesson} has schema {first.get('schema')}; this version reads {SCHEMA}.",
                          "./lab up, and run the lesson on a machine")
    answers: dict[str, list[Any]] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue  # the last line of an incomplete recording
        answers.setdefault(key(row["verb"], row["arguments"]), []).append(row["answer"])
    return Recording(first["machine"], first["recorded_utc"], answers)


def key(command: str, arguments: dict[str, Any]) -> str:
    """A question as text: equal questions give equal texts."""
    return json.dumps([command, arguments], sort_keys=True)


def as_call(command: str, arguments: dict[str, Any]) -> str:
    """A question as a call in Python, on one line."""
    text = ", ".join(f"{name}={value!r}" for name, value in sorted(arguments.items()) if value not in (None, (), []))
    return f"{command}({text})" if len(text) < 160 else f"{command}({text[:157]}...)"
