"""Brings a machine to one of the references, which stands beside the stage that it is compared with, and sleeps.

Application, packages, database and data are those of that stage. What a reference has of its own is
its environment and the configuration of its servers, both made from the templates in files/.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pyinfra.operations import files

from provisioning import operations
from provisioning.deploys import apache, app, front, httpd, nginx
from provisioning.deploys.common import File, rendered
from provisioning.lab import Lab

FILES = Path(__file__).parent / "files"
BASES = {"express": [apache], "workshop": [apache, nginx]}  # the stages it stands on; the others: [nginx]


@dataclass(frozen=True)
class Form:
    """A reference in one of its forms: normalised, under its own name, or `published`.

    Attributes:
        slug: the name of the form as files bear it: `digitalocean-published`.
    """

    lab: Lab
    slug: str

    @property
    def name(self) -> str:
        return self.lab.name_of(self.slug)

    @property
    def port(self) -> int:
        return self.lab.ports[self.name]

    @property
    def folder(self) -> str:
        return f"/srv/deploylab/{self.slug}"

    @property
    def base(self) -> str:
        """The stage whose application it runs."""
        return bases(self.lab)[0].__name__.rpartition(".")[2]

    @property
    def app_port(self) -> int:
        """On loopback, where the application server has no socket."""
        return self.port + 20

    @property
    def own(self) -> dict[str, str]:
        """What its environment has beside, or instead of, that of the stage it stands on."""
        return {**self.lab.environments[self.lab.stage], **self.lab.environments[self.name]}

    @property
    def whitenoise(self) -> bool:
        """Whether the application serves the static files."""
        return self.own.get("DJANGO_WHITENOISE") == "1"

    def file(self, path: str, source: str = "", mode: str = "644", group: str = "root") -> dict[str, File]:
        """A file for `operations.placed`, from the template of its reference.

        Args:
            source: the template, where it is not called like the reference.
        """
        values = {
            "name": self.name, "slug": self.slug, "stage": self.lab.stage, "port": self.port,
            "app_port": self.app_port, "base": self.base,
            "static_by_nginx": not self.whitenoise, "published": self.slug != self.lab.stage,
            "wsgi": self.lab.app["wsgi"], "own": {key: shlex.quote(value) for key, value in self.own.items()},
        }
        return {path: (rendered(source or path.replace(self.slug, self.lab.stage), FILES, **values), mode, group)}


def deploy(lab: Lab) -> None:
    for base in bases(lab):
        base.deploy(lab.of(base.__name__.rpartition(".")[2]))
    for form in [Form(lab, slug) for slug in lab.wanted]:
        application(form)
        with_apache(form) if apache in bases(lab) else with_gunicorn(form)
        if nginx in bases(lab):
            behind_nginx(form)


def bases(lab: Lab) -> list[ModuleType]:
    """The deploys of the stages that the reference stands on, that of its application first."""
    return BASES.get(lab.stage, [nginx])


def application(form: Form) -> None:
    """The stage's own code under this reference's name, an environment, and the static files."""
    root, folder = f"/srv/deploylab/{form.base}", form.folder
    own = form.file(f"/etc/deploylab/{form.slug}.env", "/etc/deploylab/reference.env", "640", "deploylab")
    for path in (FILES / f"srv/deploylab/{form.lab.stage}").rglob("*.py"):
        own[f"/{path.relative_to(FILES)}"] = (path.read_bytes(), "644", "root")
    operations.placed(name=f"Environment of {form.name}", files=own)
    files.directory(name=f"Folder {folder}", path=folder, user="root", group="root", mode="755")
    link(f"{folder}/app", f"{root}/app")
    static = f"{folder}/static"
    if form.whitenoise:
        files.directory(name=f"Folder {static}", path=static, user="deploylab", group="deploylab", mode="755")
        operations.collected(form.slug, static)
    else:
        link(static, f"{root}/static")
        public = f"{folder}/public"  # for who serves a whole folder: the code is not in it
        files.directory(name=f"Folder {public}", path=public, user="root", group="root", mode="755")
        link(f"{public}/static", f"{root}/static")


def link(path: str, target: str) -> None:
    """A symbolic link to what the stage has."""
    files.link(name=f"Link {path}", path=path, target=target)


def with_gunicorn(form: Form) -> None:
    """gunicorn under supervisord, asleep."""
    program, config = f"deploylab-{form.slug}", f"/etc/deploylab/gunicorn-{form.slug}.py"
    table = form.file(f"/etc/supervisor/conf.d/{program}.conf", "/etc/supervisor/conf.d/reference.conf")
    operations.placed(name=f"gunicorn of {form.name}", files={**form.file(config), **table})
    python = f"{operations.VENV}/bin/python[0-9.]*"
    operations.asleep(program, f"{python} {operations.VENV}/bin/gunicorn .*--name {program} .*",
                      [config, *read_at_start(form)])


def with_apache(form: Form) -> None:
    """An Apache of its own with the application in it, asleep."""
    instance = httpd.Instance(form.slug, form.slug, ("wsgi",), form.slug)
    own = form.file(f"{form.folder}/deploylab-{form.slug}.wsgi", "/srv/deploylab/reference.wsgi")
    for path in (httpd.CONF, httpd.SITE):
        own |= form.file(path.format(form.slug))
    operations.placed(name=f"Apache of {form.name}", files=own)
    httpd.linked(instance)
    httpd.logs(instance)
    httpd.running(instance, list(own), read_at_start(form), sleeps=True)


def behind_nginx(form: Form) -> None:
    """The server block in front of the application server."""
    site = f"deploylab-{form.slug}"
    own = form.file(f"{front.AVAILABLE}/{site}")
    operations.placed(name=f"Site of {form.name}", files=own)
    front.enable(site)
    operations.port_for("nginx", form.port)
    front.running(list(own))


def read_at_start(form: Form) -> list[str]:
    """What the application reads when it starts."""
    return [f"/etc/deploylab/{form.slug}.env", *app.read_at_start(form.lab, production=True)]
