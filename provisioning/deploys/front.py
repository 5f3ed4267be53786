"""nginx as the server in front, shared by every stage that has it."""

from provisioning import operations
from provisioning.deploys.common import known, place

CONFIG = ["/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/"]


def nginx(site: str, port: int, reads: tuple[str, ...] = ()) -> None:
    """nginx serves one site more; those of other stages stay.

    Args:
        site: the name of its file in sites-available.
        port: what it listens on.
        reads: what else it keeps in mind while it runs: folders of static files, because of
            `open_file_cache`. After a change it is reloaded.
    """
    operations.packages(["nginx-light"])
    # Among others Debian's welcome page goes: it has port 80, which no stage uses and Apache wants too.
    operations.only("/etc/nginx/sites-enabled", known("/etc/nginx/sites-available"))
    operations.only("/etc/nginx/conf.d", [])
    place("/etc/nginx/nginx.conf")
    available = f"/etc/nginx/sites-available/{site}"
    place(available)
    operations.link(f"/etc/nginx/sites-enabled/{site}", available)
    operations.port_for("nginx", port)
    operations.service("nginx", "nginx: worker process", [*CONFIG, available, *reads],
                       test="nginx -t", act="reload-or-restart")
