"""differences: found in files, environment, command lines and code; never mere naming, never a secret."""

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


def seen(files=None, environment=None, commands=(), revision="0a1b2c3"):
    return Configured(files=files or {}, environment=environment or {}, commands=list(commands), revision=revision)


def names(a, b, a_target=None, b_target=None):
    found = between(a_target or target(), a, b_target or target("mall", port=9002), b)
    return {one.name: (one.a, one.b) for one in found}


# ------------------------------------------------------------------ mere naming

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
    one = target(variant="fast")
    assert config_files.nameless("/etc/deploylab/shop.env deploylab-shop-fast deploylab_shop_fast", one) \
        == "/etc/deploylab/NAME.env deploylab-NAME deploylab_NAME"


def test_its_socket_is_a_name_too_but_not_its_kind():
    files = {"/etc/deploylab/gunicorn-shop.py": 'bind = "unix:/run/deploylab/shop.sock"'}
    tcp = {"/etc/deploylab/gunicorn-mall.py": 'bind = "127.0.0.1:9100"'}
    a = Target(**{**target().__dict__, "expect": {"app_socket": "/run/deploylab/shop.sock"}})
    b = Target(**{**target("mall").__dict__, "expect": {"app_socket": "127.0.0.1:9100"}})
    assert names(seen(files), seen(tcp), a, b) == {"gunicorn bind": ("'unix:SOCKET'", "'SOCKET'")}


def test_two_targets_that_differ_in_names_alone_do_not_differ():
    a = seen({"/etc/nginx/sites-available/deploylab-shop": "server { listen 9001; root /srv/deploylab/shop/static; }"},
             {"/etc/deploylab/shop.env": {"DJANGO_CACHE_PREFIX": "shop", "DJANGO_ROOT": "/srv/deploylab/shop/x"}},
             ["gunicorn --name deploylab-shop"] * 3)
    b = seen({"/etc/nginx/sites-available/deploylab-mall": "server { listen 9002; root /srv/deploylab/mall/static; }"},
             {"/etc/deploylab/mall.env": {"DJANGO_CACHE_PREFIX": "mall", "DJANGO_ROOT": "/srv/deploylab/mall/x"}},
             ["gunicorn --name deploylab-mall"] * 3)
    assert names(a, b) == {}


# ------------------------------------------------------------------ files

def test_nginx_by_directive_with_the_block_it_stands_in():
    a = """# a comment; with { signs
    http { gzip off; # later
      server { location /static/ { add_header Cache-Control "max-age=1; public"; } } }"""
    b = """http {
      gzip on;
      server { location /static/ { add_header Cache-Control "max-age=9; public"; expires max; } } }"""
    path = "/etc/nginx/nginx.conf"
    assert names(seen({path: a}), seen({path: b})) == {
        "nginx gzip": ("off in http", "on in http"),
        "nginx add_header": ('Cache-Control "max-age=1; public" in location /static/',
                             'Cache-Control "max-age=9; public" in location /static/'),
        "nginx expires": (None, "max in location /static/"),
    }


def test_varnish_s_comments_are_none():
    a = "vcl 4.1;\n// one\n/* two; */\nsub vcl_recv { return (hash); }"
    assert config_files.settings(a, "/etc/varnish/x.vcl") == config_files.settings(
        "vcl 4.1; sub vcl_recv {\n  return (hash); # three\n}", "/etc/varnish/x.vcl")


def test_python_by_what_names_are_bound_to():
    a = '"""One."""\n# why\nworkers = 2\nthreads = 8\n'
    b = '"""Other."""\nworkers  =  2  # two\ndef post_fork(server, worker):\n    pass\n'
    found = names(seen({"/etc/deploylab/gunicorn-shop.py": a}), seen({"/etc/deploylab/gunicorn-mall.py": b}))
    assert found["gunicorn threads"] == ("8", None)
    assert set(found) == {"gunicorn threads", "gunicorn post_fork"}
    assert "is not Python" in names(seen({"/etc/deploylab/gunicorn-shop.py": "x = ("}),
                                    seen({"/etc/deploylab/gunicorn-mall.py": "x = 1"}))["gunicorn syntax"][0]


