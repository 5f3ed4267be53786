"""What the host tells a deploy: plain values, sent as JSON."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One stage to converge to.

    Attributes:
        stage: its name; the deploy, the folder and the files on the machine are called so.
        variants: those of its variants to converge to as well, by their own names.
        ports: of every stage and variant of the course, by the target's name: `nginx`, `nginx:sync`.
        environments: what a variant's application finds in its environment beside its stage's, by the target's name.
        sleepers: targets that stand only while they are needed, by name.
        app: the table [app] of course.toml.
        revision: of the application's code.
        bundle: the git bundle on the host that holds it.
        hosts: names under which browsers may ask for the site.
        mark: in the environment of every command of this converge.
        pip: settings for the machine's pip: index-url, extra-index-url, trusted-host, proxy.
        apt_proxy: the proxy for packages, "" for none.
        certificates: extra authorities to trust: file name and content.
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
    certificates: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.ports[self.stage]

    @property
    def folder(self) -> str:
        """Where the stage lies on the machine."""
        return f"/srv/deploylab/{self.stage}"

    @property
    def wanted(self) -> list[str]:
        """What to converge to, the stage first, as files on the machine bear the names: `nginx`, `nginx-sync`."""
        return [self.stage, *(f"{self.stage}-{variant}" for variant in self.variants)]

    def name_of(self, slug: str) -> str:
        """The target's name, `nginx:sync`, where files on the machine bear `nginx-sync`."""
        return next(name for name in self.ports if name.replace(":", "-") == slug)

    def port_of(self, variant: str) -> int:
        return self.ports[f"{self.stage}:{variant}"]

    def environment_of(self, variant: str) -> dict[str, str]:
        return self.environments[f"{self.stage}:{variant}"]

    def of(self, stage: str, variants: tuple[str, ...] = ()) -> "Lab":
        """The same for another stage, which this one stands on."""
        return replace(self, stage=stage, variants=list(variants))

    @property
    def slugs(self) -> list[str]:
        """Every target's name as files on the machine bear it: `nginx-sync`."""
        return [name.replace(":", "-") for name in self.ports]
