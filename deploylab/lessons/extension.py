"""The cell magics. Only this module imports IPython."""

import time

from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from deploylab import course as courses
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown
from deploylab.lessons.lab import Lab

UPDATE_S = 0.2


def load(ipython) -> None:
    """Add `lab` and the magics to the notebook. Loading it again starts from scratch."""
    lab = Lab(courses.load())
    ipython.push({"lab": lab})
    ipython.register_magics(GuestMagics(ipython, lab))


class LiveOutput:
    """An output that is updated while its command runs."""

    def __init__(self):
        self.handle = display(output.text(""), display_id=True)
        self.lines: list[str] = []
        self.shown_s = 0.0

    def add(self, line: str) -> None:
        """Add a line, and show it unless the last update was a moment ago."""
        self.lines.append(line)
        if time.monotonic() - self.shown_s > UPDATE_S:
            self.shown_s = time.monotonic()
            self.handle.update(output.running(self.lines))


@magics_class
class GuestMagics(Magics):
    """`%%guest`, `%%guestfile`, `%%host` and `%%exercise`."""

    def __init__(self, ipython, lab: Lab):
        super().__init__(ipython)
        self.lab = lab

    @magic_arguments()
    @argument("--background", metavar="NAME", help="Do not wait. lab.stop(NAME) ends it and shows what it printed.")
    @cell_magic
    def guest(self, line: str, cell: str) -> None:
        """Run the cell on the machine. Its folder, variables and functions stay for the next one."""
        options = parse_argstring(self.guest, line)
        live = LiveOutput()
        live.handle.update(self.lab.guest(cell.rstrip("\n"), options.background, on_line=live.add))

    @cell_magic
    def host(self, line: str, cell: str) -> None:
        """Run the cell on this computer, in the notebooks' folder, with the variables MACHINE and SSH_CONFIG."""
        live = LiveOutput()
        live.handle.update(self.lab.host(cell.rstrip("\n"), on_line=live.add))

    @magic_arguments()
    @argument("path", help="Path on the machine.")
    @argument("--mode", default="0644", help="Four octal digits.")
    @argument("--owner", default="root:root", help="USER:GROUP.")
    @cell_magic
    def guestfile(self, line: str, cell: str) -> None:
        """Write the cell to a file on the machine, and show what changed."""
        options = parse_argstring(self.guestfile, line)
        display(self.lab.guestfile(options.path, cell, options.mode, options.owner))

    @magic_arguments()
    @argument("name", help="A file in exercises/, without `.py`.")
    @cell_magic
    def exercise(self, line: str, cell: str) -> Shown:
        """Run the cell (Python or another magic) and say whether it solves the exercise. It never raises."""
        options = parse_argstring(self.exercise, line)
        return self.lab.exercise(options.name, cell, self.shell.user_ns,
                                 lambda text: self.shell.run_cell(text).success)
