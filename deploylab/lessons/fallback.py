"""Plan B during a talk: switch from the machine to the recording between two cells, and back."""

import os
from pathlib import Path

from deploylab import machine as machines
from deploylab.core import surroundings
from deploylab.core.errors import MachineError
from deploylab.course import Course
from deploylab.lessons import recording
from deploylab.lessons.backend import Backend
from deploylab.lessons.background_compare import BackgroundCompare
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown
from deploylab.lessons.live import Live
from deploylab.provision import converge


class PlanB:
    """The part of `Lab` that chooses between the machine and the recording."""

    _course: Course
    _backend: Backend | None
    _race: BackgroundCompare | None
    _lesson: str
    label: str

    def __init__(self):
        self._recorded = False                        # whether `plan_b` was called
        self._machine_backend: Backend | None = None  # put aside while the recording answers

    def plan_b(self) -> Shown:
        """From the next cell on, answers come from the lesson's recording, and each one is marked RECORDED.

        The machine is not asked, so it need not be running. A race that is running is stopped, and its result comes
        from the recording. `lab.live()` goes back. Called before `lab.begin`, it holds for the whole lesson.

        Raises:
            NotRecorded: the lesson has no recording; the machine continues to answer.
        """
        if self._backend and self._backend.live:
            backend = self._backend.recorded(recording.read(self._lesson))
            self._machine_backend, self._backend = self._backend, backend
            if self._race:
                self._race.hand_over(backend)
                self._race = None
        self._recorded = True
        return output.text("From the next cell on, every answer comes from the recording. "
                           "Back to the machine: lab.live()", self.label)

    def live(self) -> Shown:
        """From the next cell on, the machine answers again. The recorded cells did nothing on it.

        Raises:
            MachineError: it does not answer; the recording stays in use.
        """
        if self._backend and self._backend.recording:
            backend = self._machine_backend or find_backend(self._course, self._lesson)
            if not (backend.live and backend.live.machine.answers()):
                raise MachineError("The machine does not answer, so the recording stays in use.",
                                   "./lab up, then lab.live()")
            self._machine_backend, self._backend = None, backend
        self._recorded = False
        return output.text("From the next cell on, the machine answers. The recorded cells did nothing on it: "
                          f'if something is missing, lab.begin("{self._lesson}") sets up what the lesson needs.')

    def _backend_for(self, lesson: str) -> Backend:
        """The backend of a lesson that begins."""
        self._machine_backend = None
        return Backend(None, recording.read(lesson)) if self._recorded else find_backend(self._course, lesson)


def find_backend(course: Course, lesson: str) -> Backend:
    """The machine of this clone if it is running, else the lesson's recording."""
    machine = None if os.environ.get("DEPLOYLAB_MACHINE") == "recorded" else machines.standing()
    if machine is None:
        return Backend(None, recording.read(lesson))
    os.environ.update(surroundings.direct(machine.host))  # for all that a cell of this notebook asks or starts
    live = Live(machine, course, lesson)
    where = os.environ.get("DEPLOYLAB_RECORD")  # the folder to write a recording to
    writer = recording.Writer.begin(lesson, live.described, converge.app_revision(course),
                                    Path(where)) if where else None
    return Backend(live, None, writer)
