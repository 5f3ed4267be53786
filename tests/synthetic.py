"""Runs that no machine made: seeded, with the noise of a real one. For tests of stats, plots and report."""

from dataclasses import replace

import numpy as np
from scipy.signal import lfilter

from deploylab import course as course_module
from deploylab.course import Contrast, Course
from deploylab.machine.base import Facts
from deploylab.results.record import Run

MACHINE = {"kind": "vagrant", "provider": "lxc", "cpu": "Example CPU at 2.40GHz", "n_cpu": 1,
           "memory_bytes": 2_147_483_648, "kernel": "6.12.0", "distro": "Debian 13",
           "versions": {"nginx": "1.26.3", "gunicorn": "27.0.0", "Django": "5.2.8", "python": "3.13.5"}}
FACTS = Facts(**MACHINE, cpus_allowed=[0])

# Requests a second of each stage, near what was measured.
TRUE_RPS = {
    "runserver": {"hello": 700, "wait": 152, "page": 90, "asset": 750, "cpu": 110},
    "apache": {"hello": 1900, "wait": 170, "page": 160, "asset": 5200, "cpu": 112},
    "nginx": {"hello": 2300, "wait": 187, "page": 175, "asset": 10500, "cpu": 111},
    "static": {"hello": 2300, "wait": 187, "page": 176, "asset": 11200, "cpu": 111},
    "cache": {"hello": 2290, "wait": 187, "page": 1450, "asset": 11200, "cpu": 111},
    "edge": {"hello": 2100, "wait": 187, "page": 11900, "asset": 11100, "cpu": 109},
}
NOISE_CV, NOISE_RHO = 0.25, 0.69
NOISE_SD = float(np.sqrt(np.log(1 + NOISE_CV**2)))  # of the log, for that coefficient of variation of exp
TITLES = {"apache": "Apache and mod_wsgi", "static": "static files, tuned",
          "cache": "a cache in the application", "edge": "a cache in front"}


def the_course(*names: str) -> Course:
    """A course of these stages (all six without names), made from the real manifest."""
    real = course_module.load()
    pattern = real.stage("nginx")
    stages = {stage.stage: replace(stage, variants=()) for stage in real.stages}
    return replace(real, stages=tuple(
        stages.get(name) or replace(pattern, stage=name, port=8100 + i, title=TITLES[name], variants=(),
                                    changes=(f"what {name} adds", "and one thing more"))
        for i, name in enumerate(names or TRUE_RPS)))


def run(stage="nginx", view="page", concurrency=10, round=1, rps=100.0, n_failed=0, **other) -> Run:
    """One run; `rps=0` makes one in which every request failed."""
    seconds = other.pop("duration_s", 3.0)
    n_ok = int(rps * seconds)
    n_failed = n_failed or (0 if n_ok else 30)
    p50 = int(1e9 * concurrency / rps) if rps else None
    latency = {key: p50 and int(p50 * times) for key, times in
               {"min": 0.5, "p50": 1, "p90": 1.4, "p95": 1.7, "p99": 2.6, "p999": 4, "max": 6}.items()}
    return Run(**{
        "engine": "deploylab 0.1.0", "url": "http://10.0.3.21:8003/",
        "started_utc": "2026-11-23T19:05:00+00:00", "warmup_s": 0.5, "duration_s": seconds, "mode": "closed",
        "concurrency": concurrency, "target_rps": None, "keepalive": True, "n_due": None,
        "n_sent": n_ok + n_failed, "n_ok": n_ok, "n_unsent": None, "errors": {"timeout": n_failed} if n_failed else {},
        "rps": n_ok / seconds if rps else 0.0, "bytes": 900 * n_ok, "latency_ns": latency, "latency_from": "start",
        "client_cpu_s": 0.3,
        "run_id": f"{stage}-{view}-{concurrency}-{round}", "session_id": "s1", "purpose": "round",
        "round": round, "pair_id": None, "stage": stage, "variant": None, "view": view, "server_cpu_s": 2.4,
        "server_runq_wait_s": 0.2, "server_rss_bytes": 190_000_000, "server_pss_bytes": 120_000_000,
        "machine": MACHINE, "config_hash": "c0ffee", "app_rev": "0a1b2c3", **other})


