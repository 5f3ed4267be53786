"""What all tests share: state of their own, and a real machine for those that need it.

Two workers of pytest-xdist have a machine each, on a processor each: their files go side by side.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from filelock import FileLock

from deploylab.core import paths

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Never the state of the person who runs the tests; and those without a machine may run beside those with one.
STATE = paths.ROOT / ".lab" / "-".join(filter(None, ["test", os.environ.get("DEPLOYLAB_TESTS"), str(WORKER or "")]))


# These begin with a machine that has less on it than the others leave there: what they take away would be built again.
LAST = ("test_reset", "test_backups_on_machine", "test_by_hand")
# What each test took on two processors, in seconds; `./lab test --all --keep-durations` writes it again.
DURATIONS = Path(__file__).with_name("durations.json")


def pytest_addoption(parser):
    parser.addoption("--keep-durations", action="store_true", help=f"write what each test takes into {DURATIONS.name}")


def pytest_configure():
    """What was started in the background ignores Ctrl-C, and so do its children: those that tests stop should not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """The longest file first, so that the lanes end together; those that take the machine apart come last.

    The lessons are the longest: they begin on a machine of their own, with nothing on it.
    """
    took_s = json.loads(DURATIONS.read_text(encoding="utf-8"))
    thorough = "not thorough" not in config.option.markexpr
    total_s = Counter()
    for item in items:
        if thorough or not item.get_closest_marker("thorough"):
            total_s[item.path] += took_s.get(item.nodeid, 0)
    last = LAST if thorough else ()
    items.sort(key=lambda item: (last.index(item.path.stem) + 1 if item.path.stem in last else 0, -total_s[item.path]))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, config):
    """With --keep-durations: what each test took, its fixtures included, beside what is known of the others."""
    if not config.getoption("--keep-durations"):
        return
    took_s = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "duration", 0) and report.nodeid:
            took_s[report.nodeid] += report.duration
    known = json.loads(DURATIONS.read_text(encoding="utf-8")) | {
        test: round(seconds, 1) for test, seconds in took_s.items() if seconds >= 0.5}
    DURATIONS.write_text(json.dumps({test: s for test, s in known.items() if _exists(test)}, indent=1, sort_keys=True)
                         + "\n", encoding="utf-8")


def _exists(test: str) -> bool:
    """Whether a test of this name is still there, whatever its parameters."""
    file, _, name = test.partition("::")
    return (paths.ROOT / file).is_file() and f"def {name.partition('[')[0]}(" in (paths.ROOT / file).read_text()


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory):
    """Point everything that is not told otherwise at the tests' own folders; results begin empty."""
    os.environ["DEPLOYLAB_STATE"] = str(STATE)
    os.environ["DEPLOYLAB_FIRST_CPU"] = str(WORKER % min(2, os.cpu_count()))
    os.environ["DEPLOYLAB_RESULTS"] = str(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def machine(own_state):
    """A real machine that runs; made for the tests of this worker and taken away after them.

    DEPLOYLAB_KEEP=1 keeps it for the next run of the tests.
    """
    from deploylab.cli.options import ensure_machine
    from deploylab.core.progress import Progress
    from deploylab.machine import choose

    progress = Progress("test")
    # One after the other: both would install the same packages and build the same box.
    with FileLock(paths.ROOT / ".lab" / "test.lock"):
        machine = ensure_machine(yes=os.environ.get("DEPLOYLAB_YES") == "1", progress=progress)
    yield machine
    if os.environ.get("DEPLOYLAB_KEEP") != "1":
        machine.destroy(progress)
        choose.forget()


@pytest.fixture(scope="session")
def provider(own_state) -> str:
    """What this computer makes machines with; its packages are installed, and no machine is made."""
    from deploylab.cli.options import choose_machine
    from deploylab.core.progress import Progress

    with FileLock(paths.ROOT / ".lab" / "test.lock"):
        return choose_machine(yes=os.environ.get("DEPLOYLAB_YES") == "1", progress=Progress("test")).provider


@pytest.fixture(scope="session")
def forked_lab(own_state):
    """A process that has imported the command line, and runs each command in a fork of itself."""
    with subprocess.Popen([sys.executable, Path(__file__).with_name("forked_lab.py")], text=True, cwd=paths.ROOT,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT)}) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="session")
def machine_lab(own_state):
    """As `lab`, for fixtures that tests share; each command in a process of its own."""
    return _lab


@pytest.fixture
def lab(request, tmp_path_factory):
    """Run `./lab`'s command line in a process of its own; gives back the CompletedProcess.

    Without a machine it is a fork of one that is ready: what most of these commands do is to say why they do nothing.
    """
    forked = None if request.node.get_closest_marker("machine") else request.getfixturevalue("forked_lab")

    def run(*arguments: str, timeout_s: float = 1200, **environment: str) -> subprocess.CompletedProcess:
        if not forked:
            return _lab(*arguments, timeout_s=timeout_s, **environment)
        environment = {**os.environ, "PYTHONPATH": str(paths.ROOT), **environment}
        out, err = files = [tmp_path_factory.mktemp("lab") / name for name in ("out", "err")]
        for file in files:
            file.touch()
        asked = {"arguments": arguments, "environment": environment, "cwd": str(paths.ROOT), "out": str(out),
                 "err": str(err), "timeout_s": timeout_s}
        forked.stdin.write(json.dumps(asked) + "\n")
        forked.stdin.flush()
        status = json.loads(forked.stdout.readline())
        if status is None:
            raise subprocess.TimeoutExpired(arguments, timeout_s)
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())

    return run


def _lab(*arguments: str, timeout_s: float = 1200, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "deploylab.cli", *arguments], cwd=paths.ROOT, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_s,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT), **environment})
