"""`./lab bundle`: one file with everything that a computer like this one needs, for a room without a network.

    project.tar.gz    the project at the last commit
    host-packages/    Debian packages of the host: Vagrant, LXC, Python, and their dependencies
    guest-packages/   Debian packages of the guest: for its box and for every stage
    host-wheels/      Python packages of `.venv`, for the command line and for the lessons
    guest-wheels/     those of the site, as a guest's pip installs them

It contains no machine and no disk, so no key and no password: the box is built and every stage is converged on the
computer that uses the bundle, as with a network. `deploylab.bootstrap.bundle` uses the file.
"""

from deploylab.publish.bundle.making import make
from deploylab.publish.bundle.target import checked, possible

__all__ = ["checked", "make", "possible"]
