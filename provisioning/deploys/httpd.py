"""Apache as the front server, shared by every stage that has it. Each target is a separate instance.

The first is Debian's service apache2; a variant is apache2@NAME, because a whole server has one MPM, one user and one
interpreter for mod_wsgi.
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
        slug: the target's name in file names: `apache-embedded`.
        variant: the variant's own name, `embedded`; "" for the stage.
        modules: modules that it loads in addition to MODULES.
        conf: the slug of the target whose file in conf-available/ sets the numbers of processes and threads.
        daemons: the application runs in mod_wsgi's daemons, not in Apache's own processes.
    """

    slug: str
    variant: str
    modules: tuple[str, ...]
    conf: str
    daemons: bool = True

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


def apache(lab: Lab, instance: Instance, code: list[str]) -> None:
    """An Apache serves this target, with the current version of its files. A sleeping one is set up but not started.

    Args:
        code: files that the application in it reads when it starts; empty if no application is in it.
    """
    packages = ["apache2", "libapache2-mod-wsgi-py3"]
    apt.packages(name=f"Packages: {' '.join(packages)}", packages=packages, update=True,
                 _if=operations.missing(packages))
    for path in SHARED:
        place(path)
    name = lab.name_of(instance.slug)
    config = {**variants.file(lab, instance.conf, CONF), **variants.file(lab, instance.slug, SITE)}
    operations.placed(name=f"Files of Apache for {name}", files=config)
    linked(instance)
    logs(instance)
    operations.port_for("apache2", lab.ports[name])
    running(instance, list(config), code, sleeps=name in lab.sleepers)


def linked(instance: Instance) -> None:
    """The folder of the instance with links into /etc/apache2, like those that a2enmod, a2enconf and a2ensite make."""
    folder, slug = instance.folder, instance.slug
    modules = {f"{name}.load": f"/etc/apache2/mods-available/{name}.load" for name in (*MODULES, *instance.modules)}
    operations.links(f"{folder}/mods-enabled", modules)
    conf, site = CONF.format(instance.conf), SITE.format(slug)
    operations.links(f"{folder}/conf-enabled", {conf.rpartition("/")[2]: conf})
    # This also removes Debian's welcome page, which takes port 80.
    operations.links(f"{folder}/sites-enabled", {site.rpartition("/")[2]: site})
    if instance.variant:
        for path in SHARED:
            link = f"{folder}/{path.rpartition('/')[2]}"
            files.link(name=f"Link {link}", path=link, target=path, force=True, force_backup=False)


def logs(instance: Instance) -> None:
    """The folder for the logs of the instance."""
    files.directory(name=f"Folder {instance.logs}", path=instance.logs, user="root", group="adm", mode="750")


def running(instance: Instance, config: list[str], code: list[str], sleeps: bool) -> None:
    """The service runs with the current version of these files, or is ready to.

    Args:
        config: files that Apache reads.
        code: files that the application in it reads when it starts.
    """
    # Files that a reload does not read: they have the limits of processes and threads, and the variables of envvars.
    folders = [f"{instance.folder}/{kind}-enabled/" for kind in ("mods", "conf")]
    at_start = [*SHARED, CONF.format(instance.conf), *folders]
    config = [*at_start, f"{instance.folder}/sites-enabled/", *config]
    master = f"{operations.LIB}/fresh \"$(cat {instance.pid_file})\" {' '.join(at_start)}"
    test = f"APACHE_CONFDIR={instance.folder} apache2ctl configtest"
    # The main process survives a reload. Its children, including mod_wsgi's daemons, have read all files.
    of_master = f'-P "$(cat {instance.pid_file})"'
    children = f"pgrep -d, {of_master}"
    if sleeps:
        operations.dormant(name=f"Service {instance.unit}, asleep", unit=instance.unit, files=[*config, *code],
                           pids=children, test=test)
        return
    in_daemons = instance.daemons and bool(code)
    operations.service(name=f"Service {instance.unit}", unit=instance.unit, process="",
                       files=config if in_daemons else [*config, *code], pids=children, ready=master, test=test,
                       reload_if=master)
    if in_daemons:
        # Not a reload: Apache gives its daemons five seconds then, and cuts off what takes longer.
        daemons = f"{of_master} -f '^.wsgi:'"
        operations.ensure(name=f"Application in {instance.unit}",
                          holds=f"{operations.LIB}/fresh \"$(pgrep -d, {daemons})\" {' '.join(code)}",
                          otherwise=f"pkill -USR1 {daemons}", within_s=40,
                          evidence=f"tail -n 8 {instance.logs}/error.log")
