"""For which computers a bundle can be made here."""

import platform

from deploylab.bootstrap import bundle
from deploylab.core.errors import HostError
from deploylab.machine import choose

ARCHES = ("amd64", "arm64")


def possible() -> str:
    """What a bundle made on this computer is for: "lxc/amd64".

    Raises:
        HostError: none can be made here.
    """
    here = bundle.here()
    if platform.system() != "Linux" or not here["host"].startswith(("debian", "ubuntu")):
        raise HostError(f"A bundle is made of Debian packages, and this computer runs {here['host']}.",
                        "./lab bundle on a Debian 12")
    return f"lxc/{here['arch']}"


def checked(requested: str | None) -> str:
    """The requested PROVIDER/ARCH, if a bundle for it can be made here.

    Raises:
        HostError: it cannot be made, or does not exist; the message says what is possible.
    """
    ours = possible()
    if requested in (None, ours):
        return ours
    provider, _, arch = requested.partition("/")
    if provider not in choose.PROVIDERS or arch not in ARCHES:
        why = (f"'{requested}' is no PROVIDER/ARCH. Providers: {', '.join(choose.PROVIDERS)}; architectures: "
               f"{', '.join(ARCHES)}.")
    elif provider != "lxc":
        why = (f"A bundle for {requested} cannot be made: its box comes from Vagrant's public catalogue, and nobody "
               "has tried it without a network.")
    else:
        why = f"A bundle for {requested} is made on a computer of that architecture, and this one is {ours}."
    raise HostError(f"{why} Possible here: {ours}.", f"./lab bundle --for {ours}")
