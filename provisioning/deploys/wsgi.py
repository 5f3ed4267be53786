"""Stage `wsgi`: a WSGI application without Django, under gunicorn alone. Off the road's ladder."""

from provisioning.deploys import app, common, gunicorn
from provisioning.deploys.common import place
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    app.packages(lab, production=True)  # for gunicorn; Django comes along, and nothing here imports it
    server(lab, lab.stage, "hello")
    if "framework" in lab.variants:
        server(lab, f"{lab.stage}-framework", "framework")


def server(lab: Lab, slug: str, module: str) -> None:
    """gunicorn with one file of Python."""
    source = f"{lab.folder}/{module}.py"
    place(source)
    gunicorn.serve(lab, slug, reads=[source, app.records(lab, production=True)], behind_a_front=False)
