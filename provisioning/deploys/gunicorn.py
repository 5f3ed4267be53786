"""The application server under supervisord: gunicorn, or another one. Shared by all stages that have one."""

from dataclasses import dataclass

from pyinfra.operations import apt, systemd

from provisioning import operations
from provisioning.deploys import app, common, variants
from provisioning.lab import Lab

BIN = f"{operations.VENV}/bin"


@dataclass(frozen=True)
class Server:
    """An application server. {} in its attributes stands for the target's name in file names: `nginx-sync`.

    Attributes:
        name: the name for a person.
        process: the whole command line (a regular expression) of its processes.
        configuration: its configuration file, "" if everything is in the environment or the command.
        modules: Python modules that the configuration file imports.
        command: the command for supervisord, "" for the one in the stage's table. {wsgi} is the application.
        packages: Debian packages that it needs.
        requirements: the file in `sample_app` with its Python packages, "" for those that every stage has.
    """

    name: str
    process: str
    configuration: str = ""
    command: str = ""
    packages: tuple[str, ...] = ()
    requirements: str = ""
    modules: tuple[str, ...] = ()


GUNICORN = Server("gunicorn", f"{BIN}/python[0-9.]* {BIN}/gunicorn .*--name deploylab-{{}} .*",
                  "/etc/deploylab/gunicorn-{}.py", modules=("/etc/deploylab/overdue.py",))


def serve(lab: Lab, *slugs: str, server: Server = GUNICORN, reads: list[str] | None = None,
          behind_a_front: bool = True) -> None:
    """The application server of each target, with its configuration, environment and supervisord's table.

    A sleeping target is set up but not started.

    Args:
        slugs: the targets' names in file names: `nginx-sync`. See `variants` for where the files come from.
        reads: other files that it reads at its start, by default those that Django reads in this stage.
        behind_a_front: it listens on a socket file; otherwise on the target's port, for visitors.
    """
    if behind_a_front:
        common.sockets()
    supervisor(lab)
    if server.packages:
        names = list(server.packages)
        apt.packages(name=f"Packages: {' '.join(names)}", packages=names, update=True, _if=operations.missing(names))
    reads = reads or app.read_at_start(lab, production=True)
    if server.requirements:
        requirements = f"{lab.folder}/app/{server.requirements}"
        app.python_packages(lab, requirements)
        reads = [*reads, app.records_of(requirements)]
    for path in server.modules:
        common.place(path)
    for slug in slugs:
        config = variants.file(lab, slug, server.configuration) if server.configuration else {}
        files = {**config, **variants.environment(lab, slug)}
        table = variants.table(lab, slug, server.command.format(slug, wsgi=lab.app["wsgi"]))
        operations.placed(name=f"Files of {server.name} for {lab.name_of(slug)}", files={**files, **table})
        url = f"--unix-socket /run/deploylab/{slug}.sock http://localhost/"
        if not behind_a_front:
            port = lab.ports[lab.name_of(slug)]
            operations.port_for("gunicorn", port)
            url = f"http://127.0.0.1:{port}/"
        running(lab, slug, server.process.format(slug), [*files, *server.modules, *reads], url)


def supervisor(lab: Lab) -> None:
    """supervisord runs, with only the tables of the course."""
    apt.packages(name="Packages: supervisor", packages=["supervisor"], update=True,
                 _if=operations.missing(["supervisor"]))
    systemd.service(name="Service supervisor", service="supervisor", running=True, enabled=True)
    operations.only("/etc/supervisor/conf.d", [f"deploylab-{slug}.conf" for slug in lab.slugs])


def running(lab: Lab, slug: str, process: str, files: list[str], url: str) -> None:
    """The program runs with the current version of these files, and answers."""
    program = f"deploylab-{slug}"
    if lab.name_of(slug) in lab.sleepers:
        operations.asleep(program, process, files)
        return
    operations.supervised(
        program, process, files,
        # It answers, and the user of the front servers may connect.
        ready=f"setpriv --reuid www-data --regid www-data --clear-groups curl -s -m 5 -o /dev/null {url}",
    )
