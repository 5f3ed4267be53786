"""site: guides and lessons as pages to read."""

from pathlib import Path
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, print_json
from deploylab.core import paths

BUILD = paths.ROOT / "site" / "build"


@app.command("site")
def site_verb(
    out: Annotated[Path, typer.Option(
        show_default=False, help="The folder, site/build if none; a site that is there is replaced.")] = BUILD,
    update_translations: Annotated[bool, typer.Option(
        "--update-translations", help="No site: take changed text into site/locale/, to be translated.")] = False,
    as_json: Json = False,
) -> None:
    """Guides and lessons as a site to read, in English and Spanish. It needs no machine and no network.

    The lessons show what was recorded, and say so. A page with a fault, such as a link to nowhere, makes no site.

    Example: `./lab site`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.publish import site

    progress = Progress("site")
    if update_translations:
        return _update(progress)
    with lock.held("site"):  # a load beside it would measure this, too
        page = site.build(out.resolve(), courses.load(), progress)
    if as_json:
        print_json({"site": str(page.parent)})
    progress.say(f"\nOpen {page} in a browser.")


def _update(progress) -> None:
    from deploylab.publish import site
    from deploylab.publish.site import translations

    with progress.phase("messages", "the messages of every page"):
        found = translations.templates(site.work(), progress)
    for page, n_open in translations.update(found).items():
        if n_open:
            print(f"{translations.file_of(page).relative_to(paths.ROOT)}: {n_open} to translate")
