"""Stage `wsgi`: a WSGI application without Django, under gunicorn only. It is not part of the ladder."""

from provisioning.deploys import app, common, gunicorn
from provisioning.deploys.common import place
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    app.packages(lab, production=True)  # for gunicorn; Django is installed too, but nothing here imports it
    server(lab, lab.stage, "hello")
    if "framework" in lab.variants:
        server(lab, f"{lab.stage}-framework", "framework")


def server(lab: Lab, slug: str, module: str) -> None:
    """gunicorn with an application in one Python file."""
    source = f"{lab.folder}/{module}.py"
    place(source)
    gunicorn.serve(lab, slug, reads=[source, app.records(lab, production=True)], behind_a_front=False)
