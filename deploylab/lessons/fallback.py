"""Plan B of a talk: from one cell to the next, the recording answers instead of the machine, and back."""

import os
from pathlib import Path

from deploylab import machine as machines
from deploylab.core.errors import MachineError
from deploylab.course import Course
from deploylab.lessons import recording
from deploylab.lessons.backend import Desk
from deploylab.lessons.background_compare import Racing
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown
from deploylab.lessons.live import Live
from deploylab.provision import converge


class PlanB:
    """The part of `Lab` that knows who answers."""

    _course: Course
    _desk: Desk | None
    _race: Racing | None
    _lesson: str
    label: str

    def __init__(self):
        self._recorded = False             # somebody asked for plan B
        self._aside: Desk | None = None    # the machine's desk meanwhile

    def plan_b(self) -> Shown:
        """From the next cell on, answers come from the lesson's recording, and each of them is marked RECORDED.

        The machine is not asked, so it may be gone. A race that goes on is given up, and its result is the recorded
        one. `lab.live()` goes back. Called before `lab.begin`, the whole lesson is recorded.

        Raises:
            NotRecorded: the lesson has no recording; the machine goes on answering.
        """
        if self._desk and self._desk.live:
            desk = self._desk.recorded(recording.read(self._lesson))
            self._aside, self._desk = self._desk, desk
            if self._race:
                self._race.hand_over(desk)
                self._race = None
        self._recorded = True
        return output.text("From the next cell on, every answer is a recorded one. Back to the machine: lab.live()",
                          self.label)

    def live(self) -> Shown:
        """From the next cell on, the machine answers again. What recorded cells did, did not happen on it.

        Raises:
            MachineError: it does not answer; the recording goes on.
        """
        if self._desk and self._desk.recording:
            desk = self._aside or found(self._course, self._lesson)
            if not (desk.live and desk.live.machine.answers()):
                raise MachineError("The machine does not answer, so recorded answers go on.",
                                   "./lab up, then lab.live()")
            self._aside, self._desk = None, desk
        self._recorded = False
        return output.text("From the next cell on, the machine answers. What recorded cells did, did not happen on it: "
                          f'if a cell misses something, lab.begin("{self._lesson}") brings up what the lesson needs.')

    def _desk_for(self, lesson: str) -> Desk:
        """Who answers in a lesson that begins."""
        self._aside = None
        return Desk(None, recording.read(lesson)) if self._recorded else found(self._course, lesson)


def found(course: Course, lesson: str) -> Desk:
    """The machine of this clone if it runs, else the lesson's recording."""
    machine = None if os.environ.get("DEPLOYLAB_MACHINE") == "recorded" else machines.standing()
    if machine is None:
        return Desk(None, recording.read(lesson))
    live = Live(machine, course, lesson)
    where = os.environ.get("DEPLOYLAB_RECORD")  # the folder to write a recording to
    writer = recording.Writer.begin(lesson, live.described, converge.app_revision(course),
                                    Path(where)) if where else None
    return Desk(live, None, writer)
