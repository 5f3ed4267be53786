"""compare: two sides raced in pairs, with all that differs between them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploylab.cli import INTERRUPTED, app
from deploylab.cli.options import Json, Seconds, print_json
from deploylab.core import units

if TYPE_CHECKING:
    from deploylab.results.record import Comparison
    from deploylab.results.stats import ContrastResult

HALF_WIDTHS = (0.10, 0.05)  # that a person may want


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="STAGE or STAGE:VARIANT.")],
    b: Annotated[str, typer.Argument(help="The other side; the ratio is B over A.")],
    view: Annotated[str | None, typer.Option(
        help="What is asked for; without it, the course's own load for these two.")] = None,
    b_view: Annotated[str | None, typer.Option(help="What side B is asked for, where it is another.")] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", "-c", min=1,
                                                    help="Clients at a time; if none, the view's own.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of runs; more make the interval narrower.")] = 5,
    seconds: Seconds = 3.0,
    slow_clients: Annotated[int | None, typer.Option(min=0, help="Half-sent requests held beside each load.")] = None,
    as_json: Json = False,
) -> None:
    """Race two stages or variants in pairs, A B then B A, and say everything in which they differ.

    Example: `./lab compare nginx:sync nginx --view wait -c 32`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure import compare as contrasts
    from deploylab.measure import measure
    from deploylab.results.stats import contrast_result

    course, machine = courses.load(), current()
    contrast = contrasts.named(course, a, b, view=view, b_view=b_view, concurrency=concurrency,
                               slow_clients=slow_clients)
    with lock.held("compare"):
        session, found, stopped = measure.compare(machine, course, contrast, Progress("compare"), pairs=pairs,
                                                  seconds=seconds)
    came_out = contrast_result(contrast, found, session.runs("pair"))
    if as_json:
        print_json(_document(contrast, found, came_out, session.id))
    elif came_out:
        print("\n".join(_lines(came_out)))
    if not as_json:
        print(f"Kept in {session.folder}")
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _document(contrast, found, came_out: "ContrastResult | None", session_id: str) -> dict[str, Any]:
    """What `--json` prints."""
    rps = came_out.rps if came_out else None
    return {
        "a": contrast.a, "b": contrast.b, "view": contrast.view, "b_view": contrast.b_view,
        "concurrency": contrast.concurrency, "pairs": rps.n_pairs if rps else 0,
        "ratio": rps.ratio if rps else None, "ci95": rps.ci95 if rps else None,
        "half_width": rps.half_width if rps else None, "pairs_needed": _needed(rps) if rps else {},
        "differences": [asdict(one) for one in found], "one_thing": came_out.one_thing if came_out else None,
        "verdict": rps.verdict if rps else "nothing was measured",
        "warnings": came_out.warnings if came_out else [],
        "metrics": {name: asdict(one) for name, one in came_out.ratios.items()} if came_out else {},
        "sides": {side: asdict(getattr(came_out, side)) for side in ("a", "b")} if came_out else {},
        "session": session_id,
    }


def _lines(one: "ContrastResult") -> list[str]:
    """What came out, for a person."""
    from deploylab.report.contrasts import figures, shown
    from deploylab.results.stats import differing

    out = ["", one.rps.verdict, *_narrower(one.rps), ""]
    out += [f"  {row.name:22} {f'{row.a} → {row.b}':28} {row.ratio}".rstrip() for row in figures(one)]
    out += ["", differing(one.contrast, one.differences), *(f"  {shown(found)}" for found in one.differences)]
    return out + [f"Beware: {text}" for text in one.warnings]


def _needed(found: "Comparison") -> dict[str, int]:
    """{half-width: pairs that would reach it}, for those narrower than what was reached."""
    from deploylab.results.stats import pairs_needed

    return {str(width): n for width in HALF_WIDTHS
            if found.half_width and found.half_width > width and (n := pairs_needed(found, width))}


def _narrower(found: "Comparison") -> list[str]:
    """How many pairs it would take to say it more exactly, in words."""

    needed = [f"{n:,} for {units.percent(float(width))}" for width, n in _needed(found).items()]
    return [f"A narrower interval takes more pairs: about {', about '.join(needed)} (--pairs)."] if needed else []
