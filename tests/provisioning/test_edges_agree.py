"""nginx's cache and Varnish have the same rules: both are asked the same questions, in front of a site made for them.

Whether an answer was kept is read from the site's own count in it, not from what the cache says of itself.
"""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from waiting import until

from deploylab import course as courses
from deploylab.provision import converge

pytestmark = pytest.mark.machine
COURSE = courses.load()
EDGES = ["edge", "edge:varnish"]
each_edge = pytest.mark.parametrize("name", EDGES)
PORT = 18004
PAGE = r"^/public/[a-z0-9-]+(?:\?|$)"
LISTS = {"/etc/nginx/deploylab-edge-pages.conf": f'"~{PAGE}" 0;\n',
         "/etc/varnish/deploylab-edge-varnish-pages.vcl":
             f'sub other {{ if (req.url !~ "{PAGE}") {{ return (pass); }} }}\n'}
KEPT = {"Cache-Control": "max-age=60"}
MADE = "made"  # by the site, for this request


@pytest.fixture(scope="module")
def edges(machine):
    """host:port of each edge, with the tests' site behind both."""
    converge.to_stage(machine, COURSE, "edge", variants=["varnish"])
    machine.put(Path(__file__).with_name("origin.py").read_bytes(), "/tmp/deploylab-origin.py")  # noqa: S108
    started = machine.check_output(f"setsid python3 /tmp/deploylab-origin.py {PORT} >/dev/null 2>&1 </dev/null &"
                                   " echo $!")
    try:
        for path, content in LISTS.items():
            machine.put(content.encode(), path)
        machine.check_output(f"sed -i 's/127.0.0.1:8004/127.0.0.1:{PORT}/' /etc/nginx/sites-available/deploylab-edge;"
                             f" sed -i 's/\"8004\"/\"{PORT}\"/' /etc/varnish/deploylab-edge-varnish.vcl;"
                             " nginx -t 2>&1 && systemctl reload nginx && systemctl restart varnish", sudo=True)
        found = {name: urlsplit(machine.url(COURSE.target(name), "/")).netloc for name in EDGES}
        for where in found.values():
            until(lambda where=where: is_ours(where), f"the tests' site is not behind {where}")
        yield found
    finally:
        machine.run(f"kill {started.strip()}; rm /tmp/deploylab-origin.py", sudo=True)
        converge.to_stage(machine, COURSE, "edge", variants=["varnish"])


numbers = count(int(time.time()))


def page(*, folder="public", **says) -> str:
    """An address that was never asked for, of a page that says this."""
    return f"/{folder}/p{next(numbers)}?{urlencode(says)}"


def ask(where, path, *headers, method="GET", connection=None):
    """(status, X-Cache, body, seconds) of an answer.

    Args:
        where: host:port.
        headers: pairs; a name may come twice.
    """
    connection = connection or http.client.HTTPConnection(where, timeout=20)
    began = time.monotonic()
    connection.putrequest(method, path, skip_host=any(name == "Host" for name, _ in headers), skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.monotonic() - began
    is_json = body.startswith(b"{")
    return answer.status, answer.headers.get("X-Cache"), json.loads(body) if is_json else {}, seconds


def is_ours(where):
    """Whether the tests' site is behind this edge already; one that has just been restarted may not listen yet."""
    try:
        return "n" in ask(where, "/elsewhere")[2]
    except OSError:
        return False


def crowd(where, path, size=6):
    """What as many visitors get who ask for the same page at the same moment."""
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda _: ask(where, path), range(size)))


def tell(where, what):
    """The site obeys from now on. Its address is not on the list, so no cache answers."""
    assert ask(where, f"/_/{what}")[0] == 200


