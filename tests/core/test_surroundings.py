"""What commands find around them: English on every desktop, and no web proxy between us and our own servers."""

import http.server
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyinfra.api.connect import connect_all
from pyinfra.context import ctx_host, ctx_state

from deploylab.core import paths, surroundings
from deploylab.lessons.servers import visitors
from deploylab.machine import network, shell
from deploylab.machine.doctor import NOTE, OK, reach
from deploylab.provision import worker

HERE = ["sh", "-c"]
STAT = "stat -c %F /etc/passwd"


@pytest.fixture
def spanish(tmp_path, monkeypatch):
    """A Spanish desktop, as far as programs see it."""
    made = subprocess.run(["localedef", "-i", "es_ES", "-f", "UTF-8", tmp_path / "es_ES.UTF-8"], capture_output=True)
    if made.returncode or not Path("/usr/share/locale/es/LC_MESSAGES/coreutils.mo").exists():
        pytest.skip("this computer has no Spanish")
    for name, text in {"LOCPATH": str(tmp_path), "LC_ALL": "es_ES.UTF-8", "LANGUAGE": "es"}.items():
        monkeypatch.setenv(name, text)
    assert subprocess.run(STAT.split(), capture_output=True, text=True).stdout == "fichero regular\n"


def converging(command: str) -> str:
    """What a command prints that a converge runs on this computer."""
    spec = {"inventory": {"name": "@local", "data": {}}, "lab": {"mark": "test"}}
    state = worker._state(spec)
    connect_all(state)
    host = next(iter(state.inventory))
    with ctx_state.use(state), ctx_host.use(host):
        return host.run_shell_command(worker.StringCommand(command), _env=state.config.ENV)[1].stdout


@pytest.mark.usefixtures("spanish")
def test_words_that_are_read_are_english_on_a_spanish_desktop():
    assert shell.run(HERE, STAT).out == "regular file\n"
    assert converging(STAT) == "regular file"


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers everything with the word of its server."""

    def do_GET(self):  # noqa: N802 (the name that http.server wants)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.word)))
        self.end_headers()
        self.wfile.write(self.server.word)

    def log_message(self, *_):
        pass


@contextmanager
def answering(word: bytes):
    """The address of a server that says one word."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.word = word
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def behind_a_proxy(monkeypatch):
    """A network whose proxy answers for every host, as one does that asks people to log in first."""
    with answering(b"the proxy: done\n") as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy)
        yield


@pytest.mark.usefixtures("behind_a_proxy")
def test_a_proxy_never_answers_for_a_server_of_ours():
    with answering(b"the site") as site:
        ask = f"curl -s {site}/"
        assert subprocess.run(ask.split(), capture_output=True).stdout == b"the proxy: done\n"
        assert shell.run(HERE, ask).out == "the site"
        assert converging(ask) == "the site"


@pytest.mark.usefixtures("behind_a_proxy")
def test_the_visitors_of_a_lesson_ask_the_server_and_not_the_proxy():
    assert "the proxy" not in {each.by for each in visitors.visit("threaded", "cpu", 2).visits}


@pytest.mark.usefixtures("behind_a_proxy")
def test_what_the_command_line_starts_goes_to_loopback_directly():
    script = ("import os, subprocess, sys; from deploylab import cli; sys.argv = ['lab', '--version']; cli.main(); "
              "print(os.environ['no_proxy'], os.environ['NO_PROXY'])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT), "NO_PROXY": "intranet, 10.0.3.0/24"})
    assert done.stdout.splitlines()[-1] == " ".join(["intranet,10.0.3.0/24,localhost,127.0.0.1,::1"] * 2)


def test_who_excludes_every_host_goes_on_to_do_so():
    assert surroundings.direct("10.0.3.7", environment={"no_proxy": "*"})["NO_PROXY"] == "*"


@pytest.mark.parametrize(("named", "used", "state"), [
    ("proxy.example:3128", {"http": "http://proxy.example:3128"}, OK),
    ("somebody:secret@proxy.example:3128", {"http": "http://somebody:secret@proxy.example:3128"}, OK),
    ("http://proxy.example:3128", {"http": "http://proxy.example:3128"}, OK),
    ("127.0.0.1:3128", {}, NOTE), ("socks5://proxy.example:1080", {}, NOTE), ("", {}, OK)])
def test_a_proxy_without_a_scheme_is_one_and_what_is_left_out_is_said(named, used, state, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", named)
    assert network.proxies() == used
    finding = reach.proxy()
    assert finding.state == state and "secret" not in finding.seen
    assert bool(finding.cure) == (state == NOTE)
