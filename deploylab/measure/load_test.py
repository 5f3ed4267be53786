"""One load test against a stage, with what the machine felt.

    load  +  what the server's processes used  =  a Run, appended the moment it ends
"""

import shlex
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploylab import load
from deploylab.core import cancel, units
from deploylab.core.errors import LoadError
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.machine import Machine, usage
from deploylab.measure import setup_request
from deploylab.measure.bench import Bench, LoadSettings, Scenario, machine_fields
from deploylab.provision import converge
from deploylab.results.record import LoadResult, Run

TIMEOUT_S = 10.0
CALIBRATION_S = 2.0
LATE_S = 10.0  # a request that we gave up may still be carried out: posts came five seconds after their load


def measure(bench: Bench, cell: Scenario, *, purpose: str, round_number: int | None = None,
            pair_id: str | None = None, seed: int | None = None,
            on_progress: Callable[[load.LoadProgress], None] | None = None) -> Run:
    """One run against one target, appended to the session before it is returned.

    Args:
        purpose: "preview", "round", "measure", "pair" or "sweep".
        round_number: from 1, for a round.
        pair_id: the same for the two sides of a pair.
        seed: two loads with one seed ask for the same pages in the same order; drawn where None, and recorded.
        on_progress: called a few times a second.

    Raises:
        LoadError: the load could not run, or its numbers would be void.
        MachineError: the machine went away.
        ResultsError: the run could not be written.
    """
    run_id = uuid.uuid4().hex[:12]
    attempts = bench.session.folder / "attempts" / f"{run_id}.gz"
    attempts.parent.mkdir(exist_ok=True)
    spec = _asked_before(_spec(bench.machine, cell, bench.how, seed, str(attempts)), cell)
    try:
        if bench.how.warmup_s:
            load.run(_warm_up(spec, bench.how.warmup_s))
        before = usage.sample(bench.machine, cell.target.processes, counters=True)
        result = load.run(spec, on_progress=on_progress)
        after = usage.sample(bench.machine, cell.target.processes, memory=True, counters=True)
        _await_late(cell, result)
    finally:
        _undo(bench.machine, cell)
    if bench.facts.kind == "local" and bench.how.cpus is None and "shared_core" not in result.flags:
        result = replace(result, flags=[*result.flags, "not_pinned"])  # the servers may run on any processor, as it may
    run = _run(bench, cell, result, run_id=run_id, purpose=purpose, round=round_number, pair_id=pair_id,
               notes={**result.notes, **usage.counted(before, after)}, **usage.between(before, after))
    bench.session.append(run)
    return run


def once(machine: Machine, cell: Scenario, how: LoadSettings,
         on_progress: Callable[[load.LoadProgress], None] | None = None) -> LoadResult:
    """One load test that is kept nowhere, without a warm-up. One that this thread is asked to stop gives what it has.

    Raises: as `measure`, but for the results' errors.
    """
    try:
        result = load.run_until_stopped(_asked_before(_spec(machine, cell, how), cell), on_progress)
        _await_late(cell, result)
        return result
    finally:
        _undo(machine, cell)


def calibrated(bench: Bench, seconds: float, progress: Progress) -> Bench:
    """The bench with what its generator reaches at most, and with windows of so many seconds."""
    with progress.phase("load", "calibrating the load generator"):
        ceiling_rps = _calibrate(bench)
    progress.say(f"    {units.rate(ceiling_rps)} is all this generator reaches; near it, a run says so")
    return replace(bench, how=replace(bench.how, seconds=seconds, ceiling_rps=ceiling_rps))


def on_load(progress: Progress, label: str, seconds: float) -> Callable[[load.LoadProgress], None]:
    """Drive a progress line with the events of one load test."""

    def on_progress(seen: load.LoadProgress) -> None:
        text = f"{label}: {units.rate(seen.rps)}, {seen.n_errors} failed"
        progress.update(text, min(seen.t_s, seconds), seconds or None)

    return on_progress


