"""Where the answers of a lesson come from: the machine of this clone, or a recording."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploylab.core.progress import Progress
from deploylab.lessons.live import Live
from deploylab.lessons.recording import Recording, Writer, key

# The most of each in a rehearsal: enough to see that everything works, too little to trust a number.
BRIEF = {"pairs": 2, "rounds": 2, "repeats": 2, "seconds": 1.0}
MEASURED = ("measure", "compare", "servers")


@dataclass
class Backend:
    """Passes each command to the machine or to the recording.

    Attributes:
        live: the machine; None if there is none.
        recording: what answers instead of the machine; None while the machine answers.
        writer: writes what the machine answers to a recording; None if nothing is recorded.
        asked: how often each question was answered in this lesson, by the machine or the recording.
        within: what else the answers depend on, such as the text of an exercise's cell; "" if nothing. It is part of
            the question, so a recording answers only for the same text.
    """

    live: Live | None
    recording: Recording | None = None
    writer: Writer | None = None
    within: str = ""
    asked: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The mark on everything that is shown; "" if the machine answers."""
        return self.recording.label if self.recording else ""

    def recorded(self, recording: Recording) -> "Backend":
        """The same point in the lesson, but the recording answers; the machine is not asked."""
        return Backend(None, recording.after(self.asked), asked=self.asked)

    def shortened(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments for the machine: shorter loads if DEPLOYLAB_BRIEF=1, unless a recording is written."""
        if command not in MEASURED or not self.live or self.writer or os.environ.get("DEPLOYLAB_BRIEF") != "1":
            return arguments
        return {name: min(value, BRIEF[name]) if name in BRIEF else value for name, value in arguments.items()}

    # Positional only: an argument of `measure_during` is called `command` too.
    def ask(self, command: str, progress: Progress, /, *, hear: dict[str, Callable] | None = None,
            **arguments: Any) -> Any:
        """The answer to a command of `Live`.

        Args:
            arguments: plain data; a recording is searched for exactly these.
            hear: functions that the command calls while it works, by parameter name: `on_line`, for example.

        Raises:
            NotRecorded: the recording has no answer to this.
            DeployLabError: the machine could not do it.
        """
        question = {**arguments, "within": self.within} if self.within else arguments
        if self.recording:
            return self.recording.ask(command, question)
        assert self.live is not None
        arguments = self.shortened(command, arguments)
        answer = getattr(self.live, command)(progress, **arguments, **(hear or {}))
        self.asked[key(command, question)] = self.asked.get(key(command, question), 0) + 1
        if self.writer:
            self.writer.keep(command, question, answer)
        return answer