WORDS = [
    ("seconds", KEPT, True),
    ("seconds in capitals", {"Cache-Control": "Max-Age=60"}, True),
    ("seconds for shared caches", {"Cache-Control": "max-age=0, s-maxage=60"}, True),
    ("zero seconds", {"Cache-Control": "max-age=0"}, False),
    ("zero seconds for shared caches", {"Cache-Control": "s-maxage=0, max-age=60"}, False),
    ("nothing", {}, False),
    ("public alone", {"Cache-Control": "public"}, False),
    ("private", {"Cache-Control": "Private, max-age=60"}, False),
    ("no-store", {"Cache-Control": "no-store"}, False),
    ("no-cache", {"Cache-Control": "no-cache, max-age=60"}, False),
    ("a date only", {"Expires": "Thu, 01 Jan 2099 00:00:00 GMT"}, False),
    ("nginx's own word", {"X-Accel-Expires": "60"}, False),
    ("a cookie", {**KEPT, "Set-Cookie": "a=b"}, False),
    ("each request differs", {**KEPT, "Vary": "*"}, False),
    ("each encoding differs", {**KEPT, "Vary": "Accept-Encoding"}, True),
    ("no such page", {**KEPT, "status": 404}, True),
    ("an error", {**KEPT, "status": 500}, False),
    ("not allowed", {**KEPT, "status": 403}, False),
    ("not on the list", {**KEPT, "folder": "elsewhere"}, False),
]


@pytest.mark.parametrize(("says", "kept"), [case[1:] for case in WORDS], ids=[case[0] for case in WORDS])
def test_both_keep_an_answer_or_neither_does(edges, says, kept):
    path = page(**says)
    for where in edges.values():
        first, second = (ask(where, path)[2]["n"] for _ in range(2))
        assert (first == second) == kept, where


REQUESTS = [
    ("nothing special", [], "GET", "kept"),
    ("a form's cookie", [("Cookie", "csrftoken=x")], "GET", "kept"),
    ("a cookie of a similar name", [("Cookie", "xsessionid=x")], "GET", "kept"),
    ("a login's cookie", [("Cookie", "csrftoken=x; sessionid=abc")], "GET", MADE),
    ("a login's cookie that is 0", [("Cookie", "sessionid=0")], "GET", MADE),
    ("a login's cookie in a second line", [("Cookie", "csrftoken=x"), ("Cookie", "sessionid=abc")], "GET", MADE),
    ("a password", [("Authorization", "Basic eDp5")], "GET", MADE),
    ("a password that is 0", [("Authorization", "0")], "GET", MADE),
    ("the host in capitals", [("Host", "{HOST}:{port}")], "GET", "kept"),
    ("the host with a dot", [("Host", "{host}.:{port}")], "GET", "kept"),
    ("another port", [("Host", "{host}:6666")], "GET", MADE),
    ("another host", [("Host", "elsewhere:{port}")], "GET", MADE),
    ("a stranger's wish", [("X-Refresh", "no")], "GET", "kept"),
    ("a method that changes things", [("Content-Length", "0")], "POST", MADE),
]


@pytest.mark.parametrize(("headers", "method", "wanted"), [case[1:] for case in REQUESTS],
                         ids=[case[0] for case in REQUESTS])
def test_both_give_the_kept_page_to_the_same_requests(edges, headers, method, wanted):
    for where in edges.values():
        path, port = page(**KEPT), urlsplit(f"//{where}").port
        usual = [("Host", f"localhost:{port}")]
        kept = ask(where, path, *usual)[2]
        sent = [(key, value.format(host="localhost", HOST="LocalHost", port=port)) for key, value in headers]
        host = dict(sent).get("Host", usual[0][1])
        answer = ask(where, path, *(sent if ("Host", host) in sent else [*usual, *sent]), method=method)[2]
        assert ("kept" if answer["n"] == kept["n"] else MADE) == wanted, where
        assert answer["host"] == host.lower().replace(".:", ":"), where
        assert ask(where, path, *usual)[2] == kept, f"{where}: this request changed what others get"


