"""Stage `tls`: the application of `static` over HTTPS, with a certificate that it got from an authority by ACME."""

from pyinfra.operations import apt, files, server

from provisioning import operations
from provisioning.deploys import app, common, edge, front, gunicorn, mariadb, nginx
from provisioning.deploys.common import place
from provisioning.lab import Lab

ACME = "acme"  # not a stage: plain HTTP, for the authority and for those who come without https
CHALLENGES = "/var/lib/deploylab/acme"
SSL = "/etc/nginx/deploylab-ssl.conf"
EDGE, RSA, BROTLI = "tls-edge", "tls-rsa", "tls-brotli"
FILES = {"tls-files", "tls-files-http1"}  # in front of the stage `nginx`
BROTLI_MODULE = "libnginx-mod-http-brotli-static"
LEAST_S = 30 * 86_400  # a certificate is renewed before it is shorter than that
TIMER = "certbot.timer"
PEBBLE, PEBBLE_CA = "deploylab-pebble", "/etc/deploylab/pebble.pem"


def deploy(lab: Lab) -> None:
    common.machine(lab)
    mariadb.server()
    app.code(lab, production=True)
    app.data(lab, mariadb.START_OVER)
    app.static(lab, hashed=True, brotli=True)
    gunicorn.serve(lab, lab.stage)
    if EDGE in lab.wanted:
        edge.deploy(lab.of("edge"))
    if FILES & set(lab.wanted):
        nginx.deploy(lab.of("nginx"))
    authority(lab)
    place(SSL)
    front.nginx(lab.of(ACME), ACME)
    certificate(lab.tls_name, "ecdsa", [lab.tls_name])
    if RSA in lab.wanted:
        certificate(f"{lab.tls_name}-rsa", "rsa", [lab.tls_name])
    if BROTLI in lab.wanted:
        apt.packages(name=f"Packages: {BROTLI_MODULE}", packages=[BROTLI_MODULE], update=True,
                     _if=operations.missing([BROTLI_MODULE]))
    front.nginx(lab, *lab.wanted, reads=[SSL])


def authority(lab: Lab) -> None:
    """pebble listens, certbot knows it, and the lab's own authority is there to stand behind it."""
    names = ["certbot", "pebble", "openssl"]
    apt.packages(name=f"Packages: {' '.join(names)}", packages=names, update=True, _if=operations.missing(names))
    program, name = f"{operations.LIB}/authority", lab.tls_name
    operations.ensure(name="Authority of this lab", holds=f"{program} --check {name}", otherwise=f"{program} {name}")
    exists = "getent passwd pebble >/dev/null"
    server.user(name="User pebble", user="pebble", home="/nonexistent", system=True,  # noqa: S604
                shell="/usr/sbin/nologin", ensure_home=False, _if=operations.unless(exists))
    # The site's name leads to this machine, also where the authority looks it up.
    operations.ensure(name=f"Name {name}", holds=f"getent ahostsv4 {name} | grep -q '^127\\.0\\.0\\.1 '",
                      # In its place: in a container nobody may exchange this file, only write into it.
                      otherwise=f"others=$(grep -v ' {name}$' /etc/hosts);"
                                f" printf '%s\\n' \"$others\" '127.0.0.1 {name}' > /etc/hosts")
    key = PEBBLE_CA.replace(".pem", ".key")
    operations.ensure(
        name="Certificate of the authority's own service",
        holds=f"openssl x509 -checkend {LEAST_S} -noout -in {PEBBLE_CA}"
              f" && [ \"$(stat -c '%U %a' {key})\" = 'pebble 600' ]",
        otherwise="umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365"
                  " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
                  f" -keyout {key}.part -out {PEBBLE_CA}.part && chmod 644 {PEBBLE_CA}.part"
                  f" && chown pebble: {key}.part && mv {key}.part {key} && mv {PEBBLE_CA}.part {PEBBLE_CA}")
    unit, config = f"/etc/systemd/system/{PEBBLE}.service", "/etc/deploylab/pebble.json"
    place("/etc/letsencrypt/cli.ini")
    place("/etc/systemd/system/certbot.service.d/deploylab.conf")
    place(config)
    place(unit)
    operations.service(name=f"Service {PEBBLE}", unit=PEBBLE, process="/usr/bin/pebble .*",
                       files=[unit, config, PEBBLE_CA], ready="ss -Hltn 'sport = :14000' | grep -q .")
    files.directory(name=f"Folder {CHALLENGES}", path=CHALLENGES, user="root", group="root", mode="755")


def certificate(lineage: str, key_type: str, names: list[str]) -> None:
    """A certificate that is good for 30 more days at least, got by ACME, and the timer that renews it.

    Args:
        lineage: certbot's name for it, which its files in /etc/ssl/deploylab have too.
        key_type: "ecdsa" or "rsa".
        names: the site's names.
    """
    live, made = f"/etc/letsencrypt/live/{lineage}", f"/etc/ssl/deploylab/{lineage}"
    trusts, hook = f"REQUESTS_CA_BUNDLE={PEBBLE_CA}", f"{operations.LIB}/certified"
    operations.ensure(
        name=f"Certificate {lineage}",
        holds=f"openssl x509 -checkend {LEAST_S} -noout -in {live}/cert.pem"
              f" && openssl verify -CAfile /etc/deploylab/authority.pem -untrusted {made}.pem"
              f" -verify_hostname {names[0]} {made}.pem && cmp -s {live}/privkey.pem {made}.key",
        otherwise=f"{trusts} certbot certonly --webroot -w {CHALLENGES} --cert-name {lineage} --key-type {key_type}"
                  f" {' '.join(f'-d {name}' for name in names)} --force-renewal --deploy-hook {hook}",
        evidence="tail -n 20 /var/log/letsencrypt/letsencrypt.log")
    operations.ensure(
        name="Certificates are renewed by a timer",
        holds=f"[ ! -d /run/systemd/system ] || {{ systemctl -q is-enabled {TIMER}"
              f" && systemctl -q is-active {TIMER}; }}",
        otherwise=f"systemctl enable -q --now {TIMER}")
