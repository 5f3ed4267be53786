"""What may be asked for, and who may be loaded."""

import pytest

from deploylab.core.errors import LoadError, TargetRefused
from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.load import attempts
from deploylab.load.ab import percentages, printout, spec_from_ab_flags
from deploylab.load.allowed import resolve
from deploylab.load.attempts import NONE
from deploylab.load.request import request_bytes, requests
from deploylab.load.spec import LoadSpec
from deploylab.results.record import LoadResult

URL = "http://127.0.0.1:8000/"


@pytest.mark.parametrize(("fields", "word"), [
    ({}, "n_requests"),
    ({"n_requests": 0}, "n_requests"),
    ({"n_requests": 2.5}, "n_requests"),
    ({"n_requests": True}, "n_requests"),
    ({"duration_s": 0}, "duration_s"),
    ({"duration_s": float("nan")}, "duration_s"),
    ({"duration_s": float("inf")}, "duration_s"),
    ({"duration_s": 1, "warmup_s": -1}, "warmup_s"),
    ({"duration_s": 1, "timeout_s": 0}, "timeout_s"),
    ({"duration_s": 1, "concurrency": 0}, "concurrency"),
    ({"duration_s": 1, "mode": "half-open"}, "mode"),
    ({"duration_s": 1, "mode": "open"}, "rate"),
    ({"duration_s": 1, "rate_per_s": 5}, "rate"),
    ({"duration_s": 1, "method": "GET /x"}, "method"),
    ({"duration_s": 1, "headers": {"A b": "c"}}, "headers"),
    ({"duration_s": 1, "headers": {"A": "c\r\nHost: x"}}, "headers"),
    ({"duration_s": 1, "headers": {"Connection": "close"}}, "Connection"),
    ({"duration_s": 1, "cpus": []}, "cpus"),
    ({"duration_s": 1, "keepalive": "yes"}, "keepalive"),
    ({"duration_s": 1, "expect_status": 99}, "expect_status"),
    ({"duration_s": 1, "paths": ["no/slash"]}, "paths"),
    ({"duration_s": 1, "resume": "yes"}, "resume"),
    ({"duration_s": 1, "ca_file": 5}, "ca_file"),
    ({"duration_s": 1, "server_name": "site.example"}, "plain HTTP"),
])
def test_a_wrong_value_is_named(fields, word):
    with pytest.raises(LoadError, match=word):
        LoadSpec(url=URL, **fields)


@pytest.mark.parametrize(("line", "word"), [
    ("{", "JSON"), ("[]", "url"), ('{"url": "http://127.0.0.1/", "n_requests": 1, "speed": 9}', "speed"),
])
def test_a_wrong_line_is_explained(line, word):
    with pytest.raises(LoadError, match=word):
        LoadSpec.from_json(line)


def test_a_spec_survives_the_wire():
    spec = LoadSpec(url=URL, mode="open", rate_per_s=5, duration_s=1, cpus=[1], allowed_addresses=["10.0.3.2"],
                    headers={"Accept": "text/html"}, marker="ñ")
    assert LoadSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(("url", "word"), [
    ("ftp://127.0.0.1/", "http://HOST"),
    ("127.0.0.1:8000", "http://HOST"),
    ("http:///path", "http://HOST"),
    ("http://127.0.0.1:99999/", "not a URL"),
    ("http://127.0.0.1/a b", "whitespace"),
    ("http://127.0.0.1/\r\nHost: x", "whitespace"),
    ("http://me:secret@127.0.0.1/", "user name"),
    ("http://no.such.name.invalid/", "does not resolve"),
])
def test_a_url_we_cannot_load_is_explained(url, word):
    with pytest.raises(LoadError, match=word):
        resolve(url)


@pytest.mark.parametrize("url", ["http://192.0.2.7/", "http://10.0.3.21:8003/", "http://[2001:db8::1]/", "http://0.0.0.0/"])
def test_somebody_else_is_refused(url):
    with pytest.raises(TargetRefused, match="Next: .*--own-up"):
        resolve(url, allowed_addresses=("10.0.3.22",))


@pytest.mark.parametrize(("url", "fields"), [
    ("http://127.0.0.1:8000/", {}),
    ("http://127.9.9.9/", {}),
    ("http://localhost:8000/", {}),
    ("http://[::1]:8000/", {}),
    ("http://10.0.3.21:8003/", {"allowed_addresses": ("10.0.3.21",)}),
    ("http://192.0.2.7/", {"own_up": True}),
])
def test_our_own_may_be_loaded(url, fields):
    assert resolve(url, **fields).address[1] in (80, 8000, 8003)


