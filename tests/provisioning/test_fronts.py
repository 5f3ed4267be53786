"""What the stages with tuned static files and caches promise, asked as visitors ask."""

import re
import statistics

import pytest
import requests
from waiting import until

from deploylab import course as courses
from deploylab import load
from deploylab.machine import usage
from deploylab.measure.bench import free_cpus
from deploylab.provision import converge
from deploylab.provision.on_demand import awake

pytestmark = pytest.mark.machine
COURSE = courses.load()
EDGES = ["edge", "edge:varnish"]
each_edge = pytest.mark.parametrize("name", EDGES)


@pytest.fixture(scope="module")
def ask(machine):
    """Ask a target for a path; the whole answer comes back. Every edge stands."""
    converge.to_stage(machine, COURSE, "edge", variants=["varnish"])

    def ask(name, path="/", method="GET", encoding="identity", **headers):
        with requests.Session() as session:
            session.trust_env = False
            sent = {"Accept-Encoding": encoding, **{key.replace("_", "-"): value for key, value in headers.items()}}
            return session.request(method, machine.url(COURSE.target(name), path), headers=sent, timeout=20)

    return ask


def x_cache(answer):
    return answer.headers["X-Cache"]


def until_hit(ask, name, path, **how):
    """The answer, once it comes fresh from the cache: an old one is sent while a busy application makes the new."""
    answers = []

    def fresh():
        answers.append(ask(name, path, **how))
        return x_cache(answers[-1]) == "HIT"

    until(fresh, f"{name} does not keep {path}")
    return answers[-1]


@each_edge
def test_the_same_page_comes_from_the_cache_as_from_behind(ask, name):
    kept, behind = until_hit(ask, name, "/editions/"), ask("static", "/editions/")
    assert kept.text == behind.text and kept.headers["Cache-Control"] == behind.headers["Cache-Control"]


@each_edge
def test_compressed_and_plain_pages_are_kept_apart(ask, name):
    plain, packed = (until_hit(ask, name, "/", encoding=encoding) for encoding in ("identity", "gzip"))
    assert plain.text == packed.text
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert all("Accept-Encoding" in answer.headers["Vary"] for answer in (plain, packed))


@each_edge
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_kept_page_gives_304_to_who_has_it(ask, name, encoding):
    kept = until_hit(ask, name, "/", encoding=encoding)
    again = ask(name, "/", encoding=encoding, If_None_Match=kept.headers["ETag"])
    assert again.status_code == 304 and again.content == b""


@each_edge
def test_who_is_logged_in_is_passed_by_and_other_cookies_are_not(ask, name):
    until_hit(ask, name, "/")
    assert x_cache(ask(name, "/", Cookie="csrftoken=x; sessionid=abc")) != "HIT"
    assert x_cache(ask(name, "/", Authorization="Basic eDp5")) != "HIT"
    until_hit(ask, name, "/", Cookie="csrftoken=" + "x" * 32)


@each_edge
def test_what_sets_a_cookie_is_never_kept(ask, name):
    answers = [ask(name, "/talks/2/comment/") for _ in range(3)]
    assert "HIT" not in map(x_cache, answers)
    assert len({answer.cookies["csrftoken"] for answer in answers}) == 3


@each_edge
@pytest.mark.parametrize("path", ["/test/", "/wait/", "/whoami/", "/static/nothing.css", "/nothing/"])
def test_what_does_not_allow_it_is_never_kept(ask, name, path):
    assert "HIT" not in [ask(name, path).headers.get("X-Cache") for _ in range(3)]


@each_edge
def test_a_comment_can_be_posted_through_it(ask, name, machine):
    token = ask(name, "/talks/3/comment/").cookies["csrftoken"]
    url = machine.url(COURSE.target(name), "/").rstrip("/")
    said = ask(name, "/talks/3/comment/?name=A+visitor", method="POST", Cookie=f"csrftoken={token}",
               X_CSRFToken=token, Origin=url, Accept="application/json")
    assert said.status_code == 422  # the token and the origin were accepted, and the empty form was not


@each_edge
def test_old_pages_are_sent_while_the_application_is_away(ask, name, machine):
    kept = until_hit(ask, name, "/talks/4/")
    machine.check_output("supervisorctl stop deploylab-static", sudo=True)
    try:
        assert ask("static", "/talks/4/").status_code == 502
        assert ask(name, "/talks/4/").text == kept.text
    finally:
        machine.check_output("supervisorctl start deploylab-static", sudo=True)


