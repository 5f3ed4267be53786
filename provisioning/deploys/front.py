"""nginx as the server in front, shared by every stage that has it."""

from provisioning import operations
from provisioning.deploys import variants
from provisioning.deploys.common import place
from provisioning.lab import Lab

AVAILABLE, ENABLED = "/etc/nginx/sites-available", "/etc/nginx/sites-enabled"
PROCESSES = "/etc/nginx/deploylab-processes.conf"


def nginx(lab: Lab, *slugs: str, reads: tuple[str, ...] = ()) -> None:
    """nginx serves these targets too; those of other stages stay.

    Args:
        slugs: the targets' names as files bear them: `nginx-sync`. See `variants` for where the files come from.
        reads: what else it keeps in mind while it runs: folders of static files, because of
            `open_file_cache`. After a change it is reloaded.
    """
    operations.packages(["nginx-light"])
    # Among others Debian's welcome page goes: it has port 80, which no stage uses and Apache wants too.
    operations.only(ENABLED, [f"deploylab-{slug}" for slug in lab.slugs])
    operations.only("/etc/nginx/conf.d", [])
    place("/etc/nginx/nginx.conf")
    processes()
    files = {}
    for slug in slugs:
        files |= variants.file(lab, slug, AVAILABLE + "/deploylab-{}")
    operations.placed(name=f"Sites of nginx: {', '.join(slugs)}", files=files)
    for slug in slugs:
        operations.link(f"{ENABLED}/deploylab-{slug}", f"{AVAILABLE}/deploylab-{slug}")
        operations.port_for("nginx", lab.ports[lab.name_of(slug)])
    operations.service("nginx", "nginx: worker process",
                       ["/etc/nginx/nginx.conf", PROCESSES, f"{ENABLED}/", *files, *reads],
                       test="nginx -t", act="reload-or-restart")


def processes() -> None:
    """As many nginx processes as this machine has processors: `nproc` knows what a container may use."""
    line = "worker_processes $(nproc);"
    operations.ensure(name="nginx: one process for each processor", holds=f'[ "$(cat {PROCESSES})" = "{line}" ]',
                      otherwise=f'echo "{line}" > {PROCESSES}')
