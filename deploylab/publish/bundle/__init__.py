"""`./lab bundle`: one file with all that a computer like this one needs, for a room without a network.

    project.tar.gz    the project at the last commit
    host-packages/    Debian packages of the host: Vagrant, LXC, Python, and all they need
    guest-packages/   those of the guest: what its box is built from, and what every stage installs
    host-wheels/      Python packages of `.venv`, for the command line and for the lessons
    guest-wheels/     those of the site, as a guest's pip installs them

There is no machine in it and no disk of one, so no key and no password: the box is built from the packages where the
bundle arrives, and every stage is converged to there, as with a network. `deploylab.bootstrap.bundle` is the other end.
"""

from deploylab.publish.bundle.making import make
from deploylab.publish.bundle.target import checked, possible

__all__ = ["checked", "make", "possible"]
