"""A lesson's answers in a file, as one machine gave them: written while it runs there, read where there is none.

The first line says which machine, when and of which code; each further line is one question and its answer.
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
MIRROR = re.compile(r"((?:Get|Hit|Ign|Err):\d+ )https?://[^/\s]+")  # as apt names it in its lines
HERE = "~/deploylab"  # stands in a recording for the folder of the project
KINDS: dict[str, type[Answer]] = {  # of the answer to each verb of `Live`
    "guest": kinds.Output, "host": kinds.Output, "stop": kinds.Output, "guestfile": kinds.WrittenFile,
    "begin": kinds.Begun, "goto": kinds.StageReady, "reset": kinds.Reset, "rebuild": kinds.Rebuilt,
    "check": kinds.Checked, "diff": kinds.Changes, "show": kinds.Page, "break_it": kinds.Broken, "mend": kinds.Mended,
    "measure": kinds.Measured, "compare": kinds.Compared, "contrast": kinds.PastContrast,
    "measure_during": kinds.MeasuredDuring, "visit": kinds.Visits, "servers": Race,
}


class NotRecorded(DeployLabError):
    """The recording has no answer to just this question."""


def folder() -> Path:
    """Where the shipped recordings lie."""
    return paths.ROOT / "results" / "recorded" / "lessons"


@dataclass
class Recording:
    """The answers of one lesson, given again.

    Attributes:
        machine: what they come from, in words.
        recorded_utc: when.
        answers: by question, in the order in which they were given; as plain data, until one is asked for.
    """

    machine: str
    recorded_utc: str
    answers: dict[str, list[Any]]
    _asked: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What stands on everything that is shown from it."""
        return f"RECORDED on {self.recorded_utc[:10]}, {self.machine}"

    def after(self, asked: dict[str, int]) -> "Recording":
        """The same, for a lesson in which these questions were asked so often already: the next answers come next."""
        return replace(self, _asked=asked)

    def ask(self, verb: str, arguments: dict[str, Any]) -> Any:
        """The recorded answer to exactly this question. Asked again, the next one, and at the end the last one.

        Raises:
            NotRecorded: there is none; the message lists those there are.
            ResultsError: it is from another version.
        """
        question = key(verb, arguments)
        if question not in self.answers:
            known = "\n".join(f"  {line}" for line in self._of(verb)) or "  none"
            raise NotRecorded(f"This was not recorded: {spoken(verb, arguments)}\nRecorded of `{verb}` are:\n{known}",
                              "run one of these, or make a machine of your own: ./lab up")
        number = self._asked.get(question, 0)
        self._asked[question] = number + 1
        found = self.answers[question]
        return _as_answer(verb, found[min(number, len(found) - 1)])

    def all_of(self, verb: str) -> Iterator[Any]:
        """Every answer to a verb, the newest last."""
        for question, answers in self.answers.items():
            if json.loads(question)[0] == verb:
                yield from (_as_answer(verb, answer) for answer in answers)

    def _of(self, verb: str) -> Iterator[str]:
        for question in self.answers:
            known, arguments = json.loads(question)
            if known == verb:
                yield spoken(verb, arguments)


@dataclass(frozen=True)
class Writer:
    """Keeps the answers of a lesson as they come; a crash costs the last one at most."""

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

    def keep(self, verb: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Append one question and its answer. Where the project lies on this computer is nobody's business, nor whence
        its packages come."""
        line = json.dumps({"verb": verb, "arguments": arguments, "answer": answer.to_json()})
        line = MIRROR.sub(r"\1http://mirror", line.replace(json.dumps(str(paths.ROOT))[1:-1], HERE))
        files.append_line(self.path, f"{line}\n".encode())


def _as_answer(verb: str, answer: Any) -> Answer:
    return KINDS[verb].from_json(answer)


def read(lesson: str, where: Path | None = None) -> Recording:
    """The recording of a lesson.

    Raises:
        NotRecorded: there is none, or it is of another version or cut short at the head.
    """
    path = (where or folder()) / f"{lesson}.jsonl"
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        first = json.loads(head)
    except (OSError, ValueError):
        raise NotRecorded(f"There is no recording of {lesson}.", "./lab up, and run the lesson on a machine") from None
    if first.get("schema") != SCHEMA:
        raise NotRecorded(f"The recording of {lesson} is of another version: {first.get('schema')}, not {SCHEMA}.",
                          "./lab up, and run the lesson on a machine")
    answers: dict[str, list[Any]] = {}
    for line in lines:
        try:
            one = json.loads(line)
        except ValueError:
            continue  # the last line of a recording that was cut short
        answers.setdefault(key(one["verb"], one["arguments"]), []).append(one["answer"])
    return Recording(first["machine"], first["recorded_utc"], answers)


def key(verb: str, arguments: dict[str, Any]) -> str:
    """A question as text that is equal where the question is."""
    return json.dumps([verb, arguments], sort_keys=True)


def spoken(verb: str, arguments: dict[str, Any]) -> str:
    """A question as a person would write it, on one line."""
    text = ", ".join(f"{name}={value!r}" for name, value in sorted(arguments.items()) if value not in (None, (), []))
    return f"{verb}({text})" if len(text) < 160 else f"{verb}({text[:157]}...)"