def test_sections_blocks_and_plain_lists_line_by_line():
    ini = "/etc/supervisor/conf.d/deploylab-%s.conf"
    a = '; keeps it\n[program:deploylab-shop]\ncommand=/bin/sh -c "set -a; . /x; exec y"\nautostart=true ; at boot\n'
    b = "[program:deploylab-mall]\nautostart = true\ncommand=/bin/sh -c z\n"
    assert names(seen({ini % "shop": a}), seen({ini % "mall": b})) == {"supervisor command": (
        '/bin/sh -c "set -a; . /x; exec y" in program:deploylab-NAME', "/bin/sh -c z in program:deploylab-NAME")}
    apache = "/etc/apache2/x.conf"
    assert names(seen({apache: "<VirtualHost *:9001>\n  WSGIDaemonProcess one \\\n  threads=8\n</VirtualHost>\nA b"}),
                 seen({apache: "<VirtualHost *:9002>\nWSGIDaemonProcess one threads=1\n</VirtualHost>\n# no\nA b"})) \
        == {"apache2 WSGIDaemonProcess": ("one threads=8 in VirtualHost *:PORT", "one threads=1 in VirtualHost *:PORT")}
    assert config_files.settings("-m 64\n-l x", "/etc/memcached.conf") == {"-m": Counter(["64"]), "-l": Counter(["x"])}


def test_a_directive_given_twice_is_two():
    path = "/etc/nginx/nginx.conf"
    assert names(seen({path: "add_header A 1; add_header A 1;"}), seen({path: "add_header A 1;"})) \
        == {"nginx add_header": ("A 1", None)}


def test_when_a_server_starts_is_no_part_of_what_it_is():
    path = "/etc/supervisor/conf.d/x.conf"
    assert names(seen({path: "[program:x]\nautostart=true"}), seen({path: "[program:x]\nautostart=false"})) == {}


def test_a_file_of_one_side_alone_is_one_difference():
    path = "/etc/nginx/sites-available/deploylab-shop"
    assert names(seen({path: "listen 1;"}), seen()) == {
        "file /etc/nginx/sites-available/deploylab-NAME": ("there", None)}
    assert names(seen({path: None}), seen()) == {}


# ------------------------------------------------------------------ environment, processes, code

def test_the_environment_by_variable_a_later_file_overrides():
    a = seen(environment={"/etc/deploylab/shop.env": {"DJANGO_DEBUG": "0"}, "/x.env": {"DJANGO_DEBUG": "1"}})
    b = seen(environment={"/etc/deploylab/mall.env": {"DJANGO_DEBUG": "0", "DJANGO_CACHE": "redis"}})
    assert names(a, b) == {"environment DJANGO_DEBUG": ("1", "0"), "environment DJANGO_CACHE": (None, "redis")}


def test_an_environment_that_cannot_be_read_is_told():
    assert names(seen(environment={"/x.env": None}), seen()) == {"environment (cannot be read)": ("/x.env", None)}


def test_a_secret_is_found_but_not_shown():
    path = "/etc/redis/redis.conf"
    a, b = seen({path: "requirepass hunter2\nmaxmemory 64mb"}), seen({path: "requirepass hunter3\nmaxmemory 64mb"})
    assert names(a, b) == {"redis requirepass": ("(not shown)", "(not shown)")}
    a = seen(environment={"/x.env": {"DJANGO_CACHE_SERVER": "redis://me:hunter2@127.0.0.1/0"}})
    assert names(a, seen()) == {"environment DJANGO_CACHE_SERVER": ("redis://(not shown)@127.0.0.1/0", None)}


def test_command_lines_by_program_and_the_words_that_differ():
    a, b = "/x/bin/python3 /x/manage.py runserver --nothreading 0:9001", "/x/bin/python3 /x/manage.py runserver 0:9002"
    assert names(seen(commands=[a]), seen(commands=[b])) == {"command line of manage.py": ("--nothreading", None)}
    assert names(seen(commands=["nginx: worker process"]), seen()) == {"program nginx": ("runs", None)}
    assert names(seen(commands=["redis-server x"] * 2), seen(commands=["redis-server x"] * 3)) \
        == {"processes of redis-server": ("2", "3")}
    assert names(seen(commands=["p a b"]), seen(commands=["p b a"])) == {"command line of p": ("p a b", "p b a")}


