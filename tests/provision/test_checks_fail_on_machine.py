"""Each check fails on the real machine when something is really broken, and converging repairs it."""

import dataclasses

import pytest
from check_helpers import COURSE, no_of, shown

from deploylab.provision import converge
from deploylab.provision.checks import trouble, web
from deploylab.provision.checks.base import Look

NGINX = COURSE.stage("nginx")
SITES = "/etc/nginx/sites-available/deploylab"
RESTART = "supervisorctl restart deploylab-nginx"
CACHE = "/etc/deploylab/cache.env; supervisorctl restart deploylab-cache"
APACHE = "/etc/apache2/conf-available/deploylab-apache.conf"
APACHE_SITE = "/etc/apache2/sites-available/deploylab-apache.conf"
AGAIN = "systemctl restart apache2"
EMBEDDED = "User deploylab\\nGroup deploylab\\nWSGIRestrictEmbedded Off\\nWSGIPythonHome /srv/deploylab/venv\\n" \
           "WSGIPythonPath /srv/deploylab/apache/app\\n"
SANDBOX = "/etc/systemd/system/deploylab-nginx-systemd.service.d/sandbox.conf"
BREAK = [
    # stage, the check that must fail, the command that breaks it, a word of the cause
    ("nginx", "server", "systemctl stop nginx", "nginx is inactive"),
    ("nginx", "server", "chmod 600 /run/deploylab/nginx.sock; systemctl restart nginx", "may not write"),
    ("nginx", "server", "supervisorctl stop deploylab-nginx", "STOPPED"),
    ("nginx", "debug", f"sed -i s/DEBUG=0/DEBUG=1/ /etc/deploylab/nginx.env; {RESTART}", "DEBUG=1"),
    ("nginx", "database", f"sed -i s/DATABASE=mysql/DATABASE=sqlite/ /etc/deploylab/nginx.env; {RESTART}", "sqlite"),
    ("nginx", "processes", f"sed -i 's/^workers = 2/workers = 3/' /etc/deploylab/gunicorn-nginx.py; {RESTART}",
     "workers = 3"),
    ("nginx", "threads", f"sed -i 's/^threads = 8/threads = 4/' /etc/deploylab/gunicorn-nginx.py; {RESTART}",
     "threads = 4"),
    ("nginx", "static_by", "rm -r /srv/deploylab/nginx/static/programme; systemctl reload nginx",
     "No such file"),
    ("nginx", "app_socket", "supervisorctl stop deploylab-nginx", "STOPPED"),
    ("nginx", "services", "systemctl disable -q mariadb", "log"),
    ("nginx", "logs", "chmod 777 /var/log/nginx", "insecure permissions"),
    ("nginx", "logs", "systemctl disable -q --now logrotate.timer", "inactive"),
    ("apache:proxy", "logs", "rm /etc/logrotate.d/deploylab", "no file"),
    ("nginx", "restarts", "rm /etc/systemd/system/nginx.service.d/deploylab.conf; systemctl daemon-reload",
     "no Restart="),
    ("nginx:systemd", "sandbox", f"rm {SANDBOX}; systemctl daemon-reload", "no file beside"),
    ("nginx:systemd", "sandbox", f"sed -i 's/^PrivateNetwork=.*/PrivateNetwork=no/' {SANDBOX}; systemctl daemon-reload",
     "sandbox.conf"),
    ("nginx:systemd", "sandbox", f"sed -i -e '/^Protect[KC]/d' -e '/^RestrictN/d' -e '/^SystemCallF/s/~.*/~@mount/'"
     f" -e '/^Capab/d' {SANDBOX}; systemctl daemon-reload", "Service"),
    ("nginx", "config_test", "echo 'bogus;' > /etc/nginx/sites-enabled/mine", "bogus"),
    ("nginx", "listens", "sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/60-*.cnf;"
     " systemctl restart mariadb", "mariadbd"),
    ("nginx", "connections", "sed -i 's/^worker_rlimit_nofile .*/worker_rlimit_nofile 1024;/' /etc/nginx/nginx.conf;"
     " systemctl restart nginx", "1024 open files"),
    ("nginx:lighttpd", "connections", "sed -i '/^server.max-/d' /etc/lighttpd/lighttpd.conf", "open files"),
    ("nginx", "migrated", "echo \"DELETE FROM django_migrations WHERE app = 'sessions'\" | mariadb deploylab", ""),
    ("nginx", "data", "echo \"UPDATE programme_talk SET title = 'mine' LIMIT 1\" | mariadb deploylab", ""),
    ("nginx", "private", "chmod 644 /etc/deploylab/mariadb.env", "every user"),
    ("wsgi", "server", "supervisorctl stop deploylab-wsgi", "nothing listens"),
    ("wsgi", "process_is", "sed -i 's/--name deploylab-wsgi/--name other/'"
     " /etc/supervisor/conf.d/deploylab-wsgi.conf; supervisorctl update", "does not match"),
    ("apache", "server", "systemctl stop apache2", "apache2 is inactive"),
    ("apache", "server", f"chmod 600 /etc/deploylab/apache.env; {AGAIN}", "apache.env"),
    ("apache", "server", f"sed -i /^import/d /srv/deploylab/apache/deploylab-apache.wsgi; {AGAIN}", "NameError"),
    ("apache", "debug", "sed -i s/DEBUG=0/DEBUG=1/ /etc/deploylab/apache.env; systemctl reload apache2",
     "DEBUG=1"),
    ("apache", "processes", f"sed -i s/processes=2/processes=3/ {APACHE_SITE}; {AGAIN}", "processes=3"),
    ("apache", "threads", f"sed -i s/threads=8/threads=4/ {APACHE_SITE}; {AGAIN}", "threads=4"),
    ("apache", "process_is", f"sed -i s/process-group=django/process-group=%{{GLOBAL}}/ {APACHE_SITE};"
     f" sed -i '/WSGIRestrict/d' {APACHE}; printf '{EMBEDDED}' >> {APACHE}; {AGAIN}", "WSGIPythonHome"),
    ("apache", "max_request_workers", f"sed -i -E 's/^(ThreadsPerChild|MaxRequestWorkers) 64/\\1 32/' {APACHE};"
     f" {AGAIN}", "ThreadsPerChild 32"),
    ("apache", "connections", f"sed -i -E 's/^(ThreadsPerChild|MaxRequestWorkers) 64/\\1 32/' {APACHE}; {AGAIN}",
     "ThreadsPerChild 32"),
    ("apache", "database_connections", "sed -i 's/^max_connections.*/max_connections = 50/'"
     " /etc/mysql/mariadb.conf.d/60-*; systemctl restart mariadb", "max_connections = 50"),
    ("apache", "static_by", "echo DJANGO_SERVE_STATIC=1 >> /etc/deploylab/apache.env;"
     f" sed -i '/Alias .static/d' {APACHE_SITE}; {AGAIN}", "DJANGO_SERVE_STATIC=1"),
    ("apache", "config_test", "echo Bogus > /etc/apache2/sites-enabled/mine.conf", "Bogus"),
    ("apache", "listens", f"echo 'Listen 0.0.0.0:80' > /etc/apache2/sites-enabled/mine.conf; {AGAIN}", "apache2"),
    ("apache", "services", "systemctl disable -q apache2", "log"),
    ("static", "hashed", "sed -i s/FILES=hashed/FILES=plain/ /etc/deploylab/static.env;"
     " supervisorctl restart deploylab-static", "STATIC_FILES=plain"),
    ("static", "hashed", f"sed -i /immutable/d {SITES}-static; systemctl reload nginx", "max-age=60"),
    ("static", "hashed", f"sed -i 's/gzip_vary on;/etag off; if_modified_since off;/' {SITES}-static;"
     " systemctl reload nginx", "etag off"),
    ("static", "compressed", "find /srv/deploylab/static/static -name '*.gz' -delete; systemctl reload nginx",
     "(.gz) is missing"),
    ("cache", "whoami", f"sed -i s/LEVELS=fragment,/LEVELS=/ {CACHE}", "CACHE_LEVELS=data,view"),
    ("cache", "remembers", "systemctl stop memcached", "memcached is inactive"),
    ("cache", "remembers", "chmod 700 /run/memcached/memcached.sock", "may not write"),
    ("cache", "cached_by", f"sed -i s/,view$// {CACHE}", "CACHE_LEVELS=fragment,data"),
    ("edge", "cached_by", f"sed -i '/proxy_cache deploylab_edge;/d' {SITES}-edge; systemctl reload nginx",
     "proxy_cache_key"),
    ("edge", "cached_by", "sed -i -e"
     " 's/proxy_cache deploylab_edge;/&proxy_ignore_headers Cache-Control; proxy_cache_valid 1m;/'"
     f" -e '/proxy_/s/ .deploylab_edge_other//' {SITES}-edge; systemctl reload nginx", "proxy_cache_valid"),
    ("edge", "cached_by", "truncate -s 0 /etc/nginx/deploylab-edge-pages.conf; systemctl reload nginx",
     "deploylab_edge_other"),
    ("edge:varnish", "cached_by", "sed -i /talks/d /etc/varnish/deploylab-edge-varnish-pages.vcl;"
     " systemctl restart varnish", "max-age"),
    ("edge:varnish", "server", "systemctl stop varnish", "varnish is inactive"),
    ("edge:varnish", "connections", "sed -i 's/^.Service.$/&\\nLimitNOFILE=1024/'"
     " /etc/systemd/system/varnish.service.d/deploylab-edge-varnish.conf; systemctl daemon-reload;"
     " systemctl restart varnish", "1024 open files"),
    ("edge:varnish", "services", "systemctl stop varnishncsa", ""),
    ("edge:varnish", "config_test", "sed -i 's/return (purge)/retrn (purge)/' /etc/varnish/deploylab-edge-varnish.vcl",
     "retrn"),
    ("edge:varnish", "cached_by", "sed -i 's/call other;/& return (pass);/' /etc/varnish/deploylab-edge-varnish.vcl;"
     " systemctl restart varnish", "max-age"),
    ("tls", "protocols", f"sed -i 's/^ *ssl_protocols.*/ssl_protocols TLSv1.2;/' {SITES}-tls; systemctl reload nginx",
     "ssl_protocols TLSv1.2"),
    ("tls", "protocols", f"sed -i '/http2 on;/d' {SITES}-tls; systemctl reload nginx", "ssl_protocols"),
    ("tls", "certificate", "cd /etc/ssl/deploylab; openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=x"
     " -keyout deploylab.test.key -out deploylab.test.pem 2>/dev/null; systemctl reload nginx", "deploylab.test.pem"),
    ("tls", "renewal", "systemctl disable -q --now certbot.timer", "nobody would look"),
    ("tls", "renewal", "systemctl disable -q --now deploylab-pebble", "rror"),
    ("tls", "https_only", "sed -i 's/return 308/return 302/' /etc/nginx/sites-available/deploylab-acme;"
     " systemctl reload nginx", "return 302"),
    ("tls", "https_only", "sed -i 's/^server {$/&add_header Strict-Transport-Security max-age=9 always;/'"
     f" {SITES}-tls; systemctl reload nginx", "Strict-Transport"),
    ("tls", "deploy_check", "sed -i s/HTTPS=1/HTTPS=0/ /etc/deploylab/tls.env; supervisorctl restart deploylab-tls",
     "HTTPS=0"),
    ("runserver", "server", "pkill -u deploylab -f 'runserver .*:8000'", "nothing listens"),
    ("runserver", "data", "rm /srv/deploylab/runserver/db.sqlite3*", ""),
]


