"""What the tests of the panels share: a course on one local server, in place of a machine. Notebooks use it too."""

import os
import subprocess
from dataclasses import replace

from deploylab import course as courses
from deploylab.course import Course, Target
from deploylab.lessons.widgets import Task
from deploylab.machine.base import Facts

MARKER = "</html>"
PATHS = {"quick": "/ok?ms=2", "slow": "/ok?ms=100", "faulty": "/reset?every=9&ms=2"}


class LocalMachine:
    """This computer as the server: the port of a target leads to a server that the tests started.

    Args:
        address: where its URLs point to; a load is allowed on 127.0.0.1 alone.
    """

    kind, provider, host = "local", "", "127.0.0.1"

    def __init__(self, address: str = "127.0.0.1"):
        self.address = address

    def url(self, target: Target, path: str = "/") -> str:
        return f"http://{self.address}:{target.port}{path}"

    def facts(self) -> Facts:
        return Facts(kind=self.kind, provider=self.provider, cpu="", n_cpu=os.cpu_count(),
                     cpus_allowed=sorted(os.sched_getaffinity(0)), memory_bytes=0, kernel="", distro="", versions={})


def local_course(port: int, tag: str = "") -> Course:
    """Two stages on the faulty server at this port. A tag makes the URLs one test's alone."""
    real = courses.load()
    view = real.view("hello")
    views = {name: replace(view, name=name, path=f"{path}&tag={tag}", marker=MARKER, concurrency=(i,))
             for i, (name, path) in enumerate(PATHS.items(), start=2)}
    stages = [replace(real.stages[0], stage=name, port=port, views=of, more_views=(), variants=(), cached=())
              for name, of in (("first", ("quick", "slow")), ("second", ("slow", "faulty")))]
    return replace(real, app=replace(real.app, views=views), stages=tuple(stages), contrasts=(), references=())


def engines(parent: int | None = None) -> list[str]:
    """The load engines that a process has started and that still run; ours if None."""
    listed = subprocess.run(["ps", "-eo", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines()
            if "deploylab.load" in line and (line.split()[0] == str(parent or os.getpid()))]


def ended(task: Task) -> Task:
    """The task, when its last painting is done."""
    task._join(30)
    assert not task.running
    return task
