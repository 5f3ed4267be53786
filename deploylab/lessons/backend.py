"""Where the answers of a lesson come from: the machine of this clone, or the recording of another one."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploylab.core.progress import Progress
from deploylab.lessons.live import Live
from deploylab.lessons.recording import Recording, Writer, key

# The most of each where a lesson is rehearsed: enough to see that all works, too little to believe a number.
BRIEF = {"pairs": 2, "rounds": 2, "repeats": 2, "seconds": 1.0}
MEASURED = ("measure", "compare", "servers")


@dataclass
class Desk:
    """Hands each question to the machine or to the recording.

    Attributes:
        live: the machine; None where there is none.
        recording: what answers instead of it; None while the machine answers.
        writer: keeps what the machine answers, for a recording.
        asked: how often each question was answered, live or recorded, in this lesson.
        within: what the questions are asked for, where their answers depend on it: a solution of an exercise, say. A
            recording has answers for just that.
    """

    live: Live | None
    recording: Recording | None = None
    writer: Writer | None = None
    within: str = ""
    asked: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What stands on everything shown: "" for the machine's own answers."""
        return self.recording.label if self.recording else ""

    def recorded(self, recording: Recording) -> "Desk":
        """The same place in the lesson, where the recording answers. Nothing is asked of the machine."""
        return Desk(None, recording.after(self.asked), asked=self.asked)

    def shortened(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What is really asked of the machine: less, where DEPLOYLAB_BRIEF=1 and nothing is recorded."""
        if verb not in MEASURED or not self.live or self.writer or os.environ.get("DEPLOYLAB_BRIEF") != "1":
            return arguments
        return {name: min(value, BRIEF[name]) if name in BRIEF else value for name, value in arguments.items()}

    def ask(self, verb: str, progress: Progress, *, hear: dict[str, Callable] | None = None, **arguments: Any) -> Any:
        """The answer to a verb of `Live`.

        Args:
            arguments: plain data; a recording is searched for exactly these.
            hear: what the verb calls while it works, by its name there: `on_line` with each line of output, say.

        Raises:
            NotRecorded: the recording has no answer to this.
            DeployLabError: the machine could not do it.
        """
        question = {**arguments, "within": self.within} if self.within else arguments
        if self.recording:
            return self.recording.ask(verb, question)
        assert self.live is not None
        arguments = self.shortened(verb, arguments)
        answer = getattr(self.live, verb)(progress, **arguments, **(hear or {}))
        self.asked[key(verb, question)] = self.asked.get(key(verb, question), 0) + 1
        if self.writer:
            self.writer.keep(verb, question, answer)
        return answer
