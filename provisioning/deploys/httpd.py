"""Apache as the server in front, shared by every stage that has it. Each target is an instance of its own.

The first is Debian's service apache2; a variant is apache2@NAME, because MPM, user and mod_wsgi's
interpreter belong to a whole server.
"""

from dataclasses import dataclass

from pyinfra.operations import apt, files

from provisioning import operations
from provisioning.deploys import variants
from provisioning.deploys.common import place
from provisioning.lab import Lab

MODULES = ("alias", "authz_core", "authz_host", "mime", "mpm_event", "reqtimeout", "status")
SHARED = ("/etc/apache2/apache2.conf", "/etc/apache2/envvars")
CONF, SITE = "/etc/apache2/conf-available/deploylab-{}.conf", "/etc/apache2/sites-available/deploylab-{}.conf"


@dataclass(frozen=True)
class Instance:
    """One Apache with its own processes.

    Attributes:
        slug: the target's name as files bear it: `apache-embedded`.
        variant: its own name, `embedded`; "" for the stage.
        modules: what it loads beside MODULES.
        conf: whose file in conf-available/ says how many processes and threads: a slug.
    """

    slug: str
    variant: str
    modules: tuple[str, ...]
    conf: str

    @property
    def _suffix(self) -> str:
        return f"-{self.variant}" if self.variant else ""

    @property
    def folder(self) -> str:
        return f"/etc/apache2{self._suffix}"

    @property
    def unit(self) -> str:
        return f"apache2@{self.variant}" if self.variant else "apache2"

    @property
    def pid_file(self) -> str:
        return f"/run/apache2{self._suffix}/apache2.pid"

    @property
    def logs(self) -> str:
        return f"/var/log/apache2{self._suffix}"


def apache(lab: Lab, instance: Instance, reads: list[str]) -> None:
    """An Apache serves this target, with its files as they are now. One that sleeps is made ready and not started.

    Args:
        reads: what the application in it reads when it starts.
    """
    packages = ["apache2", "libapache2-mod-wsgi-py3"]
    apt.packages(name=f"Packages: {' '.join(packages)}", packages=packages, update=True,
                 _if=operations.missing(packages))
    for path in SHARED:
        place(path)
    name = lab.name_of(instance.slug)
    own = {**variants.file(lab, instance.conf, CONF), **variants.file(lab, instance.slug, SITE)}
    operations.placed(name=f"Files of Apache for {name}", files=own)
    linked(instance)
    logs(instance)
    operations.port_for("apache2", lab.ports[name])
    running(instance, [*own, *reads], sleeps=name in lab.sleepers)


def linked(instance: Instance) -> None:
    """The folder of the instance, all of it links into /etc/apache2: what a2enmod, a2enconf and a2ensite make."""
    folder, slug = instance.folder, instance.slug
    modules = {f"{name}.load": f"/etc/apache2/mods-available/{name}.load" for name in (*MODULES, *instance.modules)}
    operations.links(f"{folder}/mods-enabled", modules)
    conf, site = CONF.format(instance.conf), SITE.format(slug)
    operations.links(f"{folder}/conf-enabled", {conf.rpartition("/")[2]: conf})
    # Among others Debian's welcome page goes, which has port 80.
    operations.links(f"{folder}/sites-enabled", {site.rpartition("/")[2]: site})
    if instance.variant:
        for path in SHARED:
            link = f"{folder}/{path.rpartition('/')[2]}"
            files.link(name=f"Link {link}", path=link, target=path, force=True, force_backup=False)


def logs(instance: Instance) -> None:
    """The folder of its logs."""
    files.directory(name=f"Folder {instance.logs}", path=instance.logs, user="root", group="adm", mode="750")


def running(instance: Instance, reads: list[str], sleeps: bool) -> None:
    """The service runs with these files as they are now, or is ready to."""
    # What a reload does not take up: the most processes and threads there may be, and the variables of envvars.
    once = [*SHARED, CONF.format(instance.conf), *(f"{instance.folder}/{kind}-enabled/" for kind in ("mods", "conf"))]
    reads = [*once, f"{instance.folder}/sites-enabled/", *reads]
    master = f"{operations.LIB}/fresh \"$(cat {instance.pid_file})\" {' '.join(once)}"
    test = f"APACHE_CONFDIR={instance.folder} apache2ctl configtest"
    # The main process stays over a reload. Its children, mod_wsgi's daemons among them, have read everything.
    children = f'pgrep -d, -P "$(cat {instance.pid_file})"'
    if sleeps:
        operations.dormant(name=f"Service {instance.unit}, asleep", unit=instance.unit, files=reads, pids=children,
                           test=test)
        return
    operations.service(name=f"Service {instance.unit}", unit=instance.unit, process="", files=reads, pids=children,
                       ready=master, test=test, reload_if=master)
