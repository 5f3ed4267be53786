"""Making and repairing `.venv`: one lock, visible progress, one clear message when it fails."""

import contextlib
import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from deploylab.bootstrap import bundle, clone, get_pip, packages
from deploylab.bootstrap.progress import PipWatch, StatusLine, redact
from deploylab.core.errors import HostError

# What pip's log says when something common is wrong: (pattern, what failed, what to do).
CAUSES = [
    (r"No space left on device|Errno 28|Disk quota exceeded", "The disk is full.", "df -h . && "),
    (r"Read-only file system|Permission denied", "This folder may not be written to.", "ls -ld . && "),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "The network's certificate is not trusted; often this is a company's proxy.",
        "export PIP_CERT=/path/to/your/ca.pem && ",
    ),
    (
        r"name resolution|Temporary failure|Name or service not known|nodename nor servname"
        r"|Connection refused|Connection reset|NewConnectionError|ProxyError|timed out"
        r"|Network is unreachable|No route to host",
        "No network: the package index does not answer (behind a proxy, set https_proxy).",
        "",
    ),
    (
        r"from versions: none",
        "The package index does not know this package, or does not answer: is there a network?",
        "",
    ),
    (
        r"No matching distribution|Could not find a version",
        "The package index does not have a version that constraints.txt asks for.",
        "",
    ),
]
ERRNO_CAUSES = {
    errno.ENOSPC: CAUSES[0],
    errno.EDQUOT: CAUSES[0],
    errno.EROFS: CAUSES[1],
    errno.EACCES: CAUSES[1],
    errno.EPERM: CAUSES[1],
}

# Run by the environment's own Python: was it made here, is it new enough, and is its pip complete?
PROBE = """
import os, sys
from pip._internal.cli.main import main
sys.exit(os.path.realpath(sys.prefix) != sys.argv[1] or sys.version_info < (3, 11))
"""


