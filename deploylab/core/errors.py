"""The errors that a person may see. Each one ends with the next command to type.

A message says what failed, where, what was observed, and what to do. The command
line prints `str(error)` and exits with `error.exit_status`; a traceback on the
screen is a bug.
"""


class DeployLabError(Exception):
    """Something failed in a way that we can explain.

    Args:
        what: what failed, where, and what was observed.
        next_step: the command to type, or what to change. Printed on a line of its own.

    Example:
        >>> print(DeployLabError("No machine yet.", "./lab up"))
        No machine yet.
        Next: ./lab up
    """

    exit_status = 1

    def __init__(self, what: str, next_step: str = ""):
        self.what = what
        self.next_step = next_step
        super().__init__(f"{what}\nNext: {next_step}" if next_step else what)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message. A traceback would hide it."""
        return [str(self)]


class CourseError(DeployLabError):
    """`course.toml` is wrong, or a name in a command is not in it."""


class HostError(DeployLabError):
    """This computer lacks something: a program, a permission, disk space."""


class MachineError(DeployLabError):
    """The machine does not exist, or does not answer."""


class CommandError(MachineError):
    """A command on the machine exited with a status other than 0."""


class ConvergeError(DeployLabError):
    """The machine could not be brought to a stage."""


class CheckError(DeployLabError):
    """A stage is not what it claims to be, so it is not measured."""


class LoadError(DeployLabError):
    """The load test could not run, or its numbers would be worthless."""


class TargetRefused(LoadError):
    """The load engine was pointed at a server that does not belong to the kit."""

    exit_status = 2


class ResultsError(DeployLabError):
    """Results are missing, truncated, or from another version."""


class BackupError(DeployLabError):
    """A backup is missing or damaged, or it could not be made or restored."""


class SiteError(DeployLabError):
    """A page of the site has an error, or the site may not be written there."""


class Busy(DeployLabError):
    """Another `lab` command holds the lock."""


class Stopped(DeployLabError):
    """A person stopped it."""

    exit_status = 130


class DeckError(DeployLabError):
    """The source of the slides is wrong; the message names the file and the line."""
