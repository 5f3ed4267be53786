"""What the host tells a deploy: plain values, sent as JSON."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One stage to converge to.

    Attributes:
        stage: its name; the deploy, the folder and the files on the machine are called so.
        ports: the port of the stage (key "") and of each variant.
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
    ports: dict[str, int]
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
        return self.ports[""]

    @property
    def folder(self) -> str:
        """Where the stage lies on the machine."""
        return f"/srv/deploylab/{self.stage}"
