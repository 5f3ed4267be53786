"""measure, compare, sweep, report: load tests of the stages, and their results."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploylab.cli import INTERRUPTED, app, values
from deploylab.cli.options import (
    HOUR_S,
    MOST_PER_S,
    Json,
    Mbit,
    Rate,
    RttMs,
    Seconds,
    StageOrVariant,
    not_one_good_answer,
    print_json,
    views,
)
from deploylab.core import units

if TYPE_CHECKING:
    from deploylab.results.record import Comparison
    from deploylab.results.stats import ContrastResult

HALF_WIDTHS = (0.10, 0.05)  # of intervals that a person may want
Concurrency = Annotated[int | None, typer.Option("--concurrency", "-c", min=1,
                                                  help="Clients at a time; if none is named, the view's default.")]
View = Annotated[str, typer.Option(autocompletion=values.views, help=f"The page to request: {views()}.")]


@app.command()
def measure(
    targets: Annotated[list[str] | None, typer.Argument(
        metavar="STAGE[:VARIANT]", autocompletion=values.targets,
        help="Stages or variants; all that are running if none is named.")] = None,
    view: View = "page",
    concurrency: Concurrency = None,
    seconds: Seconds = 3.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each stage or variant, in turns.")] = 3,
    rate: Rate = None,
    cold: Annotated[bool, typer.Option(
        "--cold", help="Begin each run with an empty cache, instead of one with every page in it.")] = False,
    keepalive: Annotated[bool, typer.Option(
        "--keepalive/--no-keepalive", help="Keep connections, or open one for each request.")] = True,
    rtt_ms: RttMs = None,
    mbit: Mbit = None,
    as_json: Json = False,
) -> None:
    """Run load tests on one or more stages and keep the results. Several stages take turns.

    With `--rtt-ms`, over a line that is made on the machine, and measured before it is believed.

    Example: `./lab measure runserver nginx --view wait -c 32`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure.distance import Distance
    from deploylab.measure.measure import measure as measure_targets
    from deploylab.results import describe, lines

    away, course, machine = Distance.of(rtt_ms, mbit), courses.load(), current()
    with lock.held("measure"):
        session, runs = measure_targets(machine, course, targets or [], view, Progress("measure"), seconds=seconds,
                                        concurrency=concurrency, repeats=repeats, rate_per_s=rate, cold=cold,
                                        keepalive=keepalive, distance=away)
    if as_json:
        print_json([asdict(run) for run in runs])
    else:
        print("\n".join([*lines.summed(runs), f"Saved in {session.folder}"]))
    answered = {(run.stage, run.variant) for run in runs if run.n_ok}
    if bad := [run for run in runs if (run.stage, run.variant) not in answered]:
        raise not_one_good_answer(describe.target(bad[0].stage, bad[0].variant), f"./lab check {bad[0].stage}")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", autocompletion=values.targets,
                                     help="A stage, or a variant such as nginx:sync.")],
    b: Annotated[str, typer.Argument(metavar="B", autocompletion=values.targets,
                                     help="The stage or variant to compare with; the ratio is B over A.")],
    view: Annotated[str | None, typer.Option(
        autocompletion=values.views,
        help="The page to request; if none is named, the course's own load for these two.")] = None,
    b_view: Annotated[str | None, typer.Option(
        autocompletion=values.views, help="The page to request from B, if it is another one.")] = None,
    concurrency: Concurrency = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of runs; more of them make the interval narrower.")] = 5,
    seconds: Seconds = 3.0,
    slow_clients: Annotated[int | None, typer.Option(
        min=0, help="Half-sent requests held open during each run.")] = None,
    keepalive: Annotated[bool | None, typer.Option(
        "--keepalive/--no-keepalive", help="Keep connections, or open one for each request; if none is named, as the "
                                           "course does it for these two.")] = None,
    state: Annotated[str | None, typer.Option(
        autocompletion=values.states,
        help="Offer both sides the same requests at the same times, with caches that are empty at first (cold) or full "
             "(steady). Without it: full caches, and clients that wait for their answers.")] = None,
    rtt_ms: RttMs = None,
    mbit: Mbit = None,
    as_json: Json = False,
) -> None:
    """Compare two stages or variants, run by run in pairs, and list everything that differs between them.

    That is in their files, variables, processes and code, and in Django's settings as they are in the running servers.
    A cache is in a declared state before each run, full or empty, and the share of answers that came from it stands
    beside the result.

    Example: `./lab compare nginx:sync nginx --view wait -c 32`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure import compare as paired
    from deploylab.measure.distance import Distance
    from deploylab.results.stats import contrast_result

    away, course, machine = Distance.of(rtt_ms, mbit), courses.load(), current()
    contrast = paired.named(course, a, b, view=view, b_view=b_view, concurrency=concurrency, slow_clients=slow_clients,
                            new_connections=None if keepalive is None else not keepalive, state=state)
    with lock.held("compare"):
        session, differences, stopped = paired.compare(machine, course, contrast, Progress("compare"), pairs=pairs,
                                                       seconds=seconds, distance=away)
    result = contrast_result(contrast, differences, session.runs("pair"))
    if as_json:
        print_json(_document(contrast, differences, result, session.id))
    elif result:
        print("\n".join(_lines(result)))
    if not as_json:
        print(f"Saved in {session.folder}")
    if stopped:
        raise typer.Exit(INTERRUPTED)


@app.command()
def sweep(
    target: StageOrVariant,
    view: View = "page",
    rates: Annotated[str | None, typer.Option(help="Requests due per second, such as 50,100,200; if none is named, "
                                                   "chosen by what the clients reached.")] = None,
    limit: Annotated[float, typer.Option(min=1, max=1000 * HOUR_S,
                                         help="The highest p99 that is fast enough, in ms.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.2, max=HOUR_S, help="How long each run is measured, at least.")] = 3.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each load; two or more give an interval.")] = 3,
    rtt_ms: RttMs = None,
    mbit: Mbit = None,
    as_json: Json = False,
) -> None:
    """Find out how much load a stage can handle: 1 to 128 clients, then arrival rates until the latency explodes.

    It says how many requests per second are answered with a p99 under the limit, and from how many clients on adding
    more brings nothing. Run it again to continue where it stopped.

    Example: `./lab sweep nginx --view wait`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure.distance import Distance
    from deploylab.measure.sweep import sweep as measure_sweep
    from deploylab.report import sweep as pages  # matplotlib takes a second to import, so not during a load test

    chosen_rates, away, course, machine = _rates(rates), Distance.of(rtt_ms, mbit), courses.load(), current()
    with lock.held("sweep"):
        session = measure_sweep(machine, course, target, view, Progress("sweep"), seconds=seconds, repeats=repeats,
                                limit_ms=limit, rates=chosen_rates, distance=away)
    result, page = pages.swept(session), pages.write(session, course)
    if as_json:
        print_json({**result.to_json(), "session": session.id, "page": str(page)})
    else:
        print("\n".join([*pages.lines(result), "", f"Its plots: {page}", f"Saved in {session.folder}"]))