@each_edge
def test_an_old_page_is_sent_at_once_however_often_it_is_asked_for(edges, name):
    """On one connection, while the site takes two seconds for the new page, which it is asked for once."""
    where, path = edges[name], page(**{"Cache-Control": "max-age=1, stale-while-revalidate=30"})
    connection = http.client.HTTPConnection(where, timeout=20)
    old = ask(where, path, connection=connection)[2]
    tell(where, "slow=2")
    try:
        time.sleep(2.1)
        answers = [ask(where, path, connection=connection) for _ in range(20)]
        assert {status for status, *_ in answers} == {200} and [body for *_, body, _ in answers] == [old] * 20
        assert sum(seconds for *_, seconds in answers) < 1, answers  # of the two for which the site is busy
        until(lambda: ask(where, path)[2]["n"] > old["n"], f"{name} has no new page made")
        assert ask(where, path)[2]["n"] == old["n"] + 1
    finally:
        tell(where, "slow=0")


@each_edge
def test_an_old_page_is_sent_for_as_long_as_the_site_allows_and_no_longer(edges, name):
    where, path = edges[name], page(**{"Cache-Control": "max-age=2, stale-while-revalidate=3"})
    old = ask(where, path)[2]
    began = time.monotonic()
    tell(where, "fail=1")
    try:
        statuses = []
        while not statuses or statuses[-1][1] == 200 and time.monotonic() < began + 20:
            status, _, body, _ = ask(where, path)
            statuses.append((time.monotonic() - began, status))
            assert status == 503 or body == old
            time.sleep(0.2)
        assert statuses[-1][1] == 503, "the old page is sent without end"
        assert statuses[-2][0] > 3, "it was not sent after its own time"
        assert statuses[-1][0] < 5 + 2
    finally:
        tell(where, "fail=0")
    assert ask(where, path)[0] == 200


@each_edge
@pytest.mark.parametrize("status", [200, 404])
def test_pages_that_are_not_on_the_list_do_not_wait_for_one_another(edges, name, status):
    answers = crowd(edges[name], page(folder="elsewhere", wait=1, status=status))
    assert len({body["n"] for *_, body, _ in answers}) == 6
    assert max(seconds for *_, seconds in answers) < 2  # two of them, one after the other, take longer


@each_edge
@pytest.mark.parametrize("status", [200, 404])
def test_a_page_that_many_want_is_made_once(edges, name, status):
    answers = crowd(edges[name], page(wait=0.3, status=status, **KEPT))
    assert [body["n"] for *_, body, _ in answers] == [1] * 6


@each_edge
def test_an_answer_that_is_not_kept_after_all_delays_nobody_for_long(edges, name):
    """On the list, but an error: those who wait for it have it made themselves after a second."""
    answers = crowd(edges[name], page(wait=0.5, status=500))
    assert max(seconds for *_, seconds in answers) < 2.5  # six of them, one after the other, take three seconds


def test_varnish_drops_what_begins_with_this_address_and_an_address_is_no_pattern(edges, machine):
    where = edges["edge:varnish"]
    port = urlsplit(f"//{where}").port
    paths = {"a": page(**KEPT, q="a.b?(c)"), "b": page(**KEPT)}
    before = {key: ask(where, path, ("Host", "localhost:8016"))[2] for key, path in paths.items()}

    def on_machine(method, path, host):
        return machine.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' -g -X {method} -H 'Host: {host}'"
                                    f" 'http://127.0.0.1:{COURSE.target('edge:varnish').port}{path}'")

    def dropped():
        return {key for key, path in paths.items() if ask(where, path, ("Host", "localhost:8016"))[2] != before[key]}

    assert port and on_machine("BAN", "/public/.*", "localhost") == "200" and dropped() == set()
    assert on_machine("BAN", paths["a"], "localhost") == "200" and dropped() == {"a"}
    assert on_machine("PURGE", paths["b"], "LocalHost:8016") == "200" and dropped() == {"a", "b"}
