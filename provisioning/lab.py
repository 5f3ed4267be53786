"""The input of a deploy: plain values, sent by the host as JSON."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One stage to converge to.

    Attributes:
        stage: its name; the deploy, the folder and the files on the machine have it too.
        variants: variants of the stage to converge to as well, by their own names.
        ports: the port of every stage and variant of the course, by the target's name: `nginx`, `nginx:sync`.
        environments: the variables of each target's application in addition to its stage's, by the target's name.
        sleepers: names of the targets that run only while they are needed.
        app: the table [app] of course.toml.
        revision: the revision of the application's code.
        bundle: the path of the git bundle with it, on the host.
        hosts: host names under which browsers may request the site.
        mark: a mark in the environment of every command of this converge.
        pip: settings for the machine's pip: index-url, extra-index-url, trusted-host, proxy.
        apt_proxy: the proxy for packages, "" for none.
        certificates: additional certificate authorities to trust, content by file name.
        packages: the Debian packages that this stage needs, and the stages that the same command sets up after it.
        tls_name: the name of the site over https, "" if no stage has it.
        requirements: the same for Python packages: names of requirements files in the application's folder.
    """

    stage: str
    variants: list[str]
    ports: dict[str, int]
    environments: dict[str, dict[str, str]]
    sleepers: list[str]
    app: dict[str, Any]
    revision: str
    bundle: str
    hosts: list[str]
    mark: str
    pip: dict[str, str] = field(default_factory=dict)
    apt_proxy: str = ""
    tls_name: str = ""
    certificates: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[self.stage]

    @property
    def folder(self) -> str:
        """The folder of the stage on the machine."""
        return f"/srv/deploylab/{self.stage}"

    @property
    def wanted(self) -> list[str]:
        """The targets to converge to, the stage first, by their names in file names: `nginx`, `nginx-sync`."""
        return [self.stage, *(f"{self.stage}-{variant}" for variant in self.variants)]

    def name_of(self, slug: str) -> str:
        """The target's name, `nginx:sync`, for its name in file names, `nginx-sync`."""
        return next(name for name in self.ports if name.replace(":", "-") == slug)

    def port_of(self, variant: str) -> int:
        return self.ports[f"{self.stage}:{variant}"]

    def environment_of(self, variant: str) -> dict[str, str]:
        return self.environments[f"{self.stage}:{variant}"]

    def of(self, stage: str, variants: tuple[str, ...] = ()) -> "Lab":
        """The same for another stage, on which this one is built."""
        return replace(self, stage=stage, variants=list(variants))

    @property
    def slugs(self) -> list[str]:
        """The names of all targets in file names: `nginx-sync`."""
        return [name.replace(":", "-") for name in self.ports]
