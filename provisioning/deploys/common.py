"""What every stage needs: the network settings of the machine, the user, the folders, our helper programs."""

import re
from pathlib import Path

import jinja2
from pyinfra.operations import apt, files, server

from provisioning import operations
from provisioning.lab import FILES, Lab

LIB = operations.LIB
TIMER = "/etc/systemd/system/logrotate.timer.d/deploylab.conf"
File = tuple[bytes, str, str]  # content, mode, group


def place(path: str, *, mode: str = "644", group: str = "root", **values) -> None:
    """Put a file from `files/` on the machine, at the same path.

    Args:
        values: for a template, which is a file whose name in `files/` ends in `.j2`.
    """
    source = FILES / path.lstrip("/")
    content = source.read_bytes() if source.exists() else rendered(path, **values)
    operations.placed(name=f"File {path}", files={path: (content, mode, group)})


def rendered(path: str, root: Path = FILES, **values) -> bytes:
    """The content of a template from `files/`, or from another such folder, filled in with the values."""
    text = (root / f"{path.lstrip('/')}.j2").read_text()
    template = jinja2.Template(text, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    return template.render(**values).encode()


def of_application(lab: Lab, text: str) -> str:
    """A file with the application of the manifest (`[app].wsgi` and `.settings`) wherever ours names the sample.

    The files are complete as they are, for copying by hand; so they name an application, and this puts the
    manifest's in its place.
    """
    wsgi, settings = lab.app["wsgi"], lab.app["settings"]
    module, _, name = wsgi.partition(":")
    found = "application" if name == "application" else f"{name} as application"
    text = re.sub(r"^DJANGO_SETTINGS_MODULE=.*$", f"DJANGO_SETTINGS_MODULE={settings}", text, flags=re.MULTILINE)
    text = re.sub(r'^(command=/bin/sh .* )[\w.]+:\w+"$', rf'\g<1>{wsgi}"', text, flags=re.MULTILINE)
    return re.sub(r"^from [\w.]+ import application\b", f"from {module} import {found}", text, flags=re.MULTILINE)


def machine(lab: Lab) -> None:
    """The basis of every stage: helper programs, network settings, packages, folders, a user without a shell."""
    helpers()
    operations.ensure(name="Nothing of an interrupted converge still runs",
                      holds=f"{LIB}/leftovers --check {lab.mark}", otherwise=f"{LIB}/leftovers {lab.mark}")
    operations.ensure(name="No package is half-installed", holds=f"{LIB}/install --check", otherwise=f"{LIB}/install")
    network(lab)
    rotation()
    packages(lab)
    apt.packages(name="Packages: logrotate", packages=["logrotate"], update=True,
                 _if=operations.missing(["logrotate"]))
    hourly()
    # server.user reads all users of the machine, which takes most of a second; `_if` looks for one only.
    exists = "getent passwd deploylab | grep -q ':/srv/deploylab:/usr/sbin/nologin$'"
    server.user(name="User deploylab", user="deploylab", home="/srv/deploylab", system=True,  # noqa: S604
                shell="/usr/sbin/nologin", ensure_home=False, _if=operations.unless(exists))
    for path in ("/etc/deploylab", "/srv/deploylab", "/var/log/deploylab"):
        files.directory(name=f"Folder {path}", path=path, user="root", group="root", mode="755")


def packages(lab: Lab) -> None:
    """The Debian packages of everything that is being set up, in one installation, before the first server is.

    Each deploy says itself what it needs, next to what it needs it for, with pyinfra's `apt.packages`. But every
    installation fetches apt's lists, reads them, and ends with the same triggers: with one for each deploy a machine
    with all stages had a dozen. So the lists of all deploys are collected (`deploylab.provision.needs`) and installed
    here. Where a deploy then asks for its packages, they are there, and `_if` skips the operation.

    So nginx, Apache and lighttpd come in the same installation, and each would start with Debian's welcome page on
    port 80. The program `guard` lets no server start: its deploy configures it first.
    """
    if lab.packages:
        apt.packages(name="All Debian packages at once", packages=lab.packages, update=True,
                     _if=operations.missing(lab.packages))


def helpers() -> None:
    """Our programs that converging and the checks use."""
    programs = {f"{LIB}/{source.name}": (source.read_bytes(), "755" if source.stat().st_mode & 0o100 else "644", "root")
                for source in sorted((FILES / LIB.lstrip("/")).iterdir())}
    operations.placed(name="Helper programs", files=programs)


def rotation() -> None:
    """Every log has a limit: Debian's packages bring rules for their own, and these are for all, and for ours."""
    for path in ("/etc/logrotate.conf", "/etc/logrotate.d/deploylab", TIMER):
        place(path)


def hourly() -> None:
    """systemd looks at the logs as often as our file says. A computer without systemd has no timers.

    pyinfra's `systemd.service` does not notice that a timer runs with an older version of its file.
    """
    unit = "logrotate.timer"
    current = f"[ $(systemctl show -P NeedDaemonReload {unit}) = no ]"
    operations.ensure(name="Logs are looked at each hour",
                      holds=f"[ ! -d /run/systemd/system ] || {{ systemctl -q is-enabled {unit}"
                            f" && systemctl -q is-active {unit} && {current}; }}",
                      otherwise=f"systemctl daemon-reload; systemctl enable -q {unit}; systemctl restart {unit}")


def sockets() -> None:
    """The folder for sockets and pid files, now and after every boot."""
    place("/etc/tmpfiles.d/deploylab.conf")
    files.directory(name="Folder /run/deploylab", path="/run/deploylab", user="deploylab", group="www-data", mode="750")


def network(lab: Lab) -> None:
    """The machine fetches packages like its host: with the same certificates, proxy and package index."""
    if lab.certificates:
        operations.placed(name="Certificates of this network", files={
            f"/usr/local/share/ca-certificates/{name}": (content.encode(), "644", "root")
            for name, content in lab.certificates.items()})
        operations.certificates(list(lab.certificates))
    # pip comes with its own list of certificate authorities; here it uses the machine's.
    settings = {"cert": "/etc/ssl/certs/ca-certificates.crt", **lab.pip}
    lines = [f"{key} = {value}\n" for key, value in sorted(settings.items())]
    settings_file("/etc/pip.conf", "".join(["[global]\n", *lines]))
    proxy = "/etc/apt/apt.conf.d/90deploylab-proxy"
    if lab.apt_proxy:
        settings_file(proxy, "".join(f'Acquire::{scheme}::Proxy "{lab.apt_proxy}";\n' for scheme in ("http", "https")))
    else:
        files.file(name="No proxy for packages", path=proxy, present=False)


def settings_file(path: str, content: str) -> None:
    """A file with network settings. If it has an address with a password, only root may read it."""
    operations.placed(name=f"File {path}", files={path: (content.encode(), "600" if "@" in content else "644", "root")})
