"""The second deploy, and every one after it:   fab -S "$SSH_CONFIG" release      back again:   … rollback

A release is a folder of its own. `app` is a link to the one that answers:

    /srv/deploylab/nginx/releases/20261124-101500-3f2c1ab/
    /srv/deploylab/nginx/app  ──▶  releases/20261124-101500-3f2c1ab
"""

import time

from fabric import task
from invoke import Exit

WEB = ["web"]  # the server's name in the file that -S names
SITE = "/srv/deploylab/nginx"
PYTHON = "/srv/deploylab/venv/bin/python"
PROGRAM = "deploylab-nginx"  # as supervisord calls it
PAGES = {"/healthz/": "ok", "/": "</html>", "/talks/1/": "</html>"}  # and what a good one contains


@task(hosts=WEB)
def release(c):
    """Bring what is committed in site/ to the server. If it is not good, go back."""
    before, new = current(c), upload(c)
    c.sudo(f"{PYTHON} -m pip install --quiet -r {new}/requirements-production.txt")
    manage(c, new, "check")                    # can all of it be imported?
    manage(c, new, "migrate --noinput")        # while the old code answers: so a migration may only add
    manage(c, new, "collectstatic --noinput")  # what an open page may still ask for stays
    switch(c, new)
    if wrong := smoke(c):
        switch(c, before)
        c.sudo(f"rm -r {new}")
        raise Exit(f"NOT RELEASED: {wrong}. Back at {before}, {smoke(c) or 'which is good'}.")
    print(f"Released: {new}")


@task(hosts=WEB)
def rollback(c):
    """Plan B: the release before this one. The database stays as it is."""
    names = c.run(f"ls {SITE}/releases", hide=True).stdout.split()
    here = names.index(current(c).rpartition("/")[2])
    if here == 0:
        raise Exit("There is no release before this one.")
    switch(c, f"{SITE}/releases/{names[here - 1]}")
    print(f"Back at {names[here - 1]}: {smoke(c) or 'good'}")


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


def manage(c, folder, command):
    """manage.py of a release, as the server would run it: its user, its environment."""
    c.sudo(f"sh -c 'set -a; . /etc/deploylab/nginx.env; cd {folder} && {PYTHON} manage.py {command}'", user="deploylab")


def switch(c, folder):
    """The link in one step, then new workers. The old ones first finish what they have begun."""
    c.sudo(f"ln -sfnT {folder} {SITE}/app.new")
    c.sudo(f"mv -T {SITE}/app.new {SITE}/app")
    old = c.sudo(f"sh -c 'pgrep -P $(supervisorctl pid {PROGRAM})'", hide=True, warn=True).stdout.split()
    c.sudo(f"sh -c 'supervisorctl signal HUP {PROGRAM} || supervisorctl restart {PROGRAM}'", hide=True)
    if old:  # or one of them would answer the smoke test
        c.run("timeout 40 tail -s 0.1 -f /dev/null " + " ".join(f"--pid={pid}" for pid in old))


def smoke(c):
    """What is wrong, in the eyes of a visitor; "" if nothing is."""
    for path, good in PAGES.items():
        seen = c.run(f"curl -s -m 20 -w '%{{http_code}}' http://127.0.0.1:8003{path}", hide=True, warn=True).stdout
        if good not in seen or not seen.endswith("200"):
            return f"{path} gave {seen[-3:]}"
    return ""
