"""The files of a variant: those of its stage, but for names, addresses and the one thing it is about."""

import dataclasses
import re
import runpy
from functools import cache

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine.ssh import Ssh
from deploylab.provision import converge
from provisioning.deploys import variants
from provisioning.lab import Lab

COURSE = courses.load()


@cache
def lab_of(stage: str) -> Lab:
    return Lab(**converge.specification(Ssh("192.0.2.1", 22, "nobody", "none"), COURSE, stage)["lab"])


def settings_of(path) -> dict:
    """What gunicorn takes from its file."""
    return {key: value for key, value in runpy.run_path(str(path)).items() if not key.startswith("__")}


SITE, GUNICORN, TABLE = (f"/etc/{path}" for path in (
    "nginx/sites-available/deploylab-{}", "deploylab/gunicorn-{}.py", "supervisor/conf.d/deploylab-{}.conf"))


def test_a_variant_s_file_differs_from_its_stage_s_in_names_alone():
    lab = lab_of("nginx")
    for pattern in (SITE, GUNICORN, TABLE):
        stage = variants.content(lab, "nginx", pattern)
        sync = variants.renamed(lab, "nginx-sync", stage)
        back = sync.replace("nginx-sync", "nginx").replace("nginx_sync", "nginx").replace("8013", "8003")
        assert back.replace("variant `nginx:sync`", "stage `nginx`") == stage != sync
    # Code, static files and environment are the stage's.
    assert "directory=/srv/deploylab/nginx/app\n" in sync and " /etc/deploylab/nginx.env;" in sync
    assert "/srv/deploylab/nginx/static/" in variants.content(lab, "nginx-sync", SITE)
    assert "/etc/deploylab/nginx-debug.env;" in variants.content(lab, "nginx-debug", TABLE)


def test_another_application_server_takes_the_place_of_the_stage_s_in_its_table_alone():
    lab = lab_of("nginx")
    [(path, (stage, _, _))] = variants.table(lab, "nginx-sync").items()
    [(same, (other, _, _))] = variants.table(lab, "nginx-sync", "/usr/bin/other --name 'x'").items()
    assert path == same == TABLE.format("nginx-sync")
    apart = [lines for lines in zip(stage.decode().splitlines(), other.decode().splitlines(), strict=True)
             if lines[0] != lines[1]]
    assert [other for _, other in apart] == [
        "command=/bin/sh -c \"set -a; . /etc/deploylab/nginx.env; exec /usr/bin/other --name 'x'\""]


SLEEPERS = [target for target in COURSE.targets if target.start]


@pytest.mark.parametrize("target", [t for t in SLEEPERS if "supervisorctl" in t.start], ids=lambda t: t.name)
def test_a_sleeper_is_not_started_at_boot(target):
    table = variants.content(lab_of(target.stage), target.slug, TABLE)
    assert "\nautostart=false\n" in table and "\nautostart=true\n" not in table
    whatever = variants.renamed(lab_of(target.stage), target.slug, "[program:x]\nautostart=true   ; said otherwise\n")
    assert whatever == "[program:x]\nautostart=false\n", "the manifest decides, and no comment does"
    assert (target.start, target.stop) == tuple(f"supervisorctl {verb} deploylab-{target.slug}" for verb in
                                                ("start", "stop"))


@pytest.mark.parametrize("target", [t for t in SLEEPERS if "systemctl" in t.start], ids=lambda t: t.name)
def test_a_service_that_sleeps_is_woken_and_put_to_sleep_by_its_name(target):
    units = target.start.split()[2:]
    assert (target.start, target.stop) == tuple(f"systemctl {verb} {' '.join(units)}" for verb in ("start", "stop"))
    assert units and set(units) <= set(target.expect["services"])


def test_the_sites_of_apache_differ_in_names_and_ports_alone():
    lab, pattern = lab_of("apache"), "/etc/apache2/sites-available/deploylab-{}.conf"
    stage = variants.content(lab, "apache", pattern)
    other = variants.renamed(lab, "apache-sqlite", stage)
    assert other.replace("8032", "8002").replace("apache-sqlite", "apache").replace("variant `apache:sqlite`",
                                                                                    "stage `apache`") == stage != other
    # Code and static files are the stage's; the script is its own, because it names the environment.
    assert "Alias /static/ /srv/deploylab/apache/static/\n" in other and "home=/srv/deploylab/apache/app " in other
    assert "/srv/deploylab/apache/deploylab-apache-sqlite.wsgi" in other and "Listen 0.0.0.0:8032\n" in other
    script = variants.content(lab, "apache-sqlite", "/srv/deploylab/apache/deploylab-{}.wsgi")
    assert ". /etc/deploylab/apache-sqlite.env;" in script
    embedded = variants.content(lab, "apache-embedded", "/srv/deploylab/apache/deploylab-{}.wsgi")
    assert ". /etc/deploylab/apache.env;" in embedded, "it has no environment of its own"


def test_the_environment_of_a_variant_is_its_stage_s_and_what_differs():
    lab = dataclasses.replace(lab_of("nginx"), environments={"nginx:sync": {"DJANGO_CACHE": "a b", "DJANGO_A": "1"}})
    [(path, (text, mode, group))] = variants.environment(lab, "nginx-sync").items()
    assert (path, mode, group) == ("/etc/deploylab/nginx-sync.env", "640", "deploylab")
    assert [line for line in text.decode().splitlines() if line and not line.startswith("#")] == [
        ". /etc/deploylab/nginx.env", "DJANGO_A=1", "DJANGO_CACHE='a b'", "DJANGO_CACHE_PREFIX=nginx-sync"]
    assert variants.environment(lab_of("nginx"), "nginx-sync") == {}


