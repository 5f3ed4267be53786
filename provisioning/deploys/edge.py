"""Stage `edge`: a cache in front of the stage `static`, nginx's own or Varnish."""

from pyinfra.operations import apt, files

from provisioning import operations
from provisioning.deploys import front, static
from provisioning.deploys.common import place
from provisioning.lab import Lab

VARNISH = "edge-varnish"
RULES = "/etc/varnish/deploylab-edge-varnish.vcl"
SITE = f"{front.AVAILABLE}/deploylab-edge"
CACHED = "/var/cache/nginx/deploylab-edge"
# The addresses of the pages that a cache may keep, and how each cache has them written.
PAGES, IN_NGINX = "/etc/nginx/deploylab-edge-pages.conf", """sed 's/.*/"~&" 0;/'"""
VARNISH_PAGES = "/etc/varnish/deploylab-edge-varnish-pages.vcl"
IN_VARNISH = r"""{ echo 'sub other { if (req.url !~ "^/static/"'; sed 's/.*/ \&\& req.url !~ "&"/';""" \
    " echo ') { return (pass); } }'; }"
START = "/etc/systemd/system/varnish.service.d/deploylab-edge-varnish.conf"
LOG = "/etc/systemd/system/varnishncsa.service.d/deploylab-edge-varnish.conf"


def deploy(lab: Lab) -> None:
    behind = lab.of("static")
    static.deploy(behind)
    # This stage has no application; through this link `deploylab-manage edge` finds the one behind it.
    files.link(name=f"Link {lab.folder}", path=lab.folder, target=behind.folder)
    place(f"/etc/deploylab/{lab.stage}.env", mode="640", group="deploylab")
    files.directory(name="Folder /var/cache/nginx", path="/var/cache/nginx", user="root", group="root", mode="755")
    pages(behind, PAGES, IN_NGINX)
    front.nginx(lab, lab.stage, reads=[PAGES])
    no_outdated_pages()
    if VARNISH in lab.wanted:
        varnish(lab)


def pages(behind: Lab, path: str, written: str) -> None:
    """The addresses of the pages that the application calls public, in a file that a cache reads at its start.

    pyinfra can write a file only with content that it knows. This content the application says, on the machine.

    Args:
        behind: the stage whose application it is.
        path: the file.
        written: a shell command that turns the patterns on its input, one a line, into the content of the file.
    """
    ask = f"deploylab-manage {behind.stage} {behind.app['cacheable_command']}"
    said = f"""patterns=$({ask}) && printf '%s\\n' "$patterns" | grep . | {written}"""
    operations.ensure(name=f"File {path}", holds=f'content=$({said}) && [ "$(cat {path})" = "$content" ]',
                      otherwise=f"umask 022; content=$({said}) && printf '%s\\n' \"$content\" > {path}.part"
                                f" && mv -T {path}.part {path}")


def no_outdated_pages() -> None:
    """The cache has no page from before the last change of its rules: a cached page keeps its old expiry time."""
    older = f"find {CACHED} -type f ! -newer {SITE}"
    operations.ensure(name="No cached pages from older rules", holds=f'[ -z "$({older} -print -quit)" ]',
                      otherwise=f"{older} -delete")


def varnish(lab: Lab) -> None:
    """Varnish with our rules, and with limits for its memory and threads. Another program writes its access log."""
    apt.packages(name="Packages: varnish", packages=["varnish"], update=True, _if=operations.missing(["varnish"]))
    place(RULES)
    pages(lab.of("static"), VARNISH_PAGES, IN_VARNISH)
    place(START)
    place(LOG)
    port = lab.port_of("varnish")
    operations.port_for("varnishd", port, child="cache-main")
    # Varnish compiles its rules before it listens, which takes a second or two.
    operations.service(name="Service varnish", unit="varnish", process="/usr/sbin/varnishd .*",
                       files=[RULES, VARNISH_PAGES, START], test=f"varnishd -C -f {RULES} >/dev/null",
                       ready=f"ss -Hltn 'sport = :{port}' | grep -q .")
    operations.service(name="Service varnishncsa", unit="varnishncsa", process="/usr/bin/varnishncsa .*", files=[LOG])
