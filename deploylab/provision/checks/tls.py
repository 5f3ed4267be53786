"""Checks of HTTPS: what is spoken, the certificate, its renewal, and that nothing goes on by http."""

import re
import ssl
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from deploylab.core.errors import MachineError
from deploylab.machine import https
from deploylab.provision import converge
from deploylab.provision.checks import trouble
from deploylab.provision.checks.base import Check, Look
from deploylab.provision.checks.supervision import SYSTEMD

KEYS = {ec.EllipticCurvePublicKey: "ECDSA", rsa.RSAPublicKey: "RSA"}
SERVICE = "/etc/systemd/system/certbot.service.d/deploylab.conf"
SENT = "ssl_certificate "  # the directive that names the file
MIXED = re.compile(r"""<(?:img|script|link|iframe)\b[^>]*\b(?:src|href)=["'](http://[^"']+)""")
MOST_HSTS_S = 86_400       # to begin with: a mistake lasts as long


def protocols(look: Look) -> Check:
    """Exactly the expected versions of TLS, each with forward secrecy, and HTTP/2 where it is claimed."""
    expected = look.expect["protocols"]
    wanted = ["h2"] if look.target.http2 else []
    name = f"speaks {' and '.join(expected)}, {'with' if wanted else 'without'} HTTP/2"
    spoken, ciphers, chosen = [], [], set()
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        try:
            with https.connected(look.machine, look.target, version=version, verified=False) as tls:
                spoken.append(tls.version())
                ciphers.append(tls.cipher()[0])
                chosen.add(tls.selected_alpn_protocol())
        except (OSError, MachineError) as error:
            if not isinstance(error, ssl.SSLError | ConnectionResetError):
                return Check(name, False, f"no connection: {error}", *trouble.explain(look))
    observed = f"{', '.join(spoken) or 'no TLS'}; {', '.join(ciphers)}; {' or '.join(map(str, chosen))}"
    weak = [cipher for cipher in ciphers if not cipher.startswith(("TLS_", "ECDHE-"))]
    if spoken == expected and not weak and ("h2" in chosen) == bool(wanted):
        return Check(name, True, observed)
    return Check(name, False, observed, look.configured("ssl_protocols|ssl_ciphers|http2|listen"), look.cure())


def certificate(look: Look) -> Check:
    """A visitor who trusts the lab's authority accepts it for the name, it has the expected key, and weeks are left."""
    expected, least = look.expect["certificate"], 30
    name = f"a certificate for {look.target.tls_name}, {expected}, for {least} more days"
    try:
        with https.connected(look.machine, look.target) as tls:
            sent = x509.load_der_x509_certificate(tls.getpeercert(True))
    except ssl.SSLCertVerificationError as error:
        return Check(name, False, f"refused: {error.verify_message}", _sent(look), look.cure())
    except (OSError, MachineError) as error:
        return Check(name, False, f"no handshake: {error}", *trouble.explain(look))
    key = next((text for kind, text in KEYS.items() if isinstance(sent.public_key(), kind)), "another key")
    days = (sent.not_valid_after_utc - datetime.now(UTC)).days
    observed = f"{key}, {days} days left, from {_common_name(sent.issuer)}"
    if key == expected and days >= least:
        return Check(name, True, observed)
    return Check(name, False, observed, _sent(look), look.cure("sudo certbot renew --force-renewal"))