def test_a_name_is_resolved_once():
    assert resolve("http://localhost:8000/").address[0] in ("127.0.0.1", "::1")


def request_on_the_wire(spec):
    target = resolve(spec.url)
    return request_bytes(spec, target, target.path)


def test_the_request_on_the_wire():
    spec = LoadSpec(url="http://127.0.0.1:8000/año/?q=1#part", n_requests=1, method="POST", body="a=ñ",
                    headers={"host": "lab.test", "Cookie": "a=b"}, keepalive=False)
    assert request_on_the_wire(spec) == (
        "POST /a%C3%B1o/?q=1 HTTP/1.1\r\nUser-Agent: deploylab\r\nAccept: */*\r\nhost: lab.test\r\nCookie: a=b\r\n"
        "Content-Length: 4\r\nConnection: close\r\n\r\na=ñ").encode()


@pytest.mark.parametrize(("url", "host", "port"), [
    ("https://127.0.0.1", "127.0.0.1", 443), ("https://127.0.0.1:443/", "127.0.0.1", 443),
    ("https://127.0.0.1:80/", "127.0.0.1:80", 80), ("http://127.0.0.1:443/", "127.0.0.1:443", 443)])
def test_each_scheme_has_its_own_port(url, host, port):
    target = resolve(url)
    assert (target.host, target.address[1]) == (host, port)
    assert f"\r\nHost: {host}\r\n".encode() in request_on_the_wire(LoadSpec(url=url, n_requests=1))