def _calibrate(bench: Bench) -> float:
    """Requests a second that this generator gets from a static stub in the guest.

    The stub does next to nothing, so the figure is the ceiling of generator, network and
    connection handling together; a stage that comes near it is not what was measured.
    """
    host, how = bench.machine.host, bench.how
    spec = load.LoadSpec(url=f"http://{host}:{converge.CALIBRATION_PORT}/", concurrency=10,
                         duration_s=CALIBRATION_S, warmup_s=0.3, keepalive=how.keepalive, cpus=how.cpus,
                         allowed_addresses=(host,), timeout_s=TIMEOUT_S)
    result = load.run(spec)
    if not result.n_ok:
        raise LoadError(f"The static stub at {spec.url} did not answer: {result.errors}.", "./lab run")
    return result.rps


def _spec(machine: Machine, cell: Scenario, how: LoadSettings, seed: int | None = None,
          attempts_path: str | None = None) -> load.LoadSpec:
    view = cell.view
    return load.LoadSpec(
        url=machine.url(cell.target, (view.paths or (view.path,))[0]), paths=view.paths, seed=seed,
        mode="open" if how.rate_per_s else "closed", rate_per_s=how.rate_per_s,
        concurrency=cell.concurrency, duration_s=how.seconds, keepalive=how.keepalive, timeout_s=TIMEOUT_S,
        method=view.method, body=view.body, headers=dict(view.headers), marker=view.marker,
        expect_status=view.expect_status, visitor=view.visitor, slow_clients=how.slow_clients,
        attempts_path=attempts_path, cpus=how.cpus, ceiling_rps=how.ceiling_rps, allowed_addresses=(machine.host,),
    )


def _asked_before(spec: load.LoadSpec, cell: Scenario) -> load.LoadSpec:
    """The spec with the headers that its clients would have by then."""
    return replace(spec, headers=spec.headers | setup_request.headers(cell.view, spec.url))


def _warm_up(spec: load.LoadSpec, seconds: float) -> load.LoadSpec:
    """The load that comes before a load, one of its own: the server's cost is then that of the window alone.

    It draws other pages, or the window would ask a cache for what the warm-up has just put there. It holds no
    slow clients: a server that they freeze would only make us wait.
    """
    seed = None if spec.seed is None else spec.seed + 1
    return replace(spec, duration_s=seconds, seed=seed, slow_clients=0, attempts_path=None)


def _await_late(cell: Scenario, result: LoadResult) -> None:
    """Return when what failed is carried out too, where that leaves something behind."""
    if result.errors and cell.view.undo:
        cancel.sleep(LATE_S)


def _undo(machine: Machine, cell: Scenario) -> None:
    """Take away what the load left behind, so that the next one meets the data it met.

    Ten thousand new comments would make every page measured later another page.
    """
    if cell.view.undo:
        target = cell.target
        own = shlex.join(f"{name}={value}" for name, value in target.environment.items())
        machine.check_output(f"deploylab-manage {target.stage} {own} {cell.view.undo}", sudo=True)


def _run(bench: Bench, cell: Scenario, result: LoadResult, **more: Any) -> Run:
    """The engine's result with what only the lab knows."""
    fields = asdict(result)
    if fields["attempts_file"]:  # as seen from runs.jsonl
        fields["attempts_file"] = str(Path(fields["attempts_file"]).relative_to(bench.session.folder))
    known = {
        "session_id": bench.session.id, "stage": cell.target.stage, "variant": cell.target.variant,
        "view": cell.view.name, "warmup_s": bench.how.warmup_s,
        "machine": machine_fields(bench.facts), "app_rev": bench.app_rev,
        "config_hash": bench.config_hash(cell.target.stage),
    }
    return Run(**{**fields, **known, **more})


def unlisted(result: LoadResult, course: Course, machine: Machine | None) -> Run:
    """A load test of any URL as a Run; what the lab does not know of it stays empty."""
    parts = urlsplit(result.url)
    ours = machine is not None and parts.hostname == machine.host
    target = next((t for t in course.all_targets if ours and t.port == parts.port), None)
    view = next((v.name for v in course.app.views.values() if v.path == (parts.path or "/")), "")
    return Run(
        **asdict(result), run_id=uuid.uuid4().hex[:12], session_id="", purpose="measure", round=None, pair_id=None,
        stage=target.stage if target else "", variant=target.variant if target else None, view=view,
        server_cpu_s=None, server_runq_wait_s=None, server_rss_bytes=None, server_pss_bytes=None,
        machine=machine_fields(machine.facts(course.versions)) if ours else {},
        config_hash=converge.config_hash(course, target.stage) if target else "",
        app_rev=converge.app_revision(course) if target else "",
    )
