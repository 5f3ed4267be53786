"""bundle: one file for a room without a network."""

from pathlib import Path
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Yes, agreed

NEEDS = ("mmdebstrap", "debian-archive-keyring", "git")


@app.command("bundle")
def bundle_verb(
    target: Annotated[str | None, typer.Option("--for", metavar="PROVIDER/ARCH", help="For which computers: those "
                      "like this one. lxc/amd64 is tested on Debian 12; lxc/arm64 is not.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file; deploylab-PROVIDER-ARCH.tar if none.")] = None,
    yes: Yes = False,
) -> None:
    """Write one file that brings all of it to a computer without a network: on a stick, from hand to hand.

    The project, Vagrant and LXC, the guest's packages, the Python packages of both. No key and no password is in it.
    There: `./lab run --bundle FILE`, `./lab up --bundle FILE`, `./lab open --bundle FILE`.

    Example: `./lab bundle --out /media/stick/deploylab.tar`
    """
    from deploylab import course as courses
    from deploylab.bootstrap import bundle as bundled
    from deploylab.core.errors import HostError
    from deploylab.core.progress import Progress
    from deploylab.machine import apt, lock
    from deploylab.publish import bundle

    progress = Progress("bundle")
    wanted = bundle.checked(target)
    file = out or Path(f"deploylab-{wanted.replace('/', '-')}.tar")
    if not file.absolute().parent.is_dir():
        raise HostError(f"There is no folder {file.absolute().parent}.", "name another: ./lab bundle --out FILE")
    if bundled.in_use():
        raise HostError("This clone uses a bundle itself: hand that file on.",
                        "rm -r .lab/bundle   then ./lab bundle makes one from the network")
    with lock.held("bundle"):
        if missing := apt.missing(NEEDS):
            if not yes:
                agreed(f"To make a bundle, these packages must be installed: {' '.join(missing)}. Install them?",
                       "./lab bundle --yes")
            apt.install(missing, progress)
        bundle.make(courses.load(), wanted, file, progress)
    progress.say(f"\nOn the other computer:\n  tar -xf {file.name} begin.sh && sh begin.sh {file.name}\n"
                 f"or, in a clone of the project:\n  ./lab run --bundle {file.name}")
