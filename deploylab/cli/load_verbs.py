"""measure, ab: load tests."""

from dataclasses import asdict
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import HOUR_S, Json, Rate, Seconds, not_one_good_answer, print_json, views


@app.command()
def measure(
    targets: Annotated[list[str] | None, typer.Argument(help="STAGE or STAGE:VARIANT; all that stand if none.")] = None,
    view: Annotated[str, typer.Option(help=f"What is asked for: {views()}.")] = "page",
    concurrency: Annotated[int | None, typer.Option("--concurrency", "-c", min=1,
                                                    help="Clients at a time; if none, the view's own.")] = None,
    seconds: Seconds = 3.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, interleaved.")] = 3,
    rate: Rate = None,
    as_json: Json = False,
) -> None:
    """Load one or more stages and keep the runs. Two or more are interleaved.

    Example: `./lab measure runserver nginx --view wait -c 32`
    """
    from deploylab import course as courses
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.measure.measure import measure as measure_targets
    from deploylab.results import describe, lines

    course, machine = courses.load(), current()
    with lock.held("measure"):
        session, runs = measure_targets(machine, course, targets or [], view, Progress("measure"), seconds=seconds,
                                        concurrency=concurrency, repeats=repeats, rate_per_s=rate)
    if as_json:
        print_json([asdict(run) for run in runs])
    else:
        print("\n".join([*lines.summed(runs), f"Kept in {session.folder}"]))
    answered = {(run.stage, run.variant) for run in runs if run.n_ok}
    if silent := [run for run in runs if (run.stage, run.variant) not in answered]:
        raise not_one_good_answer(describe.target(silent[0].stage, silent[0].variant), f"./lab check {silent[0].stage}")


@app.command()
def ab(
    url: Annotated[str, typer.Argument(help="http://HOST:PORT/PATH, on this computer or the lab's machine.")],
    n: Annotated[int | None, typer.Option("-n", min=1, help="Requests in all; with neither -n nor -t, one.")] = None,
    c: Annotated[int | None, typer.Option(
        "-c", min=1, help="Clients at a time; with --rate, connections at most.")] = None,
    t: Annotated[float | None, typer.Option("-t", min=0.1, max=HOUR_S, help="Seconds at most.")] = None,
    k: Annotated[bool, typer.Option("-k", help="Keep connections.")] = False,
    header: Annotated[list[str] | None, typer.Option("-H", help="A header, 'Name: value'.")] = None,
    s: Annotated[float, typer.Option("-s", min=0.01, max=HOUR_S, help="Seconds until a request has timed out.")] = 30.0,
    rate: Rate = None,
    even: Annotated[bool, typer.Option("--even", help="With --rate: a metronome, not random arrivals.")] = False,
    own_up: Annotated[bool, typer.Option("--own-up", help="The server is mine: load it though it is not the lab's.")]
        = False,
    as_json: Json = False,
) -> None:
    """A load test with the flags of ab, and honest numbers: no retries, every failure by its name.

    `./lab status` has the address of each stage.

    Example: `./lab ab -n 1000 -c 10 http://127.0.0.1:8000/test/`
    """
    from deploylab import course as courses
    from deploylab import load
    from deploylab.core.progress import Progress
    from deploylab.load import ab as familiar
    from deploylab.machine import standing
    from deploylab.measure import load_test
    from deploylab.measure.bench import free_cpus

    machine, progress = standing(), Progress("ab")
    spec = familiar.spec_from_ab_flags(
        url, n=n, c=c, t=t, k=k, headers=header or (), s=s, rate=rate, even=even, own_up=own_up,
        allowed_addresses=(machine.host,) if machine else (),
        cpus=free_cpus(machine.facts()) if machine else None,
    )
    with progress.phase("load", f"Benchmarking {url}"):
        result = load.run(spec, on_progress=load_test.on_load(progress, url, t or 0))
    if as_json:
        print_json(asdict(load_test.unlisted(result, courses.load(), machine)))
    else:
        print(familiar.printout(result))
    if not result.n_ok:
        raise not_one_good_answer(url, "./lab check")
