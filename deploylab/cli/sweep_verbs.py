"""sweep: how much one stage carries."""

from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import HOUR_S, MOST_PER_S, Json, print_json, views


@app.command()
def sweep(
    target: Annotated[str, typer.Argument(help="STAGE or STAGE:VARIANT.")],
    view: Annotated[str, typer.Option(help=f"What is asked for: {views()}.")] = "page",
    rates: Annotated[str | None, typer.Option(help="Requests due a second, such as 50,100,200; if none, chosen by what "
                                                   "the clients reached.")] = None,
    limit: Annotated[float, typer.Option(min=1, max=1000 * HOUR_S,
                                         help="The p99 that is still in time, in ms.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.2, max=HOUR_S, help="The window of one run, at least.")] = 3.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each load; two or more give an interval.")] = 3,
    as_json: Json = False,
) -> None:
    """How much a stage carries: 1 to 128 clients, then arrival rates up to where the latency explodes.

    It says how many requests a second are answered with a p99 under the limit, and from how many clients on more of
    them bring nothing. Run it again, and it goes on where it stopped.

    Example: `./lab sweep nginx --view wait`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure.sweep import sweep as measure_sweep
    from deploylab.report import sweep as pages  # matplotlib takes a second; nothing is measured beside its import

    wanted, course, machine = _rates(rates), courses.load(), current()
    with lock.held("sweep"):
        session = measure_sweep(machine, course, target, view, Progress("sweep"), seconds=seconds, repeats=repeats,
                                limit_ms=limit, rates=wanted)
    result, page = pages.swept(session), pages.write(session, course)
    if as_json:
        print_json({**result.as_json(), "session": session.id, "page": str(page)})
    else:
        print("\n".join([*pages.lines(result), "", f"Its plots: {page}", f"Kept in {session.folder}"]))


def _rates(text: str | None) -> list[float]:
    try:
        rates = [float(word) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 50,100,200.") from None
    if any(not 0 < rate <= MOST_PER_S for rate in rates):
        raise typer.BadParameter(f"{text!r}: a rate is a number above 0, and {MOST_PER_S:,} at most.")
    return rates