def test_what_both_share_is_no_difference_whatever_its_name():
    """`mall` stands in front of `shop`: the shop's application serves both, under the shop's name."""
    files = {"/etc/deploylab/gunicorn-shop.py": "workers = 2"}
    variables, command = {"DJANGO_STATIC_ROOT": "/srv/deploylab/shop/static"}, "gunicorn --name deploylab-shop"
    shop = seen(files, {"/etc/deploylab/shop.env": variables}, [command])
    front = {"/etc/nginx/sites-available/deploylab-mall": "listen 9002;"}
    mall = seen({**files, **front}, {"/etc/deploylab/mall.env": variables}, [command])
    assert names(shop, mall) == {"file /etc/nginx/sites-available/deploylab-NAME": (None, "there")}


def test_the_code_on_disk():
    assert names(seen(revision="1"), seen(revision="2 with changes in a.py")) \
        == {"revision of the application": ("1", "2 with changes in a.py")}


# ------------------------------------------------------------------ what runs on the guest

def test_the_guest_s_own_look(tmp_path):
    (tmp_path / "more.env").write_text("DJANGO_SECRET_KEY=abc\nDJANGO_MYSQL_PASSWORD=abc\nDJANGO_CACHE=redis\n")
    env = tmp_path / "x.env"
    env.write_text(f"# why\nDJANGO_DEBUG=1\nOTHER=2\nDJANGO_TWO='a b'\n. {tmp_path}/more.env\n")
    (tmp_path / "x.conf").write_text("listen 1;")
    found = configured.read([str(env), str(tmp_path / "x.conf"), str(tmp_path / "none")], ["[p]ytest"], str(tmp_path))
    assert found["environment"] == {str(env): {"DJANGO_DEBUG": "1", "DJANGO_TWO": "a b", "DJANGO_CACHE": "redis"}}
    assert found["files"] == {str(tmp_path / "x.conf"): "listen 1;", str(tmp_path / "none"): None}
    assert found["commands"] and found["revision"] is None
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
def standing(machine):
    """The machine with every stage of the course that the tests below speak of."""
    from deploylab.provision import converge

    for name, variants in (("runserver", ["nothreading"]), ("nginx", ["sync"])):
        converge.to_stage(machine, COURSE, name, variants=variants)
    return machine


def found_on(machine, a, b):
    return {one.name: one for one in differences(machine, COURSE.target(a), COURSE.target(b))}


@pytest.mark.machine
def test_gunicorn_s_worker_class_is_all_that_differs(standing):
    found = found_on(standing, "nginx:sync", "nginx")
    assert set(found) == {"gunicorn worker_class", "gunicorn threads", "gunicorn worker_connections",
                          "gunicorn keepalive"}
    assert (found["gunicorn worker_class"].a, found["gunicorn worker_class"].b) == ("'sync'", "'gthread'")


@pytest.mark.machine
def test_runserver_s_command_line_is_all_that_differs(standing):
    found = found_on(standing, "runserver:nothreading", "runserver")
    assert [(one.a, one.b) for one in found.values()] == [("--nothreading", None)]


@pytest.mark.machine
def test_a_whole_step_differs_in_many_things_and_shows_no_secret(standing):
    found = found_on(standing, "runserver", "nginx")
    assert {"environment DJANGO_DEBUG", "environment DJANGO_DATABASE", "program gunicorn"} <= set(found)
    secret = standing.check_output(". /etc/deploylab/mariadb.env; echo $DJANGO_MYSQL_PASSWORD", sudo=True).strip()
    assert len(secret) > 20 and secret not in repr(found)


@pytest.mark.machine
def test_a_change_by_hand_is_found(standing):
    path = "/etc/nginx/sites-available/deploylab-nginx"
    standing.check_output(f"sed -i.bak 's/client_max_body_size 4m/client_max_body_size 5m/' {path}", sudo=True)
    try:
        found = found_on(standing, "nginx:sync", "nginx")
    finally:
        standing.check_output(f"mv {path}.bak {path}", sudo=True)
    assert (found["nginx client_max_body_size"].a, found["nginx client_max_body_size"].b) \
        == ("4m in server", "5m in server")