@app.command("report")
def write_report(
    session: Annotated[str | None, typer.Option(
        autocompletion=values.sessions,
        help="A session of results/; your newest `./lab run` if none is named.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a session again.

    Without results of your own, name the recorded session: it ships with the course, and its report says so. With
    `--json` the same as one document: stages, headlines, contrasts, verdicts, warnings.

    Example: `./lab report`
    """
    from deploylab import course as courses
    from deploylab import report, results
    from deploylab.core.errors import ResultsError

    wanted = results.Session.open(session) if session else results.latest_run()
    if wanted is None:
        recorded = [f", or for the recorded ones ./lab report --session {one.id}" for one in results.recorded()[-1:]]
        raise ResultsError("There are no results yet.", "".join(["./lab run", *recorded]))
    course = courses.load()
    path = report.write(wanted, course)
    if as_json:
        print_json({**report.document(wanted, course).to_json(), "report": str(path)})
    else:
        print(path)
        typer.echo("Open it in a browser.", err=True)


def _document(contrast, differences, result: "ContrastResult | None", session_id: str) -> dict[str, Any]:
    """What `--json` prints."""
    main = result.main if result else None
    return {
        "a": contrast.a, "b": contrast.b, "view": contrast.view, "b_view": contrast.b_view,
        "concurrency": contrast.concurrency, "state": contrast.state, "metric": contrast.metric,
        "pairs": main.n_pairs if main else 0,
        "ratio": main.ratio if main else None, "ci95": main.ci95 if main else None,
        "half_width": main.half_width if main else None, "pairs_needed": _needed(main) if main else {},
        "differences": [asdict(row) for row in differences], "one_thing": result.one_thing if result else None,
        "verdict": main.verdict if main else "nothing was measured",
        "warnings": result.warnings if result else [],
        "metrics": {name: asdict(ratio) for name, ratio in result.ratios.items()} if result else {},
        "sides": {side: asdict(getattr(result, side)) for side in ("a", "b")} if result else {},
        "session": session_id,
    }


def _lines(result: "ContrastResult") -> list[str]:
    """The result as text."""
    from deploylab.report.contrasts import figures, shown
    from deploylab.results.stats import differing

    lines = ["", result.main.verdict, *_narrower(result.main), ""]
    lines += [f"  {row.name:22} {f'{row.a} → {row.b}':28} {row.ratio}".rstrip() for row in figures(result)]
    lines += ["", differing(result.contrast, result.differences), *(f"  {shown(row)}" for row in result.differences)]
    return lines + [f"Beware: {text}" for text in result.warnings]


def _needed(comparison: "Comparison") -> dict[str, int]:
    """{half-width: how many pairs it needs}, for half-widths smaller than the measured one."""
    from deploylab.results.stats import pairs_needed

    return {str(width): n for width in HALF_WIDTHS
            if comparison.half_width and comparison.half_width > width and (n := pairs_needed(comparison, width))}


def _narrower(comparison: "Comparison") -> list[str]:
    """How many pairs a narrower interval needs, in words."""
    needed = [f"{n:,} for {units.percent(float(width))}" for width, n in _needed(comparison).items()]
    return [f"A narrower interval needs more pairs: about {', about '.join(needed)} (--pairs), all in one comparison. "
            "If you add pairs one by one until a difference is seen, you see one in 23 of 100 comparisons of equal "
            "sides."] if needed else []


def _rates(text: str | None) -> list[float]:
    try:
        rates = [float(word) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 50,100,200.") from None
    if any(not 0 < rate <= MOST_PER_S for rate in rates):
        raise typer.BadParameter(f"{text!r}: a rate is a number above 0, and {MOST_PER_S:,} at most.")
    return rates