@pytest.mark.parametrize(("name", "drop"), [
    ("edge", "curl -s -o /dev/null -H 'X-Refresh: 1' -H 'Host: {host}:8006' -H 'Accept-Encoding: identity' "
             "http://127.0.0.1:8006/talks/5/"),
    ("edge", "rm -r /var/cache/nginx/deploylab-edge/*"),
    ("edge:varnish", "curl -s -X PURGE -H 'Host: {host}:8016' http://127.0.0.1:8016/talks/5/"),
    ("edge:varnish", "curl -s -X BAN http://127.0.0.1:8016/talks/"),
])
def test_a_page_can_be_dropped_from_the_machine_itself(ask, name, drop, machine):
    """What changed in the database is seen when the kept page is dropped, and not before."""
    drop = drop.format(host=machine.host)

    def retitle(title):
        machine.check_output(f"echo \"UPDATE programme_talk SET title = '{title}' WHERE id = 5\" | mariadb deploylab",
                             sudo=True)

    before = machine.check_output("echo 'SELECT title FROM programme_talk WHERE id = 5' | mariadb -N deploylab",
                                  sudo=True).strip()
    machine.check_output(drop, sudo=True)  # its time begins anew: it does not end while we look
    until_hit(ask, name, "/talks/5/")
    retitle("Kept no longer")
    try:
        assert "Kept no longer" not in ask(name, "/talks/5/").text
        machine.check_output(drop, sudo=True)
        assert "Kept no longer" in until_hit(ask, name, "/talks/5/").text
    finally:
        retitle(before)
        machine.check_output(drop, sudo=True)


def test_a_stranger_drops_nothing(ask):
    until_hit(ask, "edge:varnish", "/talks/6/")
    assert {ask("edge:varnish", "/talks/6/", method=method).status_code for method in ("PURGE", "BAN")} == {403}
    until_hit(ask, "edge", "/talks/6/")
    assert x_cache(ask("edge", "/talks/6/", X_Refresh="1")) in ("HIT", "STALE", "UPDATING")


LINE = (r'[\d.]+ - - \[\d\d/\w+/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET (?P<path>/\S+) HTTP/1\.1" 404 \d+ "-" "[^"]+" '
        r'took_us=(?P<took_us>\d+) behind_us=(?P<behind_us>\d+|-) cache=(?P<cache>[A-Z]+|-) '
        r'id=(?P<id>[\w.@+/-]{11,64})')
LOGS = {"nginx": "/var/log/nginx/access.log", "nginx:lighttpd": "/var/log/lighttpd/access.log",
        "nginx:uwsgi": "/var/log/nginx/access.log", "apache": "/var/log/apache2/access.log",
        "apache:proxy": "/var/log/apache2-proxy/access.log", "edge": "/var/log/nginx/access.log",
        "edge:varnish": "/var/log/varnish/varnishncsa.log"}
# Where the application's own lines go.
APPLICATION = {"nginx:lighttpd": "/var/log/deploylab/nginx.log", "nginx:uwsgi": "/var/log/deploylab/nginx-uwsgi.log",
               "apache": "/var/log/apache2/error.log", "apache:proxy": "/var/log/deploylab/nginx.log",
               "edge": "/var/log/deploylab/static.log", "edge:varnish": "/var/log/deploylab/static.log"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.thorough] if ":" in name else [])
                                  for name in LOGS])
def test_every_server_in_front_writes_the_same_line_and_the_application_logs_its_number(ask, machine, name):
    target, path = COURSE.target(name), f"/nowhere/?of={name.replace(':', '-')}"
    converge.to_stage(machine, COURSE, target.stage, variants=[target.variant] if target.variant else [])

    def lines(text, log):
        return machine.run(f"grep -F '{text}' {log}", sudo=True).out.splitlines()

    log = LOGS[name]
    with awake(machine, [target]):
        before = len(lines(f"{path} ", log))
        answer = ask(name, path, X_Request_ID="a-stranger-chose-this")
        assert answer.status_code == 404
        if name.startswith("apache"):  # it writes when its buffer is full, or at a reload
            unit = f"apache2@{target.variant}" if target.variant else "apache2"
            machine.check_output(f"systemctl reload {unit}", sudo=True)
        # The edge asks the stage `static`, whose nginx writes into the same file.
        n_lines = 2 if name == "edge" else 1
        until(lambda: len(lines(f"{path} ", log)) >= before + n_lines, f"{name} has not logged {path}")
    seen = [re.fullmatch(LINE, line) for line in lines(f"{path} ", log)[-n_lines:]]
    assert all(seen) and {line["path"] for line in seen} == {path}
    assert len({line["id"] for line in seen}) == 1 and seen[0]["id"] != "a-stranger-chose-this"
    assert all(int(line["took_us"]) > 0 for line in seen)
    # The answer began before it ended; nginx rounds both to a millisecond. lighttpd does not measure it.
    assert all(line["behind_us"] == "-" if "lighttpd" in name
               else 0 < int(line["behind_us"]) <= int(line["took_us"]) + 1000 for line in seen)
    # The page is not on the list of those that are kept.
    cache = {"edge": {"BYPASS", "-"}, "edge:varnish": {"BYPASS"}}.get(name, {"-"})
    assert {line["cache"] for line in seen} == cache
    said = lines(f"id={seen[0]['id']}:", APPLICATION.get(name, f"/var/log/deploylab/{target.slug}.log"))
    assert len(said) == 1 and "Not Found: /nowhere/" in said[0]


@pytest.mark.parametrize("name", ["edge", "edge:varnish"])
def test_a_kept_page_took_the_server_behind_no_time(ask, machine, name):
    path = f"/talks/9/?kept={name.replace(':', '-')}"
    until_hit(ask, name, path)

    def hits():
        rows = machine.run(f"grep -F '{path} ' {LOGS[name]}", sudo=True).out.splitlines()
        return [row for row in rows if "cache=HIT" in row]

    until(hits, f"{name} has not logged a hit of {path}")
    assert all(" behind_us=- " in row for row in hits())


