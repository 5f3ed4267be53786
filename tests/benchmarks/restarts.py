"""Who starts what again, and what visitors notice: each program killed under load, kept by systemd and by supervisord.

    python -m tests.benchmarks.restarts restarts --times 3 --write guides/systemd.md
    python -m tests.benchmarks.restarts releases --times 3 --write guides/guide_VI.md

`restarts` is about what keeps a program running, `releases` about each way to give visitors another version of it. The
first needs a machine with `nginx`, `nginx:systemd`, `cache` and `cache:redis`, the second one with `apache`, `nginx`
and `nginx:systemd`. Each row is an open loop, so a request counts from when it was due, and whoever waits in a queue is
seen to wait.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from deploylab import course as courses
from deploylab import machine as machines
from deploylab.core import units
from deploylab.core.progress import Progress
from deploylab.course import Course
from deploylab.load import attempts
from deploylab.machine import Machine
from deploylab.measure import during
from deploylab.results.record import OK
from tests.benchmarks import marks

SECONDS, AFTER_S = 14.0, 2.0
RATES = {"hello": 30.0, "page": 5.0}  # of a view: a page takes some 35 ms of the processor, and 30 of them all of it
SUPERVISED, UNIT = "deploylab-nginx", "deploylab-nginx-systemd"
SLOW_S = 8  # how long one statement has a table for itself; whoever asks for a page takes as long


@dataclass(frozen=True)
class Way:
    """One thing that happens during a load.

    Attributes:
        what: in words.
        keeper: what starts the program again, or is told to.
        target: the stage or variant under load.
        command: for root on the machine; it must end before the load does.
        view: what visitors ask for meanwhile.
    """

    what: str
    keeper: str
    target: str
    command: str
    view: str = "hello"


def killed(which: str, name: str) -> str:
    """A command that kills the oldest (-o) or the newest (-n) process of a gunicorn."""
    return f"kill -s KILL $(pgrep -u deploylab {which} -f 'gunicorn.*--name {name} ')"


def main_killed(unit: str) -> str:
    """A command that kills the main process of a service."""
    return f"kill -s KILL $(systemctl show -P MainPID {unit})"


def meanwhile_slow(command: str) -> str:
    """A command that is run while the pages take SLOW_S seconds: some are being made when it acts."""
    hold = f"LOCK TABLES programme_day WRITE; DO SLEEP({SLOW_S})"
    return f'mariadb deploylab -e "{hold}" >/dev/null 2>&1 & sleep 1; {command}'


def altered(patience_s: int) -> str:
    """A command that changes a table that somebody reads for SLOW_S seconds, and waits for it so long at most."""
    change = f"SET lock_wait_timeout={patience_s}; ALTER TABLE programme_day ADD COLUMN tried INT"
    return (f"mariadb deploylab -e 'SELECT SLEEP({SLOW_S}) FROM programme_day LIMIT 1' >/dev/null & sleep 1; "
            f"mariadb deploylab -e '{change}' >/dev/null 2>&1; wait; "
            "mariadb deploylab -e 'ALTER TABLE programme_day DROP COLUMN IF EXISTS tried'")


KEPT = (
    Way("a worker of gunicorn is killed", "gunicorn, under supervisord", "nginx", killed("-n", SUPERVISED)),
    Way("a worker of gunicorn is killed", "gunicorn, under systemd", "nginx:systemd", killed("-n", UNIT)),
    Way("gunicorn's master is killed", "supervisord", "nginx", killed("-o", SUPERVISED)),
    Way("gunicorn's master is killed", "systemd, with a socket", "nginx:systemd", killed("-o", UNIT)),
    Way("`restart`", "supervisord", "nginx", f"supervisorctl restart {SUPERVISED}"),
    Way("`restart`", "systemd, with a socket", "nginx:systemd", f"systemctl restart {UNIT}"),
    Way("`reload` (HUP)", "supervisord", "nginx", f"supervisorctl signal HUP {SUPERVISED}"),
    Way("`reload` (HUP)", "systemd, with a socket", "nginx:systemd", f"systemctl reload {UNIT}"),
    Way("nginx is killed", "systemd", "nginx", main_killed("nginx")),
    Way("memcached is killed", "systemd", "cache", main_killed("memcached"), "page"),
    Way("Redis is killed", "systemd", "cache:redis", main_killed("redis-server"), "page"),
    Way("MariaDB is killed", "systemd", "nginx", main_killed("mariadb"), "page"),
)

DAEMONS, WSGI_FILE = "pkill -USR1 -f '^.wsgi:django.'", "/srv/deploylab/apache/deploylab-apache.wsgi"
CHANGED = (
    Way("`supervisorctl restart`", "gunicorn", "nginx", f"supervisorctl restart {SUPERVISED}"),
    Way("`supervisorctl signal HUP`", "gunicorn", "nginx", f"supervisorctl signal HUP {SUPERVISED}"),
    Way("the same, while pages take 8 s", "gunicorn", "nginx",
        meanwhile_slow(f"supervisorctl signal HUP {SUPERVISED}"), "page"),
    Way("`systemctl restart`, with a socket", "gunicorn", "nginx:systemd", f"systemctl restart {UNIT}"),
    Way("`systemctl restart`", "Apache", "apache", "systemctl restart apache2"),
    Way("`systemctl reload`", "Apache", "apache", "systemctl reload apache2"),
    Way("the same, while pages take 8 s", "Apache", "apache", meanwhile_slow("systemctl reload apache2"), "page"),
    Way("the WSGI file is touched", "Apache", "apache", f"touch {WSGI_FILE}"),
    Way("the same, while pages take 8 s", "Apache", "apache", meanwhile_slow(f"touch {WSGI_FILE}"), "page"),
    Way("`USR1` to its daemons", "Apache", "apache", DAEMONS),
    Way("the same, while pages take 8 s", "Apache", "apache", meanwhile_slow(DAEMONS), "page"),
    Way("a migration waits for its table", "MariaDB", "nginx", altered(86_400), "page"),
    Way("the same, for 3 s at most", "MariaDB", "nginx", altered(3), "page"),
)
TABLES = {"restarts": KEPT, "releases": CHANGED}


@dataclass(frozen=True)
class Noticed:
    """What visitors noticed of it.

    Attributes:
        failed, sent: requests.
        gap_s: the longest time in which no good answer came, from the first request to the last answer.
        longest_s: the longest wait for a good answer, from when the request was due; 0 where there was none.
    """

    failed: int
    sent: int
    gap_s: float
    longest_s: float


def noticed(columns: dict[str, Sequence[int]]) -> Noticed:
    """What the attempts of a load say.

    >>> noticed({"due_ns": [0, 10, 20], "end_ns": [1_000_000_000, 30, 3_000_000_000], "outcome": [0, 1, 0]})
    Noticed(failed=1, sent=3, gap_s=2.0, longest_s=2.99999998)
    """
    rows = list(zip(columns["due_ns"], columns["end_ns"], columns["outcome"], strict=True))
    good = sorted((end, due) for due, end, code in rows if attempts.OUTCOMES[code] == OK)
    ends = [min(columns["due_ns"]), *(end for end, _ in good), max(columns["end_ns"])]
    gap = max(after - before for before, after in pairwise(ends))
    return Noticed(len(rows) - len(good), len(rows), gap / units.NS_PER_S,
                   max((end - due for end, due in good), default=0) / units.NS_PER_S)


def measured(machine: Machine, course: Course, way: Way, progress: Progress) -> Noticed:
    """One load with one thing that happens in it."""
    result = during.measure(machine, course, way.target, lambda: machine.run(way.command, sudo=True), progress,
                            view=way.view, rate_per_s=RATES[way.view], concurrency=None, seconds=SECONDS,
                            after_s=AFTER_S)
    if not result.done.ok:
        raise SystemExit(f"`{way.command}` ended with status {result.done.status}: {result.done.out}")
    return noticed(attempts.read(result.session.folder / result.run.attempts_file)[1])


def table(rows: list[tuple[Way, list[Noticed]]]) -> str:
    """The Markdown: of all loads of a row the failures one by one, and the middle one of the times."""
    out = ["| what happens | who acts | failed requests | no good answer for | longest wait |",
           "|---|---|---:|---:|---:|"]
    for way, seen in rows:
        failed = ", ".join(str(one.failed) for one in seen)
        gap_s, longest_s = (statistics.median(getattr(one, name) for one in seen) for name in ("gap_s", "longest_s"))
        sent = round(statistics.fmean(one.sent for one in seen))
        out.append(f"| {way.what} | {way.keeper} | {failed} of {sent} | {gap_s:.1f} s | {longest_s:.1f} s |")
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--times", type=int, default=1, help="loads of each row")
    parser.add_argument("--only", default="", help="a word: only the rows with it")
    parser.add_argument("--write", type=Path, help="put the table into this file too, between its two marks")
    options = parser.parse_args()
    machine, course, progress = machines.current(), courses.load(), Progress("restarts")
    rows: list[tuple[Way, list[Noticed]]] = []
    for way in [way for way in TABLES[options.table] if options.only in f"{way.what} {way.keeper} {way.target}"]:
        rows.append((way, [measured(machine, course, way, progress) for _ in range(options.times)]))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    text = table(rows)
    print(text)
    if options.write:
        marks.write(options.write, text, options.table)


if __name__ == "__main__":
    main()
