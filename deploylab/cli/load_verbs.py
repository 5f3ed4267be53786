"""measure, ab: load tests."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, print_json


@app.command()
def measure(
    targets: Annotated[list[str] | None, typer.Argument(help="STAGE or STAGE:VARIANT; all that stand if none.")] = None,
    view: Annotated[str, typer.Option(help="The page: hello, wait, page, asset, cpu.")] = "page",
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Clients at a time.")] = 10,
    seconds: Annotated[float, typer.Option(min=0.2, help="The window of one run.")] = 3.0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, interleaved.")] = 3,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Requests a second (open loop).")] = None,
    as_json: Json = False,
) -> None:
    """Load one or more stages and keep the runs. Two or more are interleaved.

    Example: `./lab measure runserver nginx --view wait -c 32`
    """
    from deploylab import course as courses
    from deploylab import experiment, overview, road
    from deploylab.errors import CheckError
    from deploylab.experiment import Bench, Cell, Load
    from deploylab.machine import current, lock
    from deploylab.progress import Progress
    from deploylab.results import Session

    course, machine = courses.load(), current()
    standing = [s["name"] for s in overview.look(course)["stages"] if s["open"]]
    chosen = [course.target(name) for name in targets or standing]
    for target in chosen:
        if target.name not in standing:
            raise CheckError(f"Stage {target.name} does not answer on port {target.port}.",
                             f"./lab goto {target.stage}")
    if not chosen:
        raise CheckError("No stage stands on the machine yet.", f"./lab goto {course.stages[0].name}")
    cells = [Cell(target, course.view(view), concurrency) for target in chosen]
    progress, runs = Progress("measure"), []
    with lock.held("measure"):
        session = Session.create(kind="measure", cells=[cell.as_plan() for cell in cells], n_rounds=repeats,
                                 seconds=seconds, stages=[cell.target.stage for cell in cells])
        bench = Bench.of(machine, course, session, Load(seconds=seconds, rate_per_s=rate))
        with progress.phase("load", f"{repeats * len(cells)} runs of {seconds:g} s"):
            for number in range(1, repeats + 1):
                for cell in experiment.rotated(cells, number):
                    show = road.on_load(progress, cell.label, seconds)
                    runs.append(experiment.measure(bench, cell, purpose="measure", round_number=number,
                                                   on_progress=show))
                    progress.say(f"    {road.line(runs[-1])}")
        session.finish()
    if as_json:
        print_json([asdict(run) for run in runs])
    else:
        print(f"Kept in {session.folder}")


@app.command()
def ab(
    url: Annotated[str, typer.Argument(help="http://HOST:PORT/PATH, on this computer or the lab's machine.")],
    n: Annotated[int | None, typer.Option("-n", min=1, help="Requests in all.")] = None,
    c: Annotated[int | None, typer.Option("-c", min=1, help="Clients at a time.")] = None,
    t: Annotated[float | None, typer.Option("-t", min=0.1, help="Seconds at most.")] = None,
    k: Annotated[bool, typer.Option("-k", help="Keep connections.")] = False,
    header: Annotated[list[str] | None, typer.Option("-H", help="A header, 'Name: value'.")] = None,
    s: Annotated[float, typer.Option("-s", min=0.01, help="Seconds until a request has timed out.")] = 30.0,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Requests a second: an open loop.")] = None,
    even: Annotated[bool, typer.Option("--even", help="With --rate: a metronome, not random arrivals.")] = False,
    own_up: Annotated[bool, typer.Option("--own-up", help="The server is mine: load it though it is not the lab's.")]
        = False,
    as_json: Json = False,
) -> None:
    """A load test with the flags of ab, and honest numbers: no retries, every failure by its name.

    Example: `./lab ab -n 1000 -c 10 http://127.0.0.1:8000/test/`
    """
    from deploylab import course as courses
    from deploylab import experiment, load, road
    from deploylab.load import ab as familiar
    from deploylab.machine import standing
    from deploylab.progress import Progress

    machine, progress = standing(), Progress("ab")
    spec = familiar.spec_from_ab_flags(
        url, n=n, c=c, t=t, k=k, headers=header or (), s=s, rate=rate, even=even, own_up=own_up,
        allowed_addresses=(machine.host,) if machine else (),
        cpus=experiment.free_cpus(machine.facts()) if machine else None,
    )
    with progress.phase("load", f"Benchmarking {url}"):
        result = load.run(spec, on_progress=road.on_load(progress, url, t or 0))
    if as_json:
        print_json(asdict(experiment.unlisted(result, courses.load(), machine)))
    else:
        print(familiar.printout(result))
    if not result.n_ok:
        print("\nlab: not one good answer.\nNext: ./lab check", file=sys.stderr)
        raise typer.Exit(1)
