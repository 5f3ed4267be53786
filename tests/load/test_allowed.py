"""Who may be loaded is decided by the address that is connected to, and there is no way around it."""

import http.server
import socket
import sys
import threading

import pytest
from load_helpers import FaultyServer, measure

from deploylab.core.errors import LoadError, TargetRefused
from deploylab.load.allowed import resolve
from deploylab.load.request import request_bytes
from deploylab.load.spec import LoadSpec

NAME = "lab.example"
STRANGER = "192.0.2.7"  # an address for documentation: nobody has it
EXACT = socket.getaddrinfo
watched: list | None = None


def _watch(event, arguments):
    if watched is not None and event == "socket.connect" and isinstance(arguments[1], tuple):
        watched.append(arguments[1][:2])


sys.addaudithook(_watch)  # Python tells every connection, by whatever library


@pytest.fixture
def connected(monkeypatch):
    """The addresses that this process connects to, as they come."""
    monkeypatch.setattr(sys.modules[__name__], "watched", [])
    return watched


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


def answers(monkeypatch, *addresses):
    """The name's addresses, a list for each time that it is asked for; the last stays. Gives what was asked."""
    lookups, left = [], list(addresses)

    def lookup(name, port, *more, **options):
        if name != NAME:
            return EXACT(name, port, *more, **options)
        lookups.append(name)
        now = left.pop(0) if len(left) > 1 else left[0]
        return [entry for address in now for entry in EXACT(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return lookups


@pytest.mark.parametrize("host", [
    "8.8.8.8", "134744072", "010.8.8.8", "0x08080808", "0x8.8.8.8", "8.526344",  # one address in other clothes
    "[::ffff:8.8.8.8]", "[::ffff:808:808]", "[::8.8.8.8]", "[64:ff9b::808:808]", "[2002:808:808::1]", "[2001:db8::1]",
    "0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]",  # this computer, but of any of its networks
    "169.254.169.254", "10.0.3.1", "192.168.1.1", "[fe80::1]", "[::127.0.0.1]", "255.255.255.255", "224.0.0.1",
    "８.８.８.８", "8。8。8。8",  # digits and dots of other alphabets
])
def test_no_way_of_writing_an_address_gets_by(host):
    with pytest.raises(TargetRefused, match="--own-up"):
        resolve(f"http://{host}/", allowed_addresses=("10.0.3.22",))


@pytest.mark.parametrize("url", [
    "http://8.8.8.8./", "http://127.0.0.1./", "http://127.0.0.1@8.8.8.8/", "http://127.0.0.1:80@8.8.8.8/",
    "http://127.0.0.1\\@8.8.8.8/", "http://[127.0.0.1]/", "http://127.0.0.1:8000:80/", "http://[::1%25lo]/",
    "http://127.0.0.1%2f@8.8.8.8/", "http://127.0.0.1,8.8.8.8/", "//8.8.8.8/",
])
def test_what_is_read_in_two_ways_is_no_target(url):
    with pytest.raises(LoadError):
        resolve(url)


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_this_computer_is_this_computer_however_it_is_written(host):
    assert resolve(f"http://{host}/").is_local


@pytest.mark.parametrize("listens", ["127.0.0.1", "::1"])
def test_a_name_with_two_addresses_is_reached_at_the_one_that_listens(monkeypatch, listens):
    answers(monkeypatch, ["127.0.0.1", "::1"])
    family = socket.AF_INET6 if ":" in listens else socket.AF_INET
    with socket.create_server((listens, 0), family=family) as server:
        port = server.getsockname()[1]
        assert resolve(f"http://{NAME}:{port}/").address[:2] == (listens, port)
    assert resolve(f"http://{NAME}:{port}/").address[:2] == ("127.0.0.1", port)  # where none listens, the first


def test_a_name_that_is_not_ascii_goes_out_as_it_is_registered(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, port, **how: EXACT("127.0.0.1", port, **how))
    endpoint = resolve("http://b\u00fccher.example:8000/")
    assert endpoint.host == "xn--bcher-kva.example:8000"
    request = request_bytes(LoadSpec(url=endpoint.url, n_requests=1), endpoint, "/")
    assert b"Host: xn--bcher-kva.example:8000\r\n" in request


@pytest.mark.parametrize("addresses", [[STRANGER], [STRANGER, "127.0.0.1"], ["2001:db8::1"], ["::ffff:192.0.2.7"]])
def test_a_name_that_leads_elsewhere_is_refused(monkeypatch, addresses):
    answers(monkeypatch, addresses)
    with pytest.raises(TargetRefused, match=NAME):
        resolve(f"http://{NAME}/", allowed_addresses=("10.0.3.22",))


@pytest.mark.parametrize("fields", [{"n_requests": 20, "concurrency": 4}, {"n_requests": 3, "visitor": "first"}])
def test_a_name_that_leads_elsewhere_after_it_was_checked(server, monkeypatch, connected, fields):
    """It is asked for once, and every connection goes to the address that was checked."""
    lookups = answers(monkeypatch, ["127.0.0.1", STRANGER], [STRANGER])
    result, _ = measure(server.url("/ok").replace("127.0.0.1", NAME), keepalive=False, **fields)
    assert result.n_ok == result.n_sent == fields["n_requests"]
    assert lookups == [NAME]
    assert set(connected) == {("127.0.0.1", server.port)}
    with pytest.raises(TargetRefused):
        resolve(f"http://{NAME}/")


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Sends everybody on, in each way that HTTP and HTML have."""

    def do_GET(self):
        page = (f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url=http://{STRANGER}/">'
                f'<base href="http://{STRANGER}/"></html>').encode()
        self.send_response(int(self.path[1:]))
        for name, value in (("Location", f"http://{STRANGER}/"), ("Content-Location", f"http://{STRANGER}/"),
                            ("Refresh", f"0; url=http://{STRANGER}/"), ("Alt-Svc", f'h2="{STRANGER}:80"'),
                            ("Link", f"<http://{STRANGER}/a.css>; rel=preload"), ("Content-Type", "text/html"),
                            ("Content-Length", str(len(page)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        return


@pytest.mark.parametrize("status", [200, 201, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("visitor", [None, "first"])
def test_whoever_sends_us_on_is_not_followed(connected, monkeypatch, status, visitor):
    monkeypatch.setenv("http_proxy", f"http://{STRANGER}:3128")  # and no proxy is asked to do it
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        here = server.server_address[:2]
        result, _ = measure(f"http://127.0.0.1:{here[1]}/{status}", n_requests=3, keepalive=False, visitor=visitor)
        server.shutdown()
    assert sum(result.errors.values()) == (3 if status >= 300 else 0)
    assert set(connected) == {tuple(here)}
