"""What can go wrong with TLS, each by its name; the faults of `test_faults.py` are tried over TLS there."""

import pytest
import trustme
from load_helpers import FaultyServer, load

from deploylab.core.errors import LoadError
from tests.certificates import server_file


@pytest.fixture(scope="module")
def server():
    with FaultyServer(server_file()) as server:
        yield server


REFUSED = {
    "for another name": ((server_file("localhost"),), "certificate"),
    "expired": ((server_file(days=-1),), "certificate"),
    "no TLS at all": ((server_file(), "plain_handshake"), "handshake"),
    "hangs up": ((server_file(), "hangup_handshake"), "handshake"),
}


@pytest.mark.parametrize("fields", [{"concurrency": 2}, {"mode": "open", "rate_per_s": 100}], ids=["closed", "open"])
@pytest.mark.parametrize(("tls", "outcome"), REFUSED.values(), ids=REFUSED)
def test_a_handshake_that_fails_has_a_name(tls, outcome, fields):
    with FaultyServer(*tls) as server:
        result = load(server.url("/ok"), n_requests=6, **fields)
    assert result.errors == {outcome: 6}
    assert "no_answers" in result.flags


def test_a_certificate_of_a_stranger_is_refused(server, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    assert load(server.url("/ok"), n_requests=4, ca_file=str(other)).errors == {"certificate": 4}


def test_a_handshake_that_never_ends_is_a_timeout():
    with FaultyServer(server_file(), "silent_handshake") as server:
        result = load(server.url("/ok"), n_requests=4, concurrency=2, timeout_s=0.3)
    assert result.errors == {"timeout": 4}


@pytest.mark.parametrize("options", [["curve=secp384r1"], ["tls1.2"]], ids=["another hello", "TLS 1.2"])
@pytest.mark.parametrize("resume", [False, True], ids=["full", "resumed"])
def test_a_longer_way_to_agree_ends_well(options, resume):
    with FaultyServer(server_file(), *options) as server:
        result = load(server.url("/ok"), n_requests=20, concurrency=2, keepalive=False, resume=resume)
    assert (result.n_ok, result.errors) == (20, {})
    assert result.tls.startswith("TLSv1.2" if "tls1.2" in options else "TLSv1.3")
    assert result.notes == {"n_handshakes": 20, "n_resumed": 18 if resume else 0}


def test_a_name_may_be_another_than_the_address():
    with FaultyServer(server_file("site.example")) as server:
        assert load(server.url("/ok"), n_requests=4, server_name="site.example").errors == {}


@pytest.mark.parametrize(("path", "outcome"), [("/cut_off", "closed_early"), ("/damaged", "bad_response")])
def test_an_answer_that_somebody_may_have_changed_is_none(server, path, outcome):
    url = server.url(f"{path}?every=5")
    result = load(url, n_requests=30, concurrency=1)
    assert (result.n_ok, result.errors) == (24, {outcome: 6})
    assert server.counts(url)["requests"] == 30


def test_handshakes_are_counted_and_timed(server):
    kept = load(server.url("/ok"), n_requests=200, concurrency=4)
    assert kept.notes == {"n_handshakes": 4, "n_resumed": 0}
    new = load(server.url("/ok"), n_requests=200, concurrency=4, keepalive=False)
    assert new.notes == {"n_handshakes": 200, "n_resumed": 0}
    assert 0 < new.handshake_ns["p50"] < new.latency_ns["p50"]
    assert load(server.url("/ok"), n_requests=200, concurrency=4, keepalive=False,
                resume=True).notes == {"n_handshakes": 200, "n_resumed": 196}


def test_slow_clients_hold_connections_over_tls_too(server):
    result = load(server.url("/ok"), n_requests=20, slow_clients=5)
    assert (result.n_ok, result.notes["n_slow_held"]) == (20, 5)


@pytest.mark.parametrize(("content", "word"), [(None, "Cannot read"), ("no certificate", "holds no certificate")])
def test_a_wrong_ca_file_is_explained(tmp_path, content, word):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(LoadError, match=word):
        load("https://127.0.0.1:1/", n_requests=1, ca_file=str(path))
