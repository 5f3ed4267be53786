"""ab: a load test of any page of yours, with the options of ab."""

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import HOUR_S, Json, Rate, not_one_good_answer, print_json

if TYPE_CHECKING:
    from deploylab.load.limits import Limit
    from deploylab.results.record import LoadResult


@app.command()
def ab(
    url: Annotated[str, typer.Argument(
        metavar="URL", help="http://HOST:PORT/PATH or https://…, on this computer or the kit's machine.")],
    n: Annotated[int | None, typer.Option("-n", min=1, help="Requests in total; with neither -n nor -t, one.")] = None,
    c: Annotated[int | None, typer.Option(
        "-c", min=1, help="Clients at a time; with --rate, the most connections.")] = None,
    t: Annotated[float | None, typer.Option("-t", min=0.1, max=HOUR_S, help="Stop after this many seconds.")] = None,
    k: Annotated[bool, typer.Option("-k", help="Keep connections open between requests.")] = False,
    header: Annotated[list[str] | None, typer.Option(
        "-H", help="A header, 'Name: value'; may be repeated.")] = None,
    cookie: Annotated[list[str] | None, typer.Option("-C", help="A cookie, 'name=value'; may be repeated.")] = None,
    user: Annotated[str | None, typer.Option("-A", metavar="USER:PASSWORD", help="Basic authentication.")] = None,
    post: Annotated[Path | None, typer.Option("-p", metavar="FILE", help="Send this file with POST.")] = None,
    content_type: Annotated[str | None, typer.Option(
        "-T", metavar="TYPE", help="The content type of what is sent; text/plain if none is named.")] = None,
    method: Annotated[str | None, typer.Option("-m", metavar="METHOD", help="Another method than GET or POST.")] = None,
    s: Annotated[float, typer.Option("-s", min=0.01, max=HOUR_S, help="Seconds until a request times out.")] = 30.0,
    percentages: Annotated[Path | None, typer.Option(
        "-e", metavar="FILE", help="Write a CSV file: for each percentage of the requests, its time.")] = None,
    rate: Rate = None,
    even: Annotated[bool, typer.Option("--even", help="With --rate: evenly spaced, not random arrivals.")] = False,
    expect: Annotated[int | None, typer.Option(
        "--expect", min=200, max=599, help="The only good status; any 2xx if none is named.")] = None,
    marker: Annotated[str | None, typer.Option("--marker", help="The text that a good page ends with.")] = None,
    fail_if: Annotated[list[str] | None, typer.Option(
        "--fail-if", metavar="LIMIT", help="Exit with 1 if 'p95>500ms' or 'failed>1%'; may be repeated.")] = None,
    ca: Annotated[Path | None, typer.Option(
        "--ca", metavar="FILE", help="https: trust the certificates in this file, not those of this system.")] = None,
    server_name: Annotated[str | None, typer.Option(
        "--server-name", metavar="NAME", help="https: the name in the server's certificate, if not the URL's.")] = None,
    resume: Annotated[bool, typer.Option(
        "--resume", help="https: new connections resume an earlier session, as a browser's do.")] = False,
    own_up: Annotated[bool, typer.Option("--own-up", help="This server is mine: load it although it is not the kit's.")]
        = False,
    as_json: Json = False,
) -> None:
    """Run a load test with the options of ab. No request is sent twice, and every failure is counted by its kind.

    `./lab status` shows the address of each stage. Ctrl-C ends the load and prints what was done so far.

    Example: `./lab ab -n 1000 -c 10 --fail-if 'p95>500ms' http://127.0.0.1:8000/test/`
    """
    from deploylab import course as courses
    from deploylab import load
    from deploylab.core.progress import Progress
    from deploylab.load import ab as familiar
    from deploylab.load import limits
    from deploylab.machine import standing
    from deploylab.measure import load_test
    from deploylab.measure.bench import free_cpus

    wanted = [limits.parse(text) for text in fail_if or ()]
    if percentages and not os.access(percentages.absolute().parent, os.W_OK):
        raise typer.BadParameter(f"a file cannot be written in {percentages.absolute().parent}.", param_hint="-e")
    machine, progress = standing(), Progress("ab")
    with tempfile.TemporaryDirectory() as folder:
        attempts = Path(folder) / "attempts.gz"
        spec = familiar.spec_from_ab_flags(
            url, n=n, c=c, t=t, k=k, headers=header or (), cookies=cookie or (), user=user, post=post,
            content_type=content_type, method=method, s=s, rate=rate, even=even, expect_status=expect, marker=marker,
            ca_file=str(ca.absolute()) if ca else None, server_name=server_name, resume=resume,
            own_up=own_up, allowed_addresses=(machine.host,) if machine else (),
            cpus=free_cpus(machine.facts()) if machine else None, attempts_path=str(attempts) if percentages else None,
        )
        with progress.phase("load", f"Benchmarking {spec.url}"):
            result = load.run_until_stopped(spec, on_progress=load_test.on_load(progress, spec.url, t or 0))
        if percentages:
            percentages.write_text(familiar.percentages(attempts), encoding="ascii")
    if as_json:
        print_json(asdict(load_test.run_of_url(result, courses.load(), machine)))
    else:
        print(familiar.printout(result))
    _judge(result, wanted)
    if "stopped" in result.flags:
        print("\nlab: Stopped; above is what was done so far.", file=sys.stderr)
        raise typer.Exit(1)


def _judge(result: "LoadResult", limits: "list[Limit]") -> None:
    """Say on standard error what was not good enough, and exit with 1; return if all was.

    Args:
        limits: what the person asked for.
    """
    if result.n_due == 0:
        print(f"\nlab: no request was due within {result.duration_s:g} s at {result.target_rps:g} per second.\n"
              "Next: a longer -t, or a higher --rate", file=sys.stderr)
        raise typer.Exit(1)
    if result.n_sent and not result.n_ok:
        next_step = ("--ca FILE   with the certificate of whom the server's was signed by"
                     if "certificate" in result.errors else "./lab check")
        raise not_one_good_answer(result.url, next_step)
    if 2 * result.n_errors >= result.n_sent > 0:
        print(f"\nlab: {result.n_errors:,} of {result.n_sent:,} requests failed.\nNext: ./lab check", file=sys.stderr)
        raise typer.Exit(1)
    exceeded = [sentence for limit in limits if (sentence := limit.exceeded(result))]
    for sentence in exceeded:
        print(f"\nlab: {sentence}", file=sys.stderr)
    if exceeded:
        raise typer.Exit(1)
