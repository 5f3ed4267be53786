"""What all checks share: their result, and the ways to look at a target."""

import itertools
import re
import shlex
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests

from deploylab.core import cancel
from deploylab.core.errors import MachineError
from deploylab.course import Course, Target, View, counted
from deploylab.machine import Completed, Machine, https

TIMEOUT_S = 5.0
PATIENCE_S = 10.0  # how long a server that was just started may take, after a boot or by hand
NOT_YET = (0, 502, 503, 504)  # the status while a server loads its application, or from the server in front
ROUNDS = 20  # of concurrent requests, at most, once every expected thread has answered
LOOK_S = 15.0  # but a missing thread may just have waited for a processor: look for at least this long


@dataclass(frozen=True)
class Check:
    """One question about a stage, and its answer.

    Attributes:
        name: the question, for a person.
        ok: yes or no.
        seen: what was observed.
        cause: for a 'no', the likely reason, as found on the machine; not a guess.
        cure: for a 'no', the command to type.
    """

    name: str
    ok: bool
    seen: str
    cause: str = ""
    cure: str = ""


@dataclass(frozen=True)
class Response:
    """One HTTP response. Status 0: there was none, and `text` says why."""

    status: int
    headers: requests.structures.CaseInsensitiveDict
    text: str


@dataclass
class Look:
    """Looks at one target for its checks. What was requested once is remembered.

    Attributes:
        managed: the result of each management command, by its whole line: the same line with the same application and
            database gives the same result, for whichever target it is asked.
        reason: (cause, cure) of a failing page, once `trouble` has found it.
    """

    machine: Machine
    course: Course
    target: Target
    managed: dict[str, Completed] = field(default_factory=dict)
    reason: tuple[str, str] | None = None

    @property
    def expect(self) -> dict[str, Any]:
        """What each check expects; a number of processes that depends on the processors is the one for this machine."""
        expect = self.target.expect
        if isinstance(expect.get("processes"), str):
            return {**expect, "processes": counted(expect["processes"], self.n_cpu)}
        return expect

    @cached_property
    def n_cpu(self) -> int:
        """How many processors the machine may use; in a container, the container."""
        return int(self.last("nproc"))

    @property
    def slug(self) -> str:
        """The target's name in the names of files on the machine."""
        return self.target.slug

    @property
    def goto(self) -> str:
        """The command that always repairs it."""
        return f"./lab goto {self.target.stage}"

    def cure(self, command: str = "") -> str:
        """The command that repairs it, and what a person could type on the machine instead."""
        return f"{self.goto}   (or, on the machine: {command})" if command else self.goto

    def sh(self, command: str) -> Completed:
        """Run a command as root on the machine."""
        return self.machine.run(command, sudo=True, timeout_s=60)

    def last(self, command: str) -> str:
        """The last line that a command on the machine prints; "" if it prints nothing."""
        lines = [text.strip() for text in self.sh(command).out.splitlines() if text.strip()]
        return lines[-1] if lines else ""

    def configured(self, directives: str) -> str:
        """The lines of the target's configuration files that set one of these directives, for a cause.

        Args:
            directives: a regular expression, searched in a line up to its comment.
        """
        output = self.sh(f"grep -HnE '^[^#;]*({directives})' {words(self.target.configuration)} /dev/null").out
        lines = [re.sub(r"^/\S*/(\S+?:\d+:)\s*", r"\1 ", line) for line in output.splitlines() if ":" in line]
        return f"configured is {'; '.join(lines) or 'nothing'}"

    def view(self, kind: str) -> View:
        """A view of this target: "page" (from Django), "file" (a static one) or "wait"."""
        matches = {"page": lambda v: not v.path.startswith("/static/") and not v.wait_s,
                   "file": lambda v: v.path.startswith("/static/"), "wait": lambda v: v.wait_s}[kind]
        return next(view for view in self.course.app.views.values() if matches(view))

    @cached_property
    def trust(self) -> dict[str, str]:
        """How this target's certificate is verified; {} for plain HTTP. The machine is asked once."""
        name = self.target.tls_name
        return {"ca_file": str(https.ca_file(self.machine)), "name": name} if name else {}

    def get(self, path: str, **headers: str) -> Response:
        """The target's response, as a browser on the host gets it.

        Args:
            headers: more request headers; `_` in a name stands for `-`.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            trust = self.trust
        except MachineError:  # no stage with TLS was ever set up
            return Response(0, requests.structures.CaseInsensitiveDict(), "no connection")
        with https.trusting(**trust) as session:
            try:
                response = session.get(self.machine.url(self.target, path), timeout=TIMEOUT_S, allow_redirects=False,
                                       headers=sent)
                return Response(response.status_code, response.headers, response.text)
            except requests.RequestException as error:
                word = "timed out" if isinstance(error, requests.Timeout) else "no connection"
                return Response(0, requests.structures.CaseInsensitiveDict(), word)

    @cached_property
    def page(self) -> Response:
        """The first page from Django. A server whose processes run may still be loading, so it is asked again."""
        path, end_s = self.view("page").path, time.monotonic() + PATIENCE_S
        while (page := self.get(path)).status in NOT_YET and time.monotonic() < end_s and self._is_up():
            cancel.sleep(0.3)
        return page

    def _is_up(self) -> bool:
        """Whether all of the target's processes run; the brackets keep pgrep from finding its own shell."""
        patterns = (re.sub("[a-z]", r"[\g<0>]", pattern, count=1) for pattern in self.target.processes)
        return self.sh(" && ".join(f"pgrep -f {shlex.quote(pattern)} >/dev/null" for pattern in patterns)).ok

    @cached_property
    def workers(self) -> dict[int, set[int]]:
        """The thread ids by process id, from the responses to many requests at the same time."""
        by_pid: dict[int, set[int]] = {}
        at_once = min(64, 3 * self.expect.get("processes", 1) * self.expect.get("threads", 8))
        expected = self.expect.get("processes", 1) * self.expect.get("threads", 1)
        path, before, same, until_s = self.view("wait").path, None, 0, time.monotonic() + LOOK_S
        self.get(path)  # alone, so that `trust` is known before many threads want it
        with ThreadPoolExecutor(at_once) as pool:
            for number in itertools.count(1):
                for answer in pool.map(self.get, [path] * at_once):
                    pid, _, thread = answer.headers.get("X-Process", "").partition("/")
                    if pid.isdigit():
                        by_pid.setdefault(int(pid), set()).add(int(thread or 0))
                if not by_pid:
                    break  # nothing answers, and each further round would wait as long
                now = sum(len(threads) for threads in by_pid.values())
                same = same + 1 if now == before else 0
                if same == 2 and now >= expected:
                    break  # two more rounds brought no new thread
                if number >= ROUNDS and (now >= expected or time.monotonic() > until_s):
                    break
                before = now
        return by_pid


def came_by(look: Look) -> str:
    """An option for curl, to ask an application server as the server in front does: by which scheme somebody came."""
    return " -H 'X-Forwarded-Proto: https'" if look.target.tls_name else ""


def words(items: Iterable[str]) -> str:
    """Items for a command line on the machine."""
    return " ".join(shlex.quote(item) for item in items)
