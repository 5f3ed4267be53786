"""Stage `edge`: a cache in front of the stage `static`, nginx's own or Varnish."""

from pyinfra.operations import apt, files

from provisioning import operations
from provisioning.deploys import front, static
from provisioning.deploys.common import place
from provisioning.lab import Lab

VARNISH = "edge-varnish"
RULES = "/etc/varnish/deploylab-edge-varnish.vcl"
SITE = f"{front.AVAILABLE}/deploylab-edge"
KEPT = "/var/cache/nginx/deploylab-edge"
START = "/etc/systemd/system/varnish.service.d/deploylab-edge-varnish.conf"


def deploy(lab: Lab) -> None:
    behind = lab.of("static")
    static.deploy(behind)
    # It has no application of its own; by this name `deploylab-manage edge` finds the one behind.
    files.link(name=f"Link {lab.folder}", path=lab.folder, target=behind.folder)
    place(f"/etc/deploylab/{lab.stage}.env", mode="640", group="deploylab")
    files.directory(name="Folder /var/cache/nginx", path="/var/cache/nginx", user="root", group="root", mode="755")
    front.nginx(lab, lab.stage, reads=(f"{behind.folder}/static/",))
    by_older_rules()
    if VARNISH in lab.wanted:
        varnish(lab)


def by_older_rules() -> None:
    """No page was kept by other rules than those of now: how long it is good for was written down when it was kept."""
    older = f"find {KEPT} -type f ! -newer {SITE}"
    operations.ensure(name="Pages kept by older rules are gone", holds=f'[ -z "$({older} -print -quit)" ]',
                      otherwise=f"{older} -delete; systemctl reload nginx")  # it holds some of them open


def varnish(lab: Lab) -> None:
    """Varnish with our rules, its memory and threads bounded."""
    apt.packages(name="Packages: varnish", packages=["varnish"], update=True, _if=operations.missing(["varnish"]))
    place(RULES)
    place(START)
    port = lab.port_of("varnish")
    operations.port_for("varnishd", port, child="cache-main")
    # It makes a program of its rules before it listens: a second or two.
    operations.service(name="Service varnish", unit="varnish", process="/usr/sbin/varnishd .*", files=[RULES, START],
                       test=f"varnishd -C -f {RULES} >/dev/null",
                       ready=f"ss -Hltn 'sport = :{port}' | grep -q .")
