"""gunicorn as the application server, kept by supervisord; shared by every stage that has it."""

from pyinfra.operations import apt, systemd

from provisioning import operations
from provisioning.deploys import app, common, variants
from provisioning.lab import Lab


def serve(lab: Lab, *slugs: str, reads: list[str] | None = None, behind_a_front: bool = True) -> None:
    """gunicorn of each target, with its configuration, environment and supervisord's table.

    A target that sleeps is made ready and not started.

    Args:
        slugs: the targets' names as files bear them: `nginx-sync`. See `variants` for where the files come from.
        reads: what it reads at its start beside its own files; None: what a Django of this stage reads.
        behind_a_front: it listens on a socket of its own; otherwise on the target's port, for visitors.
    """
    if behind_a_front:
        common.sockets()
    supervisor(lab)
    for slug in slugs:
        files = {**variants.file(lab, slug, "/etc/deploylab/gunicorn-{}.py"), **variants.environment(lab, slug)}
        table = variants.file(lab, slug, "/etc/supervisor/conf.d/deploylab-{}.conf")
        operations.placed(name=f"Files of gunicorn for {lab.name_of(slug)}", files={**files, **table})
        url = f"--unix-socket /run/deploylab/{slug}.sock http://localhost/"
        if not behind_a_front:
            port = lab.ports[lab.name_of(slug)]
            operations.port_for("gunicorn", port)
            url = f"http://127.0.0.1:{port}/"
        running(lab, slug, [*files, *(reads or app.read_at_start(lab, production=True))], url)


def supervisor(lab: Lab) -> None:
    """supervisord runs, with the tables of the lab alone."""
    apt.packages(name="Packages: supervisor", packages=["supervisor"], update=True,
                 _if=operations.missing(["supervisor"]))
    systemd.service(name="Service supervisor", service="supervisor", running=True, enabled=True)
    operations.only("/etc/supervisor/conf.d", [f"deploylab-{slug}.conf" for slug in lab.slugs])


def running(lab: Lab, slug: str, files: list[str], url: str) -> None:
    """The program runs with these files as they are now, and answers."""
    program, bin_ = f"deploylab-{slug}", f"{operations.VENV}/bin"
    process = f"{bin_}/python[0-9.]* {bin_}/gunicorn .*--name {program} .*"
    if lab.name_of(slug) in lab.sleepers:
        operations.asleep(program, process, files)
        return
    operations.supervised(
        program, process, files,
        # It answers, and the user of the servers in front may connect.
        ready=f"setpriv --reuid www-data --regid www-data --clear-groups curl -s -m 5 -o /dev/null {url}",
    )
