"""Differences in files, environment, command lines and code; names do not count, and no secret is shown."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from waiting import until

from deploylab import course as courses
from deploylab.course import Target
from deploylab.machine.guest import configured
from deploylab.measure import config_files
from deploylab.measure.config_diff import Configured, between, differences

COURSE = courses.load()


def target(name="shop", variant=None, port=9001, **other) -> Target:
    return Target(stage=name, variant=variant, port=port, title=name, views=(), processes=(), expect={}, slots=None,
                  **other)


def side(files=None, environment=None, commands=(), revision="0a1b2c3"):
    return Configured(files=files or {}, environment=environment or {}, commands=list(commands), revision=revision)


def names(a, b, a_target=None, b_target=None):
    rows = between(a_target or target(), a, b_target or target("mall", port=9002), b)
    return {row.name: (row.a, row.b) for row in rows}


# ------------------------------------------------------------------ names

@pytest.mark.parametrize(("text", "plain"), [
    ("/etc/deploylab/gunicorn-shop.py --name deploylab-shop", "/etc/deploylab/gunicorn-NAME.py --name deploylab-NAME"),
    ("upstream deploylab_shop {", "upstream deploylab_NAME {"),
    ("alias /srv/deploylab/shop/shop/;", "alias /srv/deploylab/NAME/shop/;"),
    ("listen 9001; # not 19001 nor 9001.5", "listen PORT; # not 19001 nor 9001.5"),
    ("gzip_shop on; /var/log/shop/error.log shop: worker", "gzip_shop on; /var/log/shop/error.log shop: worker"),
    ("/etc/deploylab/shop-fast.env", "/etc/deploylab/shop-fast.env"),
])
def test_a_target_s_own_name_and_port_are_taken_out(text, plain):
    assert config_files.nameless(text, target()) == plain


def test_a_variant_reads_its_stage_s_files_too():
    variant = target(variant="fast")
    assert config_files.nameless("/etc/deploylab/shop.env deploylab-shop-fast deploylab_shop_fast", variant) \
        == "/etc/deploylab/NAME.env deploylab-NAME deploylab_NAME"


def test_the_path_of_a_socket_counts_as_a_name_but_its_kind_does_not():
    files = {"/etc/deploylab/gunicorn-shop.py": 'bind = "unix:/run/deploylab/shop.sock"'}
    tcp = {"/etc/deploylab/gunicorn-mall.py": 'bind = "127.0.0.1:9100"'}
    a = Target(**{**target().__dict__, "expect": {"app_socket": "/run/deploylab/shop.sock"}})
    b = Target(**{**target("mall").__dict__, "expect": {"app_socket": "127.0.0.1:9100"}})
    assert names(side(files), side(tcp), a, b) == {"gunicorn bind": ("'unix:SOCKET'", "'SOCKET'")}


def test_different_names_alone_are_no_difference():
    a = side({"/etc/nginx/sites-available/deploylab-shop": "server { listen 9001; root /srv/deploylab/shop/static; }"},
             {"/etc/deploylab/shop.env": {"DJANGO_CACHE_PREFIX": "shop", "DJANGO_ROOT": "/srv/deploylab/shop/x"}},
             ["gunicorn --name deploylab-shop"] * 3)
    b = side({"/etc/nginx/sites-available/deploylab-mall": "server { listen 9002; root /srv/deploylab/mall/static; }"},
             {"/etc/deploylab/mall.env": {"DJANGO_CACHE_PREFIX": "mall", "DJANGO_ROOT": "/srv/deploylab/mall/x"}},
             ["gunicorn --name deploylab-mall"] * 3)
    assert names(a, b) == {}


# ------------------------------------------------------------------ files

def test_nginx_is_compared_by_directive_and_block():
    a = """# a comment; with { signs
    http { gzip off; # later
      server { location /static/ { add_header Cache-Control "max-age=1; public"; } } }"""
    b = """http {
      gzip on;
      server { location /static/ { add_header Cache-Control "max-age=9; public"; expires max; } } }"""
    path = "/etc/nginx/nginx.conf"
    assert names(side({path: a}), side({path: b})) == {
        "nginx gzip": ("off in http", "on in http"),
        "nginx add_header": ('Cache-Control "max-age=1; public" in location /static/',
                             'Cache-Control "max-age=9; public" in location /static/'),
        "nginx expires": (None, "max in location /static/"),
    }


def test_comments_of_varnish_are_ignored():
    a = "vcl 4.1;\n// one\n/* two; */\nsub vcl_recv { return (hash); }"
    assert config_files.settings(a, "/etc/varnish/x.vcl") == config_files.settings(
        "vcl 4.1; sub vcl_recv {\n  return (hash); # three\n}", "/etc/varnish/x.vcl")


def test_python_is_compared_by_the_values_of_names():
    a = '"""One."""\n# why\nworkers = 2\nthreads = 8\n'
    b = '"""Other."""\nworkers  =  2  # two\ndef post_fork(server, worker):\n    pass\n'
    rows = names(side({"/etc/deploylab/gunicorn-shop.py": a}), side({"/etc/deploylab/gunicorn-mall.py": b}))
    assert rows["gunicorn threads"] == ("8", None)
    assert set(rows) == {"gunicorn threads", "gunicorn post_fork"}
    assert "is not Python" in names(side({"/etc/deploylab/gunicorn-shop.py": "x = ("}),
                                    side({"/etc/deploylab/gunicorn-mall.py": "x = 1"}))["gunicorn syntax"][0]


def test_sections_blocks_and_plain_lists_are_read_line_by_line():
    ini = "/etc/supervisor/conf.d/deploylab-%s.conf"
    a = '; keeps it\n[program:deploylab-shop]\ncommand=/bin/sh -c "set -a; . /x; exec y"\nautostart=true ; at boot\n'
    b = "[program:deploylab-mall]\nautostart = true\ncommand=/bin/sh -c z\n"
    assert names(side({ini % "shop": a}), side({ini % "mall": b})) == {"supervisor command": (
        '/bin/sh -c "set -a; . /x; exec y" in program:deploylab-NAME', "/bin/sh -c z in program:deploylab-NAME")}
    apache = "/etc/apache2/x.conf"
    assert names(side({apache: "<VirtualHost *:9001>\n  WSGIDaemonProcess one \\\n  threads=8\n</VirtualHost>\nA b"}),
                 side({apache: "<VirtualHost *:9002>\nWSGIDaemonProcess one threads=1\n</VirtualHost>\n# no\nA b"})) \
        == {"apache2 WSGIDaemonProcess": ("one threads=8 in VirtualHost *:PORT", "one threads=1 in VirtualHost *:PORT")}
    assert config_files.settings("-m 64\n-l x", "/etc/memcached.conf") == {"-m": Counter(["64"]), "-l": Counter(["x"])}


def test_a_directive_given_twice_counts_twice():
    path = "/etc/nginx/nginx.conf"
    assert names(side({path: "add_header A 1; add_header A 1;"}), side({path: "add_header A 1;"})) \
        == {"nginx add_header": ("A 1", None)}


def test_whether_a_server_starts_by_itself_is_ignored():
    path = "/etc/supervisor/conf.d/x.conf"
    assert names(side({path: "[program:x]\nautostart=true"}), side({path: "[program:x]\nautostart=false"})) == {}


def test_a_file_that_only_one_side_has_is_one_difference():
    path = "/etc/nginx/sites-available/deploylab-shop"
    assert names(side({path: "listen 1;"}), side()) == {
        "file /etc/nginx/sites-available/deploylab-NAME": ("there", None)}
    assert names(side({path: None}), side()) == {}


# ------------------------------------------------------------------ environment, processes, code

def test_the_environment_is_compared_by_variable_and_a_later_file_overrides():
    a = side(environment={"/etc/deploylab/shop.env": {"DJANGO_DEBUG": "0"}, "/x.env": {"DJANGO_DEBUG": "1"}})
    b = side(environment={"/etc/deploylab/mall.env": {"DJANGO_DEBUG": "0", "DJANGO_CACHE": "redis"}})
    assert names(a, b) == {"environment DJANGO_DEBUG": ("1", "0"), "environment DJANGO_CACHE": (None, "redis")}


def test_an_environment_that_cannot_be_read_is_reported():
    assert names(side(environment={"/x.env": None}), side()) == {"environment (cannot be read)": ("/x.env", None)}


def test_a_secret_is_found_but_not_shown():
    path = "/etc/redis/redis.conf"
    a, b = side({path: "requirepass hunter2\nmaxmemory 64mb"}), side({path: "requirepass hunter3\nmaxmemory 64mb"})
    assert names(a, b) == {"redis requirepass": ("(not shown)", "(not shown)")}
    a = side(environment={"/x.env": {"DJANGO_CACHE_SERVER": "redis://me:hunter2@127.0.0.1/0"}})
    assert names(a, side()) == {"environment DJANGO_CACHE_SERVER": ("redis://(not shown)@127.0.0.1/0", None)}


def test_command_lines_are_compared_by_program_and_word():
    a, b = "/x/bin/python3 /x/manage.py runserver --nothreading 0:9001", "/x/bin/python3 /x/manage.py runserver 0:9002"
    assert names(side(commands=[a]), side(commands=[b])) == {"command line of manage.py": ("--nothreading", None)}
    assert names(side(commands=["nginx: worker process"]), side()) == {"program nginx": ("runs", None)}
    assert names(side(commands=["redis-server x"] * 2), side(commands=["redis-server x"] * 3)) \
        == {"processes of redis-server": ("2", "3")}
    assert names(side(commands=["p a b"]), side(commands=["p b a"])) == {"command line of p": ("p a b", "p b a")}


def test_what_both_sides_share_is_no_difference_whatever_its_name():
    """`mall` is a front of `shop`: the application of `shop` serves both, under the name `shop`."""
    files = {"/etc/deploylab/gunicorn-shop.py": "workers = 2"}
    variables, command = {"DJANGO_STATIC_ROOT": "/srv/deploylab/shop/static"}, "gunicorn --name deploylab-shop"
    shop = side(files, {"/etc/deploylab/shop.env": variables}, [command])
    front = {"/etc/nginx/sites-available/deploylab-mall": "listen 9002;"}
    mall = side({**files, **front}, {"/etc/deploylab/mall.env": variables}, [command])
    assert names(shop, mall) == {"file /etc/nginx/sites-available/deploylab-NAME": (None, "there")}


def test_the_revision_of_the_code_is_compared():
    assert names(side(revision="1"), side(revision="2 with changes in a.py")) \
        == {"revision of the application": ("1", "2 with changes in a.py")}


# ------------------------------------------------------------------ what runs on the guest

def test_what_the_guest_reads(tmp_path):
    (tmp_path / "more.env").write_text("DJANGO_SECRET_KEY=abc\nDJANGO_MYSQL_PASSWORD=abc\nDJANGO_CACHE=redis\n")
    env = tmp_path / "x.env"
    env.write_text(f"# why\nDJANGO_DEBUG=1\nOTHER=2\nDJANGO_TWO='a b'\n. {tmp_path}/more.env\n")
    (tmp_path / "x.conf").write_text("listen 1;")
    paths = [str(env), str(tmp_path / "x.conf"), str(tmp_path / "none")]
    result = configured.read(paths, ["[p]ytest"], str(tmp_path), "shop.wsgi", "python3", "")
    assert result["environment"] == {str(env): {"DJANGO_DEBUG": "1", "DJANGO_TWO": "a b", "DJANGO_CACHE": "redis"}}
    assert result["files"] == {str(tmp_path / "x.conf"): "listen 1;", str(tmp_path / "none"): None}
    assert result["commands"] and result["revision"] is None and "no process" in result["django"]["error"]
    assert configured.environment(str(tmp_path / "no.env")) is None


def test_a_process_that_ends_between_two_targets_is_seen_for_both():
    configured.running.cache_clear()
    process = subprocess.Popen(["sleep", "4721"])
    until(Path(f"/proc/{process.pid}/cmdline").read_bytes)  # a moment after it began
    first = configured.commands(["^sleep 4721 "])
    process.kill()
    process.wait()
    assert first == configured.commands(["^sleep 4721 "]) == ["sleep 4721"]
    configured.running.cache_clear()
    assert configured.commands(["^sleep 4721 "]) == []


# ------------------------------------------------------------------ on the machine

@pytest.fixture(scope="module")
def set_up(machine):
    """The machine with the stages and variants that the tests below need."""
    from deploylab.provision import converge

    for name, variants in (("runserver", ["nothreading"]), ("nginx", ["sync"])):
        converge.to_stage(machine, COURSE, name, variants=variants)
    return machine


def differences_on(machine, a, b):
    return {row.name: row for row in differences(machine, COURSE.app, COURSE.target(a), COURSE.target(b))}


@pytest.mark.machine
def test_only_the_worker_class_of_gunicorn_differs(set_up):
    """And what only threads need: the other class bounds a request by itself, threads are watched by an import."""
    rows = differences_on(set_up, "nginx:sync", "nginx")
    assert set(rows) == {"gunicorn worker_class", "gunicorn threads", "gunicorn worker_connections",
                          "gunicorn keepalive", "gunicorn import", "gunicorn importfrom", "gunicorn expr"}
    assert (rows["gunicorn worker_class"].a, rows["gunicorn worker_class"].b) == ("'sync'", "'gthread'")


@pytest.mark.machine
def test_only_the_command_line_of_runserver_differs(set_up):
    rows = differences_on(set_up, "runserver:nothreading", "runserver")
    assert [(row.a, row.b) for row in rows.values()] == [("--nothreading", None)]


@pytest.mark.machine
def test_a_whole_step_differs_in_many_things_and_shows_no_secret(set_up):
    rows = differences_on(set_up, "runserver", "nginx")
    assert {"environment DJANGO_DEBUG", "environment DJANGO_DATABASE", "program gunicorn"} <= set(rows)
    assert (rows["django DEBUG"].a, rows["django DEBUG"].b) == ("True", "False")
    assert rows["django DATABASES.default.ENGINE"].b == "django.db.backends.mysql"
    assert not [name for name in rows if name.startswith("django (")]
    secret = set_up.check_output(". /etc/deploylab/mariadb.env; echo $DJANGO_MYSQL_PASSWORD", sudo=True).strip()
    assert len(secret) > 20 and secret not in repr(rows)


@pytest.mark.machine
def test_a_change_by_hand_is_found(set_up):
    path = "/etc/nginx/sites-available/deploylab-nginx"
    set_up.check_output(f"sed -i.bak 's/client_max_body_size 4m/client_max_body_size 5m/' {path}", sudo=True)
    try:
        rows = differences_on(set_up, "nginx:sync", "nginx")
    finally:
        set_up.check_output(f"mv {path}.bak {path}", sudo=True)
    assert (rows["nginx client_max_body_size"].a, rows["nginx client_max_body_size"].b) \
        == ("4m in server", "5m in server")


@pytest.mark.machine
def test_a_setting_is_that_of_the_process_and_not_of_the_file(set_up):
    """Both read this file: one was started before it was changed, the other after."""
    path = "/etc/deploylab/nginx.env"
    set_up.check_output(f"sed -i.bak s/DJANGO_DEBUG=0/DJANGO_DEBUG=1/ {path}", sudo=True)
    try:
        set_up.check_output("supervisorctl restart deploylab-nginx-sync", sudo=True)
        rows = differences_on(set_up, "nginx:sync", "nginx")
    finally:
        set_up.check_output(f"mv {path}.bak {path}; supervisorctl restart deploylab-nginx deploylab-nginx-sync",
                            sudo=True)
    assert (rows["django DEBUG"].a, rows["django DEBUG"].b) == ("True", "False")
    assert "environment DJANGO_DEBUG" not in rows