@pytest.mark.parametrize("slug", ["nginx-bare", "static", "cache"])
def test_gunicorn_differs_in_its_address_and_its_folder_alone(slug):
    folder = paths.PROVISIONING / "files/etc/deploylab"
    stage, other = (settings_of(folder / f"gunicorn-{name}.py") for name in ("nginx", slug))
    assert stage.pop("bind") != other.pop("bind")
    assert (stage.pop("chdir") == other.pop("chdir")) == slug.startswith("nginx")
    assert stage == other


@pytest.mark.parametrize("slug", sorted(
    path.stem.removeprefix("gunicorn-") for path in (paths.PROVISIONING / "files/etc/deploylab").glob("gunicorn-*.py")))
def test_gunicorn_believes_only_what_the_server_in_front_says_itself(slug):
    """Which headers it may believe: those that a server in front puts in place of a visitor's."""
    settings = settings_of(paths.PROVISIONING / f"files/etc/deploylab/gunicorn-{slug}.py")
    said = {} if slug.startswith("wsgi") else {"X-FORWARDED-PROTO": "https"}
    assert settings["secure_scheme_headers"] == said and settings["forwarder_headers"] == ""
    for path in (paths.PROVISIONING / "files/etc/nginx/sites-available").glob("deploylab-*"):
        if "proxy_pass" in (text := path.read_text(encoding="utf-8")):
            assert re.search(r"proxy_set_header X-Forwarded-Proto \$(deploylab_)?scheme;", text), path


def test_the_scheme_is_taken_from_this_machine_alone():
    """`$deploylab_scheme` is what a server on this machine says, and for all others what they came by."""
    text = (paths.PROVISIONING / "files/etc/nginx/nginx.conf").read_text(encoding="utf-8")
    rules = re.search(r"\$deploylab_scheme \{\n(.*?)\}", text, re.DOTALL)[1]
    assert rules.split() == ["default", "$scheme;", '"127.0.0.1', 'https"', "https;"]


def test_gunicorn_with_16_processes_differs_from_the_one_with_two_in_their_number_alone():
    folder = paths.PROVISIONING / "files/etc/deploylab"
    two, many = (settings_of(folder / f"gunicorn-{name}.py") for name in ("nginx-sync", "nginx-sync-16"))
    assert two.pop("bind") != many.pop("bind")
    assert (two.pop("workers"), many.pop("workers")) == (2, 16)
    assert two == many


def test_the_variants_with_sqlite_differ_in_one_variable():
    full, normal = (COURSE.target(f"apache:{name}").environment for name in ("sqlite", "sqlite-normal"))
    assert normal == full | {"DJANGO_SQLITE_SYNCHRONOUS": "normal"}


def test_the_servers_in_front_close_connections_alike():
    """Requests on one connection, and seconds that an idle one stays open: a cache in front gives one up sooner."""
    def number(path: str, pattern: str) -> int:
        return int(re.search(pattern, (paths.PROVISIONING / "files/etc" / path).read_text(), re.MULTILINE)[1])

    apache, nginx, lighttpd = "apache2/apache2.conf", "nginx/nginx.conf", "lighttpd/lighttpd.conf"
    assert (number(apache, r"^MaxKeepAliveRequests (\d+)") == number(nginx, r"^ *keepalive_requests (\d+);")
            == number(lighttpd, r"^server\.max-keep-alive-requests = (\d+)"))
    idle_s = number(nginx, r"^ *keepalive_timeout (\d+);")
    assert idle_s == number(apache, r"^KeepAliveTimeout (\d+)")
    assert idle_s == number(lighttpd, r"^server\.max-keep-alive-idle = (\d+)")
    assert number("nginx/sites-available/deploylab-edge", r"^ *keepalive_timeout (\d+)s;") < idle_s
    assert number("systemd/system/varnish.service.d/deploylab-edge-varnish.conf",
                  r"-p backend_idle_timeout=(\d+)$") < idle_s


def directives(slug: str) -> list[str]:
    """What an nginx file says, without comments and without the names of its target."""
    text = (paths.PROVISIONING / f"files/etc/nginx/sites-available/deploylab-{slug}").read_text()
    text = text.replace(f"deploylab_{slug.replace('-', '_')}", "NAME")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("listen ")]


def test_server_blocks_of_static_differ_in_compression_alone():
    stage = directives("static")
    assert directives("cache") == [re.sub(r"deploylab/static\b", "deploylab/cache", line) for line in stage]
    for variant, off in [("no-gzip", ["gzip_static", "gzip"]), ("gzip-on-the-fly", ["gzip_static"])]:
        wanted = [f"{line.split()[0]} off;" if line.split()[0] in off else line for line in stage]
        assert directives(f"static-{variant}") == wanted != stage


def test_edge_serves_static_files_as_static_does():
    """It serves them itself, from the same folder; only that they come compressed is said elsewhere there."""
    def static_files(slug):
        lines = directives(slug)
        start = lines.index("location /static/ {")
        return lines[start:lines.index("location / {")]

    assert [line for line in static_files("edge") if not line.startswith("gzip_")] == static_files("static")