def test_varnish_s_log_goes_on_in_a_new_file_after_it_was_rotated(ask, machine):
    log = LOGS["edge:varnish"]
    machine.check_output(f"mv {log} {log}.old && systemctl reload varnishncsa", sudo=True)
    try:
        ask("edge:varnish", "/nowhere/?rotated")
        until(lambda: machine.run(f"grep -q rotated {log}", sudo=True).ok, f"nothing is written to the new {log}")
    finally:
        machine.check_output(f"rm {log}.old", sudo=True)


@pytest.mark.parametrize("name", ["static", *EDGES])
def test_every_static_file_of_a_page_comes_small_and_for_ever(ask, name):
    found = set(re.findall(r"""["'](/static/[^"']+)["']""", ask(name, "/").text))
    assert len(found) >= 6
    for path in found:
        answer = ask(name, path, encoding="gzip")
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"], path
        assert answer.headers.get("Content-Encoding") == "gzip" and answer.headers["Content-Length"], path
        assert "X-Cache" not in answer.headers


def test_pages_come_compressed_and_plain_to_who_cannot_take_it(ask, machine):
    converge.to_stage(machine, COURSE, "static", variants=["no-gzip"])
    plain, packed = ask("static"), ask("static", encoding="gzip")
    assert plain.text == packed.text and packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in ask("static:no-gzip", encoding="gzip").headers


def test_two_variants_on_one_cache_server_never_share_an_entry(ask, machine):
    """The prefix keeps them apart: what one keeps is a MISS for the other."""
    variants = [COURSE.target(f"cache:{name}") for name in ("view", "redis")]
    converge.to_stage(machine, COURSE, "cache", variants=["view", "redis"])
    with awake(machine, variants):
        until_hit(ask, "cache", "/talks/7/")
        assert [x_cache(ask(target.name, "/talks/7/")) for target in variants] == ["MISS", "MISS"]


def test_what_the_application_asked_of_its_cache_is_counted(ask, machine):
    converge.to_stage(machine, COURSE, "cache", variants=["redis"])
    for name in ("cache", "cache:redis"):
        processes = COURSE.target(name).processes
        before = usage.sample(machine, processes, counters=True)
        new = next(path for n in range(600, 0, -1) if x_cache(ask(name, path := f"/talks/{n}/")) == "MISS")
        until_hit(ask, name, new)
        assert x_cache(ask(name, new)) == "HIT"
        seen = usage.counted(before, usage.sample(machine, processes, memory=True, counters=True))
        assert seen["n_app_cache_hits"] >= 2 and seen["n_app_cache_misses"] >= 1 and seen["n_db_queries"] >= 1


@pytest.mark.parametrize(("name", "unit"), [("cache", "memcached"), ("cache:redis", "redis-server")])
def test_a_cache_server_that_is_gone_is_a_miss_and_no_error(ask, name, unit, machine):
    converge.to_stage(machine, COURSE, "cache", variants=["redis"])
    machine.check_output(f"systemctl stop {unit}", sudo=True)
    try:
        answers = [ask(name, "/talks/8/") for _ in range(4)]
        assert {answer.status_code for answer in answers} == {200} and {x_cache(a) for a in answers} == {"MISS"}
        assert "cache_hits" not in usage.sample(machine, COURSE.target(name).processes, counters=True)
    finally:
        machine.check_output(f"systemctl start {unit}", sudo=True)


def test_a_kept_page_costs_little_more_than_a_file(machine, ask):
    """The page, and a file of the same bytes that nginx sends itself: in pairs, by the processor time of an answer.

    Not by answers a second: other tests may share this computer's processors, and take more of one load than of the
    other.
    """
    def cpu_per_request_s(path):
        spec = load.LoadSpec(url=machine.url(COURSE.target("edge"), path), duration_s=1, concurrency=10,
                             allowed_addresses=(machine.host,), cpus=free_cpus(machine.facts()))
        before = usage.sample(machine, ["nginx: worker"])
        found = load.run(spec)
        spent = usage.between(before, usage.sample(machine, ["nginx: worker"]))
        assert found.n_ok and not found.errors and spent["server_cpu_s"] > 0
        return spent["server_cpu_s"] / found.n_sent

    until_hit(ask, "edge", "/")
    machine.put(ask("edge", "/").content, "/srv/deploylab/static/static/same.html")
    try:
        cpu_per_request_s("/"), cpu_per_request_s("/static/same.html")  # the first load after a quiet time costs more
        ratios = []
        for number in range(6):
            page, file = pair = ["/", "/static/same.html"]
            spent = {path: cpu_per_request_s(path) for path in (pair if number % 2 else pair[::-1])}
            ratios.append(spent[page] / spent[file])
    finally:
        machine.run("rm /srv/deploylab/static/static/same.html", sudo=True)
    assert statistics.geometric_mean(ratios) < 1.6, ratios
