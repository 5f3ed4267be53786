"""slides, site, bundle: the course as slides, as a website, and as one file for computers without a network."""

from pathlib import Path
from typing import Annotated

import typer

from deploylab.cli import app, values
from deploylab.cli.options import Json, Yes, agreed, print_json
from deploylab.core import paths

BUILD = paths.ROOT / "site" / "build"
NEEDS = ("mmdebstrap", "debian-archive-keyring", "git")  # packages that make a bundle


@app.command()
def slides(
    session: Annotated[str | None, typer.Option(
        autocompletion=values.newest_and_sessions,
        help="A session of results/, or 'newest': your own last `./lab run`. If none is named, the recorded one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the talk as slides, in English and Spanish, with the figures and numbers of one session.

    Without a session the numbers are those that ship with the course, and each slide says so. Where a session has not
    measured something, the slide says that in place of the figure.

    Example: `./lab slides`, or `./lab slides --session newest`
    """
    from deploylab import course as courses
    from deploylab import results
    from deploylab.core.errors import ResultsError
    from deploylab.publish import slides as decks

    if session == values.NEWEST:
        wanted = results.latest_run()
        missing = "There are no results of `./lab run` yet."
    else:
        wanted = results.Session.open(session) if session else next(reversed(results.recorded()), None)
        missing = "This copy of the course has no recorded session."
    if wanted is None:
        raise ResultsError(missing, "./lab run, then ./lab slides --session newest")
    written = decks.write(wanted, courses.load())
    if as_json:
        print_json({"decks": {code: str(path) for code, path in written.items()}, "session": wanted.id})
    else:
        print(*written.values(), sep="\n")
        typer.echo("Open one in a browser. S shows the notes, F fills the screen, Esc shows all.", err=True)


@app.command("site")
def build_site(
    out: Annotated[Path, typer.Option(
        show_default=False, help="The folder to write to, site/build if none is named; a site in it is replaced.")
    ] = BUILD,
    update_translations: Annotated[bool, typer.Option(
        "--update-translations", help="No site: update site/locale/ with changed text, to be translated.")] = False,
    as_json: Json = False,
) -> None:
    """Write guides and lessons as a website, in English and Spanish. It needs no machine and no network.

    The lessons show recorded results, and say so. If a page has an error, such as a broken link, no site is written.

    Example: `./lab site`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.publish import site

    progress = Progress("site")
    if update_translations:
        return _update(progress)
    with lock.held("site"):  # it would disturb a load test at the same time
        page = site.build(out.resolve(), courses.load(), progress)
    if as_json:
        print_json({"site": str(page.parent)})
    progress.say(f"\nOpen {page} in a browser.")


@app.command("bundle")
def make_bundle(
    target: Annotated[str | None, typer.Option("--for", metavar="PROVIDER/ARCH", help="For which computers. "
                      "Only for those like this one: lxc/amd64 is tested on Debian 12, lxc/arm64 is not.")] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", help="The file; deploylab-PROVIDER-ARCH.tar if none is named.")] = None,
    yes: Yes = False,
) -> None:
    """Write everything into one file, to install from on computers without a network.

    In it are the project, Vagrant and LXC, the guest's packages, and the Python packages of both. There is no key and
    no password in it. On the other computer: `./lab run --bundle FILE`, `./lab up --bundle FILE`, or
    `./lab open --bundle FILE`.

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
        raise HostError("This clone itself was set up from a bundle: pass on that file instead.",
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


def _update(progress) -> None:
    from deploylab.publish import site
    from deploylab.publish.site import translations

    with progress.phase("messages", "the messages of every page"):
        templates = translations.templates(site.work(), progress)
    for page, n_open in translations.update(templates).items():
        if n_open:
            print(f"{translations.file_of(page).relative_to(paths.ROOT)}: {n_open} to translate")
