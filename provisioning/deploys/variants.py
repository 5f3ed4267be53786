"""The files of a variant: its own where it has some, else those of its stage under the variant's names.

What is made from the stage's file cannot differ from it by accident.
"""

import re
import shlex

from provisioning.deploys.common import File, rendered
from provisioning.lab import FILES, Lab


def file(lab: Lab, slug: str, pattern: str) -> dict[str, File]:
    """A configuration file of one target, for `operations.placed`.

    Args:
        slug: the target's name as files bear it: `nginx-sync`.
        pattern: the path on the machine, with {} where the slug stands.
    """
    return {pattern.format(slug): (content(lab, slug, pattern).encode(), "644", "root")}


def table(lab: Lab, slug: str, command: str = "") -> dict[str, File]:
    """supervisord's table of one target.

    Args:
        command: the program that it runs instead of what the stage's table says, "" for that.
    """
    pattern = "/etc/supervisor/conf.d/deploylab-{}.conf"
    text = content(lab, slug, pattern)
    if command:
        text = re.sub(r'^(command=.*\bexec )[^"]*', lambda found: found[1] + command, text, flags=re.MULTILINE)
    return {pattern.format(slug): (text.encode(), "644", "root")}


def content(lab: Lab, slug: str, pattern: str) -> str:
    """The target's own file below `files/`, or its stage's with the names changed."""
    own = FILES / pattern.format(slug).lstrip("/")
    if own.exists():
        return own.read_text()
    return renamed(lab, slug, (FILES / pattern.format(lab.stage).lstrip("/")).read_text())


def renamed(lab: Lab, slug: str, text: str) -> str:
    """A stage's file for one of its variants: program, upstream, socket, log and port are the variant's.

    Code, static files and data stay the stage's; so does the environment, if the variant has none of its own.
    A variant that sleeps is not started with supervisord.
    """
    stage, name = re.escape(lab.stage), lab.name_of(slug)
    environment = "" if lab.environments[name] else r"\.env\b|"
    text = re.sub(rf"\b(deploylab[-/]|gunicorn-){stage}(?!{environment}[\w/-])", rf"\g<1>{slug}", text)
    text = re.sub(rf"\bdeploylab_{stage}\b", f"deploylab_{slug.replace('-', '_')}", text)
    # nginx's `listen 0.0.0.0:8003;`, Apache's `Listen 0.0.0.0:8002` and `<VirtualHost *:8002>`.
    text = re.sub(rf"(\b[lL]isten 0\.0\.0\.0:|\*:){lab.port}\b", rf"\g<1>{lab.ports[name]}", text)
    if name in lab.sleepers:  # the manifest says so; supervisord's directive follows
        text = re.sub("^autostart=.*$", "autostart=false", text, flags=re.MULTILINE)
    return text.replace(f"stage `{lab.stage}`", f"variant `{name}`")


def environment(lab: Lab, slug: str) -> dict[str, File]:
    """The environment file of a variant that has one: its stage's, and what differs. {} for any other target."""
    name = lab.name_of(slug)
    own = {key: shlex.quote(value) for key, value in sorted(lab.environments[name].items())}
    text = rendered("/etc/deploylab/variant.env", stage=lab.stage, slug=slug, name=name, own=own)
    return {f"/etc/deploylab/{slug}.env": (text, "640", "deploylab")} if own else {}
