"""HTTPS on the real machine: whom the authority can vouch for, what a renewal changes, what each hop passes on."""

import ssl
from http.client import HTTPSConnection

import pytest
import requests

from deploylab import course as courses
from deploylab.machine import https
from deploylab.provision import converge
from tests.waiting import until

pytestmark = pytest.mark.machine
COURSE = courses.load()
TLS = COURSE.stage("tls")
NAME = TLS.tls_name
AUTHORITY = "/etc/deploylab/authority"
# A certificate for a name, signed by the lab's authority: what somebody could make who has stolen its key.
FORGED = f"""
cd "$(mktemp -d)"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out request -subj /CN=x \
    -addext 'subjectAltName={{kind}}:{{name}}' 2>/dev/null
openssl x509 -req -in request -CA {AUTHORITY}.pem -CAkey {AUTHORITY}.key -days 3 -copy_extensions copy -out leaf \
    2>/dev/null
openssl verify -CAfile {AUTHORITY}.pem leaf 2>&1
"""


@pytest.fixture(scope="module")
def site(machine):
    """The stage with its variants."""
    converge.to_stage(machine, COURSE, "tls", variants=[variant.variant for variant in COURSE.stage("tls").variants])
    return machine


def get(machine, target, path, **headers):
    with https.session(machine, COURSE.target(target)) as session:
        return session.get(machine.url(COURSE.target(target), path), headers=headers, timeout=10, allow_redirects=False)


def serial(machine) -> str:
    """The serial number of the certificate that visitors get."""
    return machine.check_output(f"openssl s_client -connect 127.0.0.1:{TLS.port} -servername {NAME} </dev/null"
                                " 2>/dev/null | openssl x509 -noout -serial").strip()


@pytest.mark.parametrize(("kind", "name", "good"), [
    ("DNS", NAME, True), ("DNS", "www.example.org", False), ("DNS", f"not{NAME}", False), ("IP", "192.0.2.7", False),
    ("IP", "2001:db8::1", False)])
def test_the_authority_vouches_for_the_one_name_alone(site, kind, name, good):
    told = site.run(FORGED.format(kind=kind, name=name), sudo=True).out
    assert ("leaf: OK" in told) == good, told
    assert good or "subtree violation" in told


def test_its_key_is_for_root_alone(site):
    assert site.check_output(f"stat -c '%U:%G %a' {AUTHORITY}.key", sudo=True).strip() == "root:root 600"
    assert not site.run(f"cat {AUTHORITY}.key").ok
    assert site.run(f"cat {AUTHORITY}.pem").ok


def test_a_stranger_is_not_trusted(site):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(site.url(TLS, "/"), timeout=5)


def test_a_renewal_is_served_even_after_the_authority_forgot_us(site):
    before = serial(site)
    listens = "until ss -Hltn 'sport = :14000' | grep -q .; do sleep 0.1; done"
    site.check_output(f"systemctl restart deploylab-pebble; {listens};"
                      " export $(systemctl show -P Environment certbot.service)"
                      f" && certbot renew -q --force-renewal --cert-name {NAME}", sudo=True)
    until(lambda: serial(site) != before, "the old certificate is still served")  # old processes go on for a moment
    assert get(site, "tls", "/test/").status_code == 200


@pytest.mark.parametrize("target", ["tls", *(f"tls:{variant.variant}" for variant in TLS.variants)])
def test_each_hop_says_that_the_visitor_came_by_https(site, target):
    assert get(site, target, "/whoami/").json()["scheme"] == "https"


@pytest.mark.parametrize("target", ["static", "edge"])
def test_a_stranger_cannot_claim_https(site, target):
    assert get(site, target, "/whoami/", **{"X-Forwarded-Proto": "https"}).json()["scheme"] == "http"


def test_a_page_kept_for_https_is_not_sent_by_http(site):
    """Both go through the stage `edge`. The one that was asked for first is a miss for the other."""
    path = f"/?only={serial(site)[-8:]}"
    host = {"Host": f"{NAME}:8006"}
    assert get(site, "tls:edge", path, **host).headers["X-Cache"] == "MISS"
    assert get(site, "tls:edge", path, **host).headers["X-Cache"] == "HIT"
    assert get(site, "edge", path, **host).headers["X-Cache"] == "MISS"


def test_a_visitor_over_https_cannot_have_a_page_made_again(site):
    get(site, "tls:edge", "/")
    assert get(site, "tls:edge", "/", **{"X-Refresh": "1"}).headers["X-Cache"] == "HIT"


@pytest.mark.parametrize("target", ["tls", "tls:edge"])
def test_a_form_is_accepted_from_this_site_alone(site, target):
    """Over https Django looks where a form came from: behind two hops, too."""
    url = site.url(COURSE.target(target), "/talks/1/comment/")
    with https.session(site, COURSE.target(target)) as session:
        token = session.get(url, timeout=10).cookies["csrftoken"]
        sent = {"name": "TLS test", "body": "hello", "csrfmiddlewaretoken": token}
        answers = [session.post(url, sent, headers={"Cookie": f"csrftoken={token}", "Origin": origin}, timeout=10,
                                allow_redirects=False).status_code
                   for origin in (url.removesuffix("/talks/1/comment/"), "https://elsewhere.example")]
    site.check_output("deploylab-manage tls forget 'TLS test'", sudo=True)
    assert answers == [303, 403]


@pytest.mark.parametrize(("target", "protocol"), [
    ("tls", "h2"), ("tls:http1", "http/1.1"), ("tls:files", "h2"), ("tls:files-http1", "http/1.1")])
def test_http2_is_where_it_is_claimed(site, target, protocol):
    context = ssl.create_default_context(cafile=str(https.ca_file(site)))
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.check_hostname = False  # the address is not in the certificate
    connection = HTTPSConnection(site.host, COURSE.target(target).port, context=context, timeout=5)
    connection.connect()
    assert connection.sock.selected_alpn_protocol() == protocol
    connection.close()


def test_who_takes_brotli_gets_it_where_nginx_has_the_module(site):
    """The same file in fewer bytes than by gzip; who takes gzip alone gets that."""
    path, folder = COURSE.view("asset_br").path, "/srv/deploylab/tls/static"
    both = {"Accept-Encoding": "gzip, br"}
    by_gzip, by_brotli = (get(site, target, path, **both) for target in ("tls", "tls:brotli"))
    assert [answer.headers["Content-Encoding"] for answer in (by_gzip, by_brotli)] == ["gzip", "br"]
    assert int(by_brotli.headers["Content-Length"]) < int(by_gzip.headers["Content-Length"])
    assert get(site, "tls:brotli", path, **{"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
    unpack = "import brotli, sys; sys.stdout.buffer.write(brotli.decompress(sys.stdin.buffer.read()))"
    site.check_output(f"/srv/deploylab/venv/bin/python -c '{unpack}' < {folder}/programme/site.css.br"
                      f" | cmp - {folder}/programme/site.css")


def test_who_asks_by_http_on_the_https_port_is_told(site):
    answer = requests.get(f"http://{site.host}:{TLS.port}/test/?a=b", timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{site.host}:{TLS.port}/test/?a=b")