def ar1(rng: np.random.Generator, n: int, sd: float = NOISE_SD, rho: float = NOISE_RHO) -> np.ndarray:
    """The noise of a machine on the log of throughput: each value like the one before, by default as was measured.

    x[0] is normal with standard deviation sd; x[i] = rho x[i-1] + e, and e is normal so that sd stays what it is. A
    run's throughput is its true one times exp(x). 100 repeats of `ab -n 1000 -c 10` on one machine had a coefficient
    of variation of 25 % and a lag-1 autocorrelation of 0.69; NOISE_SD and NOISE_RHO give just that.

    Args:
        sd: of the log.
        rho: correlation of neighbours.
    """
    shocks = rng.normal(0, sd, n)
    shocks[1:] *= np.sqrt(1 - rho**2)
    return lfilter([1], [1, -rho], shocks)


def rounds(course: Course, n_rounds: int = 5, seed: int = 7, sd: float = 0.06) -> list[Run]:
    """Interleaved rounds over all stages and views, their order rotated, with drifting noise."""
    rng = np.random.default_rng(seed)
    cells = [(stage.stage, view, c) for stage in course.stages for view in stage.views
             for c in course.view(view).concurrency if view in TRUE_RPS.get(stage.stage, {})]
    noise = iter(np.exp(ar1(rng, n_rounds * len(cells), sd)))
    out = []
    for number in range(1, n_rounds + 1):
        shift = number % len(cells)
        order = cells[shift:] + cells[:shift]
        out += [_noisy(stage, view, c, number, next(noise), rng) for stage, view, c in order]
    return out


def _noisy(stage: str, view: str, concurrency: int, number: int, noise: float,
           rng: np.random.Generator) -> Run:
    rps = TRUE_RPS[stage][view] * noise
    if view == "wait":
        rps = min(rps, min(concurrency, 16) / 0.05 * 0.97) if stage != "runserver" else rps
    n = rps * 3.0
    return run(stage, view, concurrency, number, rps,
               server_cpu_s=float(n * rng.normal(0.9, 0.02) / max(TRUE_RPS[stage]["hello"], rps)),
               server_pss_bytes=int((60 + 25 * list(TRUE_RPS).index(stage)) * 1e6 * rng.normal(1, 0.01)))


def contrast(name="worker-class", a="nginx:sync", b="nginx", view="wait", concurrency=32, **other) -> Contrast:
    """A contrast of the kind that course.toml lists."""
    return Contrast(**{"name": name, "title": f"What {name} is worth", "lesson": "05", "differs": "the one thing",
                       "parts": ("gunicorn worker_class",), "a": a, "b": b, "view": view, "concurrency": concurrency,
                       **other})


def pairs(of: Contrast, ratio: float = 2.0, n: int = 5, rps: float = 100.0, seed: int = 3, sd: float = 0.02,
          a_side=None, b_side=None) -> list[Run]:
    """The runs of a contrast, ABBA, B with so many times the throughput of A.

    Args:
        a_side, b_side: fields of the runs of that side.
    """
    noise = np.exp(np.random.default_rng(seed).normal(0, sd, 2 * n))
    out = []
    for number in range(1, n + 1):
        for name, view, rate, more in sorted(
                [(of.a, of.view, rps, a_side), (of.b, of.b_view or of.view, ratio * rps, b_side)],
                key=lambda one: one[0] == of.b, reverse=number % 2 == 0):
            stage, _, variant = name.partition(":")
            out.append(run(stage, view, of.concurrency, None, rate * noise[len(out)], variant=variant or None,
                           purpose="pair", pair_id=f"{of.name}/{number}", duration_s=2.0,
                           run_id=f"{of.name}-{name}-{number}", **(more or {})))
    return out