INTACT = set()  # targets that passed all checks the last time, with nothing broken since
# The first break of one or two checks of each kind; `./lab test --all` takes every one.
USUAL = ("server", "static_by", "config_test", "data", "connections", "cached_by", "logs", "sandbox")
FIRST = {case[1]: case for case in reversed(BREAK) if case[1] in USUAL}


@pytest.mark.machine
@pytest.mark.parametrize(("name", "key", "harm", "word"), [
    pytest.param(*case, marks=[] if FIRST.get(case[1]) is case else pytest.mark.thorough,
                 id=f"{case[0]}-{case[1]}-{case[3]}") for case in BREAK])
def test_a_check_fails_and_converging_repairs_it(machine, name, key, harm, word):
    stage, _, variant = name.partition(":")

    def repair():
        return converge.to_stage(machine, COURSE, stage, variants=[variant] if variant else [])

    if name not in INTACT and (variant or no_of(machine, name)):  # a variant may not be there yet
        repair()
    INTACT.clear()
    machine.check_output(harm, sudo=True)
    failed = shown(machine, name, key, word)
    assert key in failed
    assert word in failed[key].cause and failed[key].cure.startswith(f"./lab goto {stage}")
    assert repair().changed
    assert no_of(machine, name) == {}
    INTACT.add(name)


@pytest.mark.machine
def test_another_program_on_the_port_is_named(machine):
    converge.to_stage(machine, COURSE, "nginx")
    machine.check_output("systemctl stop nginx; systemctl disable -q nginx; "
                         "setsid python3 -m http.server 8003 >/dev/null 2>&1 </dev/null & "
                         "until ss -Hltn 'sport = :8003' | grep -q .; do sleep 0.1; done", sudo=True)
    look = Look(machine, COURSE, dataclasses.replace(NGINX, expect={"server": "nginx"}))
    assert "another program" in web.server(look).cause and "http.server" in trouble.explain(look)[0]
    converge.to_stage(machine, COURSE, "nginx")
    assert no_of(machine, "nginx") == {}