def renewal(look: Look) -> Check:
    """The timer is on, and a trial renewal succeeds."""
    name, timer = "the certificate renews itself", "certbot.timer"
    has_systemd = look.sh(f"test -d {SYSTEMD}").ok
    for question in ("is-enabled", "is-active") if has_systemd else ():
        if not look.sh(f"systemctl -q {question} {timer}").ok:
            state = look.last(f"systemctl {question} {timer}")
            return Check(name, False, f"{timer} is {state}", "nobody would look whether it has to be renewed",
                         look.cure(f"sudo systemctl enable --now {timer}"))
    # As the timer's service does it.
    done = look.sh(f"export $(sed -n 's/^Environment=//p' {SERVICE}); certbot renew --dry-run -q"
                   f" --no-random-sleep-on-renew --cert-name {look.expect['renewal']}")
    if not done.ok:
        why = [line for line in done.out.splitlines() if re.search("rror|ailed", line)]
        return Check(name, False, "a trial renewal failed", "; ".join(why)[:300] or "it printed nothing", look.cure())
    if not has_systemd:
        return Check(name, True, "a trial renewal succeeded; without systemd no timer does it later")
    when = look.last(f"systemctl show -P NextElapseUSecRealtime {timer}")
    return Check(name, True, f"a trial renewal succeeded; {timer} looks next on {when or 'an unknown day'}")


def https_only(look: Look) -> Check:
    """http is sent to https, with the same path; no page has parts that come by http; HSTS is said once, and not for
    long; cookies go by https alone."""
    name = "nothing goes on by http"
    path, port = f"{look.view('page').path}?a=b", converge.ACME_PORT
    plain = look.last(f"curl -s -m 5 -o /dev/null -w '%{{http_code}} %{{redirect_url}}\\n'"
                      f" -H 'Host: {look.target.tls_name}:{port}' 'http://127.0.0.1:{port}{path}'")
    there = f"308 https://{look.target.tls_name}:{look.course.stage(look.target.stage).port}{path}"
    if plain != there:
        return Check(name, False, f"http://{look.target.tls_name}:{port}{path} gave {plain or 'nothing'}, not {there}",
                     look.configured("return 3|error_page"), look.cure())
    if look.page.status != 200:
        return Check(name, False, f"the page itself gave {look.page.status or look.page.text}", *trouble.explain(look))
    if mixed := MIXED.search(look.page.text):
        return Check(name, False, f"the page loads {mixed[1]}", "a browser does not, into a page that came by https",
                     look.cure())
    # requests joins several headers of one name with a comma.
    said = look.page.headers.get("Strict-Transport-Security", "")
    life = re.fullmatch(r"max-age=(\d+)", said)
    if not life or not 0 < int(life[1]) <= MOST_HSTS_S:
        return Check(name, False, f"Strict-Transport-Security is {said or 'missing'}; once, and at most "
                     f"max-age={MOST_HSTS_S}, is expected", look.configured("HSTS|Strict-Transport"), look.cure())
    cookies = look.get(look.course.view("write").path).headers.get("Set-Cookie", "")
    if "secure" not in cookies.lower():
        return Check(name, False, f"a cookie without Secure: {cookies or 'none was set'}",
                     look.configured("HTTPS|proxy_cookie_flags"), look.cure())
    return Check(name, True, f"http is sent to https; HSTS for {life[1]} s; cookies are Secure")


def deploy_check(look: Look) -> Check:
    """Django's own list for a public site has nothing left."""
    name, manage = "`manage.py check --deploy` has nothing to say", f"deploylab-manage {look.target.stage}"
    done = look.sh(f"{manage} check --deploy --fail-level WARNING")
    if done.ok:
        return Check(name, True, "no issues")
    found = re.findall(r"\(security\.(W\d+)\)", done.out)
    return Check(name, False, f"it names {', '.join(found) or 'something else'}", look.configured("HTTPS|HSTS|DEBUG"),
                 look.cure(f"sudo {manage} check --deploy"))


def _sent(look: Look) -> str:
    """Which file the server sends, and what is in it."""
    line = look.configured(SENT)
    path = re.search(rf"{SENT}(\S+);", line)
    if not path:
        return line
    within = look.sh(f"openssl x509 -noout -subject -issuer -enddate -in {path[1]}").out.split("\n")
    return f"{path[1]}: {'; '.join(part for part in within if part)}"


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else "an authority without a name"
