"""The second deploy, and every one after it:   fab -S "$SSH_CONFIG" release      back again:   … rollback

A release is a folder of its own, with its packages and static files. Two links lead to the one that visitors get:

    /srv/deploylab/nginx/releases/20261124-101500-3f2c1ab/   the code, venv/, static/, release.env
    /srv/deploylab/nginx/app     ──▶  releases/20261124-101500-3f2c1ab
    /srv/deploylab/nginx/static  ──▶  app/static
    /srv/deploylab/nginx/good    the names of the releases that were good, the newest last
"""

import re
import time
from contextlib import contextmanager

from fabric import task
from invoke import Exit, UnexpectedExit

WEB = ["web"]  # the server's name in the file that -S names
SITE = "/srv/deploylab/nginx"
PROGRAM = "deploylab-nginx"  # as supervisord calls it
SOCKET, NEXT = "/run/deploylab/nginx.sock", "/run/deploylab/nginx.next.sock"
PAGES = {"/healthz/": "ok", "/": "</html>", "/talks/1/": "</html>"}  # and what a good one contains
KEPT = 5  # releases to go back to


@task(hosts=WEB)
def release(c):
    """Bring what is committed in site/ to the server. If anything goes wrong, visitors keep what they have."""
    before, new = current(c), upload(c)
    try:
        install(c, new)
        go(c, new)
    except (Exit, UnexpectedExit) as error:
        if current(c) != before:
            go(c, before)
        c.sudo(f"rm -rf {new}")
        raise Exit(f"NOT RELEASED: {why(error)}. Visitors have {before}, {smoke(c) or 'which is good'}.") from None
    remember(c, [*good(c, before), new])
    print(f"Released: {new}")


@task(hosts=WEB)
def rollback(c):
    """Plan B: the last release that was good, other than this one. The database stays as it is."""
    earlier = [folder for folder in good(c) if folder != current(c)]
    if not earlier:
        raise Exit("There is no release before this one.")
    go(c, earlier[-1])
    remember(c, earlier)  # without the one that we came from: nobody goes back to a mistake
    print(f"Back at {earlier[-1]}: {smoke(c) or 'good'}")


def current(c):
    """The folder that answers now."""
    return c.run(f"readlink -f {SITE}/app", hide=True).stdout.strip()


def upload(c):
    """A new folder on the server with the last commit, and nothing that is not committed."""
    commit = c.local("git -C site rev-parse --short HEAD", hide=True).stdout.strip()
    folder = f"{SITE}/releases/{time.strftime('%Y%m%d-%H%M%S')}-{commit}"
    c.local("git -C site archive -o .git/release.tar HEAD")
    c.put("site/.git/release.tar")
    c.sudo(f"mkdir -p {folder}")
    c.sudo(f"tar -xf release.tar -C {folder}")
    return folder


def install(c, new):
    """All that the new code needs, before any visitor gets it."""
    c.sudo(f"python3 -m venv {new}/venv")
    c.sudo(f"{new}/venv/bin/pip install --quiet --disable-pip-version-check -r {new}/requirements-production.txt")
    c.sudo(f"install -d -o deploylab {new}/static")
    own = [f"VENV={new}/venv", f"DJANGO_STATIC_ROOT={new}/static", "DJANGO_STATIC_FILES=hashed"]
    c.sudo(f"sh -c 'printf \"%s\\n\" {' '.join(own)} > {new}/release.env'")
    manage(c, new, "check")                    # can all of it be imported?
    manage(c, new, "collectstatic --noinput")
    manage(c, new, "compress")                 # the bundles
    # While the old code answers: so a migration may only add. It waits for a table for 3 s at most, because
    # every request that needs the table waits behind it.
    manage(c, new, "migrate --noinput", "DJANGO_MYSQL_LOCK_WAIT_S=3")


def in_environment(folder, command):
    """A command as the server would run it: in this release's folder, with its environment."""
    return f"sh -c 'set -a; RELEASE={folder}; . /etc/deploylab/nginx.env; cd {folder}; exec {command}'"


def manage(c, folder, command, variable=""):
    """manage.py of a release, as the server's user, with one more variable."""
    c.sudo(in_environment(folder, f"env {variable} $VENV/bin/python manage.py {command}"), user="deploylab")


def go(c, folder):
    """Visitors get this release: a second gunicorn has it first and stands in while the first one restarts."""
    with standing_in(c, folder):
        must_be_good(c, NEXT)      # no visitor has seen it yet
        # What a page of the other release, still open in a browser, asks for. Names have a hash: none is taken twice.
        c.sudo(f"cp -al --update=none {SITE}/static/. {folder}/static/")
        c.sudo(f"ln -sfnT {folder} {SITE}/app.new")
        c.sudo(f"mv -T {SITE}/app.new {SITE}/app")  # in one step
        c.sudo(f"supervisorctl restart {PROGRAM}", hide=True)
        must_be_good(c, SOCKET)
    must_be_good(c)


@contextmanager
def standing_in(c, folder):
    """A second gunicorn with this release. nginx asks it when nobody listens on the first one's socket."""
    command = (f"$VENV/bin/gunicorn --config /etc/deploylab/gunicorn-nginx.py --bind unix:{NEXT} --chdir {folder} "
               f"--name {PROGRAM}.next programme.wsgi:application")
    unit = f"--unit {PROGRAM}.next --uid deploylab --property KillMode=mixed --collect --quiet --expand-environment=no"
    c.sudo(f"systemd-run {unit} {in_environment(folder, command)}")
    try:
        c.sudo(f"timeout 20 sh -c 'until test -S {NEXT}; do sleep 0.1; done'")
        yield
    finally:
        c.sudo(f"systemctl stop {PROGRAM}.next", warn=True)


def smoke(c, socket=""):
    """What is wrong, in the eyes of a visitor, or of nginx if it asks this socket; "" if nothing is."""
    wanted = list(PAGES.items())
    for path, expected in wanted:
        how = f"curl -s -m 20 -w '%{{http_code}}' {socket and f'--unix-socket {socket}'} http://127.0.0.1:8003{path}"
        seen = c.sudo(how, hide=True, warn=True).stdout
        if expected not in seen or not seen.endswith("200"):
            return f"{path} gave {seen[-3:]}"
        if path == "/" and not socket:  # nginx has the style sheets
            wanted += [(sheet, "") for sheet in re.findall(r'"(/static/[^"]+\.css)"', seen)]
    return ""


def must_be_good(c, socket=""):
    if wrong := smoke(c, socket):
        raise Exit(wrong)


def why(error):
    """The reason in one line: what a page gave, or the command that failed and the last thing it said."""
    if isinstance(error, Exit):
        return error.message
    return f"`{error.result.command}`: {(error.result.stderr or error.result.stdout).strip().splitlines()[-1:]}"


def good(c, first=""):
    """The folders of the releases that were good, the oldest first. A release is one when all of it has worked."""
    return c.run(f"cat {SITE}/good || echo {first}", hide=True).stdout.split()


def remember(c, folders):
    """Write the good releases down, and remove every other one."""
    kept = " ".join(folders[-KEPT:])
    c.sudo(f"sh -c 'printf \"%s\\n\" {kept} > {SITE}/good.new; mv {SITE}/good.new {SITE}/good'")
    is_good = f"grep -qx {SITE}/releases/$name {SITE}/good"
    c.sudo(f"sh -c 'cd {SITE}/releases && for name in *; do {is_good} || rm -rf $name; done'")