def test_a_plain_request_on_the_wire():
    spec = LoadSpec(url="http://127.0.0.1", n_requests=1)
    assert request_on_the_wire(spec) == (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: deploylab\r\nAccept: */*\r\n\r\n")


def test_many_pages_follow_a_zipf_law():
    """Of three pages the first is asked for twice as often as the second, three times as the third."""
    spec = LoadSpec(url=URL, n_requests=1, paths=["/a", "/b", "/ñ?x=1"])
    draw, again = (requests(spec, resolve(URL), seed=5) for _ in range(2))
    drawn = [draw() for _ in range(20_000)]
    assert drawn[:50] == [again() for _ in range(50)]
    n = [sum(d.startswith(b"GET %s HTTP" % path) for d in drawn) for path in (b"/a", b"/b", b"/%C3%B1?x=1")]
    assert sum(n) == 20_000
    assert n == pytest.approx([20_000 * 6 / 11, 20_000 * 3 / 11, 20_000 * 2 / 11], rel=0.06)


@pytest.mark.parametrize(("flags", "fields"), [
    ({}, {"n_requests": 1, "duration_s": None, "concurrency": 1, "keepalive": False, "timeout_s": 30.0}),
    ({"n": 1000, "c": 10, "k": True}, {"n_requests": 1000, "concurrency": 10, "keepalive": True}),
    ({"t": 3, "s": 5}, {"n_requests": None, "duration_s": 3, "timeout_s": 5}),
    ({"t": 3, "rate": 50, "even": True}, {"mode": "open", "rate_per_s": 50, "even": True}),
    ({"headers": ["Accept-Encoding: gzip"]}, {"headers": {"Accept-Encoding": "gzip"}}),
    ({"headers": ["Cookie: a=b", "cookie: c=d"]}, {"headers": {"Cookie": ("a=b", "c=d")}}),
    ({"cookies": ["a=b", "c=d"]}, {"headers": {"Cookie": "a=b; c=d"}}),
    ({"user": "ana:s3:cret"}, {"headers": {"Authorization": "Basic YW5hOnMzOmNyZXQ="}}),
    ({"content_type": "a/b", "method": "PUT"}, {"headers": {"Content-Type": "a/b"}, "method": "PUT", "body": None}),
    ({"cpus": [1], "marker": "x"}, {"cpus": (1,), "marker": "x"}),
])
def test_the_flags_of_ab(flags, fields):
    spec = spec_from_ab_flags(URL, **flags)
    assert {name: getattr(spec, name) for name in fields} == fields


def test_a_file_is_posted(tmp_path):
    file = tmp_path / "form"
    file.write_bytes(b"a=\xff&b=\xc3\xb1")
    spec = spec_from_ab_flags(URL, post=file)
    assert (spec.method, spec.headers) == ("POST", {"Content-Type": "text/plain"})
    request = request_on_the_wire(LoadSpec.from_json(spec.to_json()))
    assert b"\r\nContent-Length: 8\r\n" in request and request.endswith(b"\r\n\r\na=\xff&b=\xc3\xb1")
    with pytest.raises(LoadError, match="Cannot read .*nothing"):
        spec_from_ab_flags(URL, post=tmp_path / "nothing")


def test_a_header_that_is_repeated_is_sent_as_often():
    spec = LoadSpec.from_json(spec_from_ab_flags(URL, headers=["Cookie: a=b", "Cookie: c=d"]).to_json())
    assert b"\r\nCookie: a=b\r\nCookie: c=d\r\n" in request_on_the_wire(spec)


def test_a_byte_that_is_not_utf_8_goes_out_as_it_is():
    """As a shell hands it over: Python keeps it as a surrogate."""
    spec = LoadSpec.from_json(spec_from_ab_flags(URL + "\udcff?q=\udcfe", headers=["X-Old: \udce9"]).to_json())
    assert request_on_the_wire(spec).startswith(b"GET /%FF?q=%FE HTTP/1.1\r\n")
    assert b"X-Old: \xe9\r\n" in request_on_the_wire(spec)
    assert spec.url.isascii()


def test_a_header_without_a_colon():
    with pytest.raises(LoadError, match="-H 'Name: value'"):
        spec_from_ab_flags(URL, headers=["gzip"])


def result_of(**fields):
    """100 good answers of 110, in 2 seconds."""
    return LoadResult(**{**dict(
        engine="deploylab 1", url="http://127.0.0.1:8003/test/?a=b", started_utc="2026-01-01T00:00:00+00:00",
        warmup_s=0, duration_s=2.0, mode="closed", concurrency=10, target_rps=None, keepalive=True,
        n_due=None, n_sent=110, n_ok=100, n_unsent=None,
        errors={"stale": 4, "http_5xx": 6}, rps=50.0, bytes=204_800, latency_from="start",
        latency_ns={"min": 1_000_000, "p50": 2_500_000, "p90": None, "p95": None, "p99": None, "p999": None,
                    "max": 12_345_678},
        latency_mean_ns=3_500_000, client_cpu_s=0.1, flags=["many_failures=9.1%"]), **fields})


def test_the_printout():
    text = printout(result_of())
    for line in ("Document Path:          /test/?a=b", "Complete requests:      110", "Failed requests:        10",
                 "   stale:               4", "Non-2xx responses:      6", "Requests per second:    50.00 [#/sec]",
                 "Time per request:       3.500 [ms] (mean of the good answers)",
                 "Time per request:       20.000 [ms] (mean, across", "Transfer rate:          100.00 [Kbytes/sec]",
                 "    50%     2.500", "    99%         -", "   good    12.346 (longest good answer)",
                 "Note: 9.1 % of the attempts failed"):
        assert line in text


def test_the_printout_of_a_load_over_tls():
    text = printout(result_of(url="https://127.0.0.1/", tls="TLSv1.3, TLS_AES_256_GCM_SHA384",
                              notes={"n_handshakes": 110, "n_resumed": 0}, handshake_ns={"p50": 1_500_000}))
    for line in ("Server Port:            443", "SSL/TLS Protocol:       TLSv1.3, TLS_AES_256_GCM_SHA384",
                 "TLS handshakes:         110 (none resumed)", "Time per handshake:     1.500 [ms] (median)"):
        assert line in text


def test_a_transfer_rate_is_of_the_answers_that_ended_in_the_window():
    """100 answers of 2 kB began in these 2 s, and 80 of the good answers ended in them."""
    assert "80.00 [Kbytes/sec]" in printout(result_of(rps=40.0))


def test_the_percentages_of_a_run_count_its_failures(tmp_path):
    """Of four requests one fails: three quarters had an answer, within 3 ms."""
    made = attempts.Attempts()
    for n, (took_ms, outcome) in enumerate([(1, "ok"), (2, "ok"), (3, "ok"), (9, "timeout")]):
        begin, end = n * NS_PER_S, n * NS_PER_S + took_ms * NS_PER_MS
        made.add((begin, begin, begin, NONE, NONE, end, end, attempts.OUTCOMES.index(outcome), 10, NONE, 0, NONE))
    made.write(tmp_path / "a.gz", 0, mode="closed", opened_ns=0, closed_ns=None)
    lines = percentages(tmp_path / "a.gz").splitlines()
    assert lines[0] == "Percentage served,Time in ms" and len(lines) == 102
    assert [lines[1 + share] for share in (25, 50, 75, 76, 100)] == [
        "25,1.000", "50,2.000", "75,3.000", "76,", "100,"]
