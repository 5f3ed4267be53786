"""slides: the talk, with a session's own numbers."""

from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, print_json

NEWEST = "newest"


@app.command()
def slides(
    session: Annotated[str | None, typer.Option(
        help="A session of results/, or 'newest': your own last `./lab run`. The recorded one if none.")] = None,
    as_json: Json = False,
) -> None:
    """Write the talk as slides, in English and Spanish, its figures and numbers from one session.

    Without a session the numbers are those that ship with the course, and each slide says so. What a session has not
    measured is said in place of the figure.

    Example: `./lab slides`, or `./lab slides --session newest`
    """
    from deploylab import course as courses
    from deploylab import results
    from deploylab.core.errors import ResultsError
    from deploylab.publish import slides as decks

    if session == NEWEST:
        wanted = next((one for one in reversed(results.sessions()) if one.plan.get("kind") == "run"), None)
        missing = "No `./lab run` has left results yet."
    else:
        wanted = results.Session.open(session) if session else next(reversed(results.recorded()), None)
        missing = "No recorded session ships with this copy."
    if wanted is None:
        raise ResultsError(missing, "./lab run, then ./lab slides --session newest")
    written = decks.write(wanted, courses.load())
    if as_json:
        print_json({"decks": {code: str(path) for code, path in written.items()}, "session": wanted.id})
    else:
        print(*written.values(), sep="\n")
        typer.echo("Open one in a browser. S shows the notes, F fills the screen, Esc shows all.", err=True)