def prepare(group: str, args: list[str]) -> None:
    """Make `.venv` hold what the group needs.

    Args:
        group: `core`, or a command that needs more.
        args: what was typed; shown to those who wait for us, and in the next step.

    Raises:
        HostError: it cannot be done here; the message says why and what to type.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that killing us stops pip too
    progress = StatusLine()
    try:
        with only_one(args, progress) as lock:
            if not clone.is_ready(group):  # the process we waited for may have done it
                Builder(group, args, progress, lock).build()
    except OSError as error:
        what, before = ERRNO_CAUSES.get(error.errno, ("", f"{error.strerror}.", ""))[1:]
        place = f" ({error.filename}: {error.strerror})" if error.filename else f" ({error.strerror})"
        raise HostError(what + place, before + clone.command(args)) from error
    finally:
        progress.clear()


def take(file: str, args: list[str]) -> None:
    """Unpack a bundle; everything is then installed from it.

    Raises:
        HostError: see `bundle.use`.
    """
    progress = StatusLine()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that killing us leaves nothing half unpacked
    try:
        with only_one(args, progress):
            if bundle.use(Path(file), clone.command(args), lambda done, of: progress.tick(
                    f"unpacking the bundle, {done / 1e6:.0f} of {of / 1e6:.0f} MB")):
                progress.say(f"{file} is unpacked and in use from now on. To stop using it: rm -r .lab/bundle")
    except OSError as error:
        raise HostError(f"The bundle could not be unpacked: {error.strerror} ({error.filename}).",
                        clone.command(args)) from error
    finally:
        progress.clear()


@contextlib.contextmanager
def only_one(args: list[str], progress: StatusLine) -> Iterator[int]:
    """Hold `.lab/install.lock`; the file names its holder. Yields the lock's descriptor.

    Only the standard library: this lock is needed before any package is installed, and filelock is a package.
    """
    path = Path(clone.inside(".lab", "install.lock"))
    path.parent.mkdir(exist_ok=True)
    with open(path, "a+", encoding="utf-8", errors="surrogateescape") as lock:
        wait_for(lock, progress)
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {clone.command(args)}")
        lock.flush()
        yield lock.fileno()
        lock.truncate(0)


def wait_for(lock, progress: StatusLine) -> None:
    """Take the lock; say which process we are waiting for."""
    announced = False
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            text = f"waiting for another lab that is installing ({lock.read() or 'just begun'})"
            (progress.tick if announced else progress.say)(text)
            announced = True
            time.sleep(0.2)


class Builder:
    """Makes or repairs `.venv` once, with a log."""

    def __init__(self, group: str, args: list[str], progress: StatusLine, lock: int):
        self.group, self.args, self.progress, self.lock = group, args, progress, lock
        self.step = ""
        self.venv = Path(clone.inside(".venv"))
        self.python = self.venv / "bin" / "python"
        self.constraints = Path(clone.inside("constraints.txt"))
        self.log = Path(clone.inside(".lab", "log", "install.log"))

    def build(self) -> None:
        """Make the environment, get pip, install packages. The stamps come last: an interruption leaves none."""
        self.log.parent.mkdir(exist_ok=True)
        self.log.write_text(f"{clone.command(self.args)}\n", encoding="utf-8", errors="replace")
        what = clone.command(self.args)
        self.progress.say(f"preparing .venv for `{what}`; the full log is .lab/log/install.log")
        began = time.monotonic()
        if not self.is_healthy():
            self.make_venv()
            self.say("[2/3] pip")
            get_pip.get_pip(self)
        packages.forget_half_installed(self.venv)
        self.install()
        packages.know_this_package(self.venv)
        for group in {"core", self.group}:
            Path(clone.stamp_path(group)).write_text(
                clone.stamp_text(group), encoding="utf-8", errors="surrogateescape"
            )
        self.progress.say(f"ready after {time.monotonic() - began:.0f} s")

    def say(self, step: str) -> None:
        """Begin a step: `[1/3] …`."""
        self.step = step
        self.progress.say(step)

    def is_healthy(self) -> bool:
        """True if `.venv` was made here, its Python starts, and its pip is complete."""
        if packages.was_moved(self.venv):
            return False
        probe = [self.python, "-I", "-c", PROBE, os.path.realpath(self.venv)]
        try:
            return subprocess.run(probe, capture_output=True, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def make_venv(self) -> None:
        """Replace whatever is there by an empty environment."""
        again = "again, because the old one is broken or was moved" if os.path.lexists(self.venv) else ""
        self.say(f"[1/3] the environment .venv {again}".rstrip())
        if self.venv.is_file() or (self.venv.is_symlink() and not self.venv.exists()):
            self.venv.unlink()
        venv = ["-m", "venv", "--without-pip", "--clear", "--prompt", "deploylab", self.venv]
        if not self.run([get_pip.host_python(), "-I", *venv]):
            raise self.failed("Python could not make the environment .venv.")

    def install(self) -> None:
        """Install what the group needs, in the versions of constraints.txt."""
        self.say("[3/3] packages")
        pip = [self.python, "-I", "-m", "pip", "install", "--progress-bar", "off", "-c", self.constraints]
        watch = PipWatch(self.venv)

        def tick(lines: list[str]) -> None:
            self.progress.tick(f"[3/3] {watch.see(lines)}")

        if not self.run([*pip, *requirements(self.group)], tick):
            raise self.failed("Packages could not be installed.")

    def run(self, command: list, tick: Callable[[list[str]], None] | None = None) -> bool:
        """True if the command succeeded. Its output goes to the log, and each new line to `tick`."""
        tick = tick or (lambda lines: self.progress.tick(self.step))
        with open(self.log, "ab") as out, open(self.log, encoding="utf-8", errors="replace") as follow:
            out.write(f"\n$ {' '.join(map(str, command))}\n".encode(errors="replace"))
            out.flush()
            follow.seek(0, os.SEEK_END)
            # The child holds the lock too: if we are killed and it survives, the next lab waits for it.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=[self.lock],
                env=child_environ(), cwd=clone.ROOT,
            )  # fmt: skip
            try:
                while not ended(process):
                    tick(follow.read().splitlines())
            except BaseException:
                stop(process)
                raise
        return process.returncode == 0

    def failed(self, what: str, cure: str = "") -> HostError:
        """An error with the likely cause, the end of the log, and what to type.

        `cure` begins that command line, unless the log shows a known cause that has a cure of its own.
        """
        log = self.log.read_text(encoding="utf-8", errors="replace")
        text = log.rsplit("\n$ ", 1)[-1]  # the output of the last command
        causes = [cause for cause in [*bundle.causes(), *CAUSES] if re.search(cause[0], text)]
        pattern, why, before = causes[0] if causes else ("(?!)", "", "")
        output = [redact(line.strip()[:200]) for line in text.splitlines() if line.strip()]
        telling = [line for line in output[:-4] if re.search(pattern, line)][-1:]
        lines = [f"{why} {what}".lstrip(), "From .lab/log/install.log:"]
        lines += [f"  {line}" for line in telling + output[-4:]]
        return HostError("\n".join(lines), (before or cure) + clone.command(self.args))


def ended(process: subprocess.Popen) -> bool:
    """True if the process has ended; waits up to a tenth of a second for it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.1)
    return process.returncode is not None


def stop(process: subprocess.Popen) -> None:
    """End a child process: first terminate it, then kill it."""
    with contextlib.suppress(PermissionError):  # we may not end apt-get that runs under sudo
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def child_environ() -> dict[str, str]:
    """The environment for pip: with the person's index settings, but nothing that would make it install elsewhere."""
    foreign = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
    ours = {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {name: value for name, value in os.environ.items() if name not in foreign} | ours | bundle.pip_environment()


def requirements(group: str) -> list[str]:
    """pip's arguments for a group: names from pyproject.toml, and for the tests the sample app's list as well."""
    project = tomllib.loads(clone.read(clone.inside("pyproject.toml")))["project"]
    extras = project.get("optional-dependencies", {})
    names = list(project["dependencies"])
    for extra in clone.EXTRAS.get(group, ()):
        names += [name for line in extras.get(extra, []) for name in expand(line, extras)]
    app = clone.inside("sample_app", "requirements.txt")
    return names + (["-r", app] if group == "test" and os.path.exists(app) else [])


def expand(line: str, extras: dict[str, list[str]]) -> list[str]:
    """A requirement as it is; `deploylab[a,b]` expanded to what these extras contain."""
    own = re.fullmatch(r"deploylab\[(.+)\]", line.replace(" ", ""))
    return [name for extra in own[1].split(",") for name in extras.get(extra, [])] if own else [line]
