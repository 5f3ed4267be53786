"""The files of a variant: its own if it has them, otherwise those of its stage with the variant's names.

A file that is made from the stage's file cannot differ from it by accident.
"""

import re
import shlex

from provisioning.deploys.common import File, of_application, rendered
from provisioning.lab import FILES, Lab


def file(lab: Lab, slug: str, pattern: str) -> dict[str, File]:
    """A configuration file of one target, for `operations.placed`.

    Args:
        slug: the target's name in file names: `nginx-sync`.
        pattern: the path on the machine, with {} in place of the slug.
    """
    return {pattern.format(slug): (content(lab, slug, pattern).encode(), "644", "root")}


def table(lab: Lab, slug: str, command: str = "") -> dict[str, File]:
    """supervisord's table of one target.

    Args:
        command: the command to run, "" for the one in the stage's table.
    """
    pattern = "/etc/supervisor/conf.d/deploylab-{}.conf"
    text = content(lab, slug, pattern)
    if command:
        text = re.sub(r'^(command=.*\bexec )[^"]*', lambda match: match[1] + command, text, flags=re.MULTILINE)
    return {pattern.format(slug): (text.encode(), "644", "root")}


def content(lab: Lab, slug: str, pattern: str) -> str:
    """The target's own file in `files/`, or its stage's file with the names changed."""
    path = FILES / pattern.format(slug).lstrip("/")
    if path.exists():
        return of_application(lab, path.read_text())
    return of_application(lab, renamed(lab, slug, (FILES / pattern.format(lab.stage).lstrip("/")).read_text()))


def renamed(lab: Lab, slug: str, text: str) -> str:
    """A stage's file for one of its variants: with the variant's program, upstream, socket, log and port.

    Code, static files and data are still the stage's, and so is the environment, unless the variant has its own.
    A sleeping variant is not started with supervisord.
    """
    stage, name = re.escape(lab.stage), lab.name_of(slug)
    environment = "" if lab.environments[name] else r"\.env\b|"
    text = re.sub(rf"\b(deploylab[-/]|gunicorn-){stage}(?!{environment}[\w/-])", rf"\g<1>{slug}", text)
    text = re.sub(rf"\bdeploylab_{stage}\b", f"deploylab_{slug.replace('-', '_')}", text)
    # nginx's `listen 0.0.0.0:8003;`, Apache's `Listen 0.0.0.0:8002` and `<VirtualHost *:8002>`.
    text = re.sub(rf"(\b[lL]isten 0\.0\.0\.0:|\*:){lab.port}\b", rf"\g<1>{lab.ports[name]}", text)
    if name in lab.sleepers:  # the manifest decides; supervisord's directive is set to match
        text = re.sub("^autostart=.*$", "autostart=false", text, flags=re.MULTILINE)
    return text.replace(f"stage `{lab.stage}`", f"variant `{name}`")


def environment(lab: Lab, slug: str) -> dict[str, File]:
    """The environment file of a variant that has one: its stage's variables and its own. {} for any other target."""
    name = lab.name_of(slug)
    own = {key: shlex.quote(value) for key, value in sorted(lab.environments[name].items())}
    text = rendered("/etc/deploylab/variant.env", stage=lab.stage, slug=slug, name=name, own=own)
    return {f"/etc/deploylab/{slug}.env": (text, "640", "deploylab")} if own else {}
