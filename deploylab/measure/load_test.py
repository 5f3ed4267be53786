"""Runs one load test against a stage, and measures what the server uses during it.

    load  +  what the server's processes used  =  a Run, saved as soon as it ends
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
from deploylab.course import KEPT, RESUMED, Course
from deploylab.machine import Machine, https, usage
from deploylab.measure import cache_state, distance, setup_request
from deploylab.measure.bench import Bench, LoadSettings, Scenario, machine_fields
from deploylab.provision import converge
from deploylab.results.record import LoadResult, Run

TIMEOUT_S = 10.0
CALIBRATION_S = 2.0
LATE_S = 10.0  # the server may still process a request that we gave up: we saw posts five seconds after their load


def measure(bench: Bench, cell: Scenario, *, purpose: str, round_number: int | None = None,
            pair_id: str | None = None, side: str | None = None, seed: int | None = None,
            on_progress: Callable[[load.LoadProgress], None] | None = None) -> Run:
    """One run against one target; it is saved in the session before it is returned.

    Args:
        purpose: "preview", "round", "measure", "pair" or "sweep".
        round_number: the number of the round, from 1.
        pair_id: the same for the two sides of a pair; side is "A" or "B".
        seed: two loads with the same seed request the same pages in the same order; if None, one is drawn and recorded.
        on_progress: called a few times per second.

    Raises:
        LoadError: the load could not run, or its numbers would be useless.
        MachineError: the machine no longer answers.
        ResultsError: the run could not be saved.
    """
    run_id = uuid.uuid4().hex[:12]
    attempts = bench.session.folder / "attempts" / f"{run_id}.gz"
    attempts.parent.mkdir(exist_ok=True)
    settings = bench.settings
    if purpose != "preview":  # a preview is for a first look, and needs no percentile
        settings = replace(settings, seconds=cell.window_s(settings.seconds))
    spec = _with_setup_headers(_spec(bench.machine, cell, settings, seed, str(attempts)), cell)
    try:
        with load.LoadTest() as engine:  # it starts while the servers warm up
            if settings.warmup_s:
                load.run(_warm_up(spec, settings.warmup_s))  # from nearby in any case: it is the server that warms up
            cache_state.prepare(bench, cell, spec)
            before = usage.sample(bench.machine, cell.target.processes, counters=True)
            result = _load(bench.machine, cell, settings, spec, on_progress, engine.run)
        after = usage.sample(bench.machine, cell.target.processes, memory=True, counters=True)
        _wait_for_late_requests(cell, result)
    finally:
        _undo(bench.machine, cell)
    if bench.facts.kind == "local" and bench.settings.cpus is None and "shared_core" not in result.flags:
        result = replace(result, flags=[*result.flags, "not_pinned"])  # servers and load may use the same processors
    result = replace(result, flags=[*result.flags, *cache_state.flags(cell, result)])
    run = _run(bench, cell, result, run_id=run_id, purpose=purpose, round=round_number, pair_id=pair_id, side=side,
               notes={**result.notes, **usage.counted(before, after)}, **usage.between(before, after))
    bench.session.append(run)
    return run


def once(machine: Machine, cell: Scenario, settings: LoadSettings,
         on_progress: Callable[[load.LoadProgress], None] | None = None) -> LoadResult:
    """The result of one load test without a warm-up; it is not saved. Ends early if this thread is asked to stop.

    Raises: as `measure`, except ResultsError.
    """
    try:
        settings = replace(settings, seconds=cell.window_s(settings.seconds))
        result = _load(machine, cell, settings, _with_setup_headers(_spec(machine, cell, settings), cell), on_progress,
                       load.run_until_stopped)
        _wait_for_late_requests(cell, result)
        return result
    finally:
        _undo(machine, cell)


def answered_rps(bench: Bench, cell: Scenario) -> float:
    """Requests per second that the cell's target answers while its cache is no help; nothing is saved.

    Raises:
        LoadError: there was no good answer.
        MachineError: the cache could not be emptied.
    """
    spec = _with_setup_headers(_spec(bench.machine, cell, bench.settings), cell)
    return cache_state.answered_rps(bench, cell, spec)


def calibrated(bench: Bench, seconds: float, progress: Progress) -> Bench:
    """The bench with the ceiling of its load generator, and with windows of so many seconds."""
    with progress.phase("load", "calibrating the load generator"):
        ceiling_rps = _calibrate(bench)
    progress.say(f"    {units.rate(ceiling_rps)} is the most that this generator reaches; a run near that is marked")
    return replace(bench, settings=replace(bench.settings, seconds=seconds, ceiling_rps=ceiling_rps))


def on_load(progress: Progress, label: str, seconds: float) -> Callable[[load.LoadProgress], None]:
    """A function that shows the progress of one load test on a progress line."""

    def on_progress(state: load.LoadProgress) -> None:
        so_far = f"{units.rate(state.rps)}, {state.n_errors} failed" if state.n_sent else "no answer yet"
        progress.update(f"{label}: {so_far}", min(state.t_s, seconds), seconds or None)

    return on_progress


def _calibrate(bench: Bench) -> float:
    """Requests per second that this generator reaches against a static stub in the guest.

    The stub does almost no work, so this is the ceiling of generator, network and connection handling together. A run
    that comes near it measures the generator, not the stage.
    """
    host, settings = bench.machine.host, bench.settings
    spec = load.LoadSpec(url=f"http://{host}:{converge.CALIBRATION_PORT}/", concurrency=10,
                         duration_s=CALIBRATION_S, warmup_s=0.3, keepalive=settings.keepalive, cpus=settings.cpus,
                         allowed_addresses=(host,), timeout_s=TIMEOUT_S)
    result = load.run(spec)
    if not result.n_ok:
        raise LoadError(f"The static stub at {spec.url} did not answer: {result.errors}.", "./lab run")
    return result.rps


def _spec(machine: Machine, cell: Scenario, settings: LoadSettings, seed: int | None = None,
          attempts_path: str | None = None) -> load.LoadSpec:
    view, target = cell.view, cell.target
    tls = {"ca_file": str(https.ca_file(machine)), "server_name": target.tls_name,
           "http2": target.http2 and view.visitor is not None,
           "resume": view.connections == RESUMED} if target.tls_name else {}
    return load.LoadSpec(
        url=machine.url(cell.target, (view.paths or (view.path,))[0]), paths=view.paths, seed=seed,
        mode="open" if settings.rate_per_s else "closed", rate_per_s=settings.rate_per_s,
        concurrency=cell.concurrency, duration_s=settings.seconds, timeout_s=TIMEOUT_S,
        keepalive=settings.keepalive and view.connections == KEPT, method=view.method, body=view.body,
        headers=dict(view.headers), marker=view.marker, expect_status=view.expect_status, visitor=view.visitor,
        slow_clients=settings.slow_clients,
        attempts_path=attempts_path, cpus=settings.cpus, ceiling_rps=settings.ceiling_rps,
        allowed_addresses=(machine.host,), **tls,
    )


def _load(machine: Machine, cell: Scenario, settings: LoadSettings, spec: load.LoadSpec,
          on_progress: Callable[[load.LoadProgress], None] | None,
          nearby: Callable[..., LoadResult]) -> LoadResult:
    """The result of one load, from where the clients of this cell are.

    Args:
        nearby: runs it on this computer.
    """
    if away := settings.distance or cell.distance:
        return distance.run(machine, spec, away, on_progress)
    return nearby(spec, on_progress)


def _with_setup_headers(spec: load.LoadSpec, cell: Scenario) -> load.LoadSpec:
    """The spec with the headers that a real client would have from an earlier request."""
    return replace(spec, headers=spec.headers | setup_request.headers(
        cell.view, spec.url, spec.ca_file, spec.server_name))


def _warm_up(spec: load.LoadSpec, seconds: float) -> load.LoadSpec:
    """The load for the warm-up. It is a separate load, so that the server's cost is measured in the window only.

    It draws other pages: otherwise the server would find in its memory what the warm-up has just put there. It has no
    slow clients: if they block the server, we would only wait.
    """
    seed = None if spec.seed is None else spec.seed + 1
    return replace(spec, duration_s=seconds, seed=seed, slow_clients=0, attempts_path=None)


def _wait_for_late_requests(cell: Scenario, result: LoadResult) -> None:
    """If requests failed and the view leaves data behind, wait until the server has processed those requests too."""
    if result.errors and cell.view.undo:
        cancel.sleep(LATE_S)


def _undo(machine: Machine, cell: Scenario) -> None:
    """Remove the data that the load left behind, so that the next load finds the same data.

    Ten thousand new comments would change every page that is measured later.
    """
    if cell.view.undo:
        target = cell.target
        variables = shlex.join(f"{name}={value}" for name, value in target.environment.items())
        machine.check_output(f"deploylab-manage {target.stage} {variables} {cell.view.undo}", sudo=True)


def _run(bench: Bench, cell: Scenario, result: LoadResult, **more: Any) -> Run:
    """A Run: the result of the load engine, and what the engine does not know."""
    fields = asdict(result)
    if fields["attempts_file"]:  # relative to runs.jsonl
        fields["attempts_file"] = str(Path(fields["attempts_file"]).relative_to(bench.session.folder))
    context = {
        "session_id": bench.session.id, "stage": cell.target.stage, "variant": cell.target.variant,
        "view": cell.view.name, "cache_state": cell.cache_state, "warmup_s": bench.settings.warmup_s,
        "machine": machine_fields(bench.facts), "app_rev": bench.app_rev,
        "config_hash": bench.config_hash(cell.target.stage),
    }
    return Run(**{**fields, **context, **more})


def run_of_url(result: LoadResult, course: Course, machine: Machine | None) -> Run:
    """The result of a load test of any URL as a Run; unknown fields are empty."""
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
