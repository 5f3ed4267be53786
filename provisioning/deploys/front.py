"""nginx as the front server, shared by every stage that has it."""

from collections.abc import Sequence

from pyinfra import host
from pyinfra.operations import apt, files

from provisioning import operations
from provisioning.deploys import variants
from provisioning.deploys.common import place
from provisioning.lab import Lab

AVAILABLE, ENABLED = "/etc/nginx/sites-available", "/etc/nginx/sites-enabled"
PROCESSES = "/etc/nginx/deploylab-processes.conf"


def nginx(lab: Lab, *slugs: str, reads: Sequence[str] = ()) -> None:
    """nginx serves these targets too; those of other stages are left alone.

    Args:
        slugs: the targets' names in file names: `nginx-sync`. See `variants` for where the files come from.
        reads: other files that these sites include.
    """
    apt.packages(name="Packages: nginx-light", packages=["nginx-light"], update=True,
                 _if=operations.missing(["nginx-light"]))
    # This also removes Debian's welcome page: it takes port 80, which no stage uses and which Apache's needs too.
    operations.only(ENABLED, [f"deploylab-{slug}" for slug in lab.slugs])
    operations.only("/etc/nginx/conf.d", [])
    # As Debian has it. logrotate skips a folder into which others may write.
    files.directory(name="Folder /var/log/nginx", path="/var/log/nginx", user="root", group="adm", mode="755")
    place("/etc/nginx/nginx.conf")
    place("/etc/systemd/system/nginx.service.d/deploylab.conf")
    processes()
    sites = {}
    for slug in slugs:
        sites |= {path: (spelled(content), *rest)
                  for path, (content, *rest) in variants.file(lab, slug, AVAILABLE + "/deploylab-{}").items()}
    operations.placed(name=f"Sites of nginx: {', '.join(slugs)}", files=sites)
    for slug in slugs:
        enable(f"deploylab-{slug}")
        operations.port_for("nginx", lab.ports[lab.name_of(slug)])
    running(["/etc/nginx/nginx.conf", PROCESSES, *sites, *reads])


def spelled(site: bytes) -> bytes:
    """A site as this machine's nginx spells it: before 1.25.1, which Debian 13 has, HTTP/2 was a word of `listen`."""
    if b"http2 on;" not in site or not host.data.get("old_nginx"):
        return site
    return site.replace(b"    http2 on;\n", b"").replace(b" ssl;", b" ssl http2;")


def enable(site: str) -> None:
    """nginx reads the site's file, through a link. A copy in place of the link is replaced."""
    files.link(name=f"Link {ENABLED}/{site}", path=f"{ENABLED}/{site}", target=f"{AVAILABLE}/{site}",
               force=True, force_backup=False)


def running(reads: list[str]) -> None:
    """nginx runs with the current version of these files and of the list of its sites."""
    operations.service(name="Service nginx", unit="nginx", process="nginx: worker process",
                       files=[f"{ENABLED}/", *reads], test="nginx -t", reload_if="true")


def processes() -> None:
    """As many nginx processes as this machine has processors: `nproc` reports what a container may use.

    Only the machine knows the number; pyinfra can write a file only with content that is known beforehand.
    """
    line = "worker_processes $(nproc);"
    operations.ensure(name="nginx: one process for each processor", holds=f'[ "$(cat {PROCESSES})" = "{line}" ]',
                      otherwise=f'echo "{line}" > {PROCESSES}')
