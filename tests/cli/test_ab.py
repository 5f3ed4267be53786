"""`./lab ab` against a server whose every answer is known: what it prints, what it exits with."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
import typer
from load_helpers import FaultyServer, load

from deploylab.cli.ab import _judge
from deploylab.core import paths
from tests.certificates import ca_file, server_file


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


@pytest.mark.parametrize(("path", "words", "status", "sentence"), [
    ("/ok", ["-n", "20"], 0, ""),
    ("/ok", ["-n", "20", "--marker", "</html>", "--expect", "200"], 0, ""),
    ("/ok", ["-n", "20", "--marker", "</body>"], 1, "not one good answer"),
    ("/not_modified", ["-n", "20", "--expect", "304"], 0, ""),
    ("/status?code=503&every=2", ["-n", "20"], 1, "10 of 20 requests failed"),
    ("/status?code=503&every=4", ["-n", "20"], 0, ""),
    ("/status?code=503&every=4", ["-n", "20", "--fail-if", "failed>20%"], 1, "failed is 25 %, above the limit of 20 %"),
    ("/ok?ms=20", ["-n", "20", "--fail-if", "p50<1s", "--fail-if", "failed>0"], 1,
     "p50 is 0.0.* s, below the limit of 1 s"),
    ("/ok", ["-n", "20", "--fail-if", "p50>1 h"], 1, "is not a limit.*--fail-if 'p95>500ms'"),
    ("/ok", ["-t", "0.2", "--rate", "0.1", "--even"], 0, ""),  # the first is due at once
    ("/ok", ["-n", "20", "-e", "/nowhere/at/all.csv"], 2, "cannot be written in"),
])
def test_what_it_exits_with(lab, server, path, words, status, sentence):
    done = lab("ab", *words, server.url(path))
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert re.search(sentence, " ".join(done.stderr.split()))


@pytest.mark.parametrize(("words", "status", "sentence"), [
    (["--ca", ca_file()], 0, ""),
    ([], 1, "not one good answer.*--ca FILE"),
])
def test_what_it_says_of_a_server_over_tls(lab, words, status, sentence):
    with FaultyServer(server_file()) as server:
        done = lab("ab", "-n", "6", *words, server.url("/ok"))
    assert done.returncode == status and re.search(sentence, " ".join(done.stderr.split()))
    assert ("certificate:         6" in done.stdout) == bool(status)
    assert ("TLS handshakes:         6 (none resumed)" in done.stdout) != bool(status)


def test_nothing_due_is_no_broken_server(server, capsys):
    result = load(server.url("/ok"), mode="open", rate_per_s=0.1, seed=1, duration_s=0.1)
    with pytest.raises(typer.Exit) as left:
        _judge(result, [])
    printed = capsys.readouterr().err
    assert left.value.exit_code == 1 and "no request was due within 0.1 s at 0.1 per second" in printed
    assert "not one good answer" not in printed


def test_what_is_sent(lab, server, tmp_path):
    form, times = tmp_path / "form", tmp_path / "times.csv"
    form.write_bytes(b"a=b")
    url = server.url("/head")
    done = lab("ab", "-n", "4", "-p", str(form), "-T", "application/x-www-form-urlencoded", "-C", "a=b", "-C", "c=d",
               "-H", "X-A: 1", "-H", "X-A: 2", "-A", "ana:pass", "-e", str(times), url)
    assert done.returncode == 0, done.stderr
    head = server.counts(url)["head"]
    assert head[0].startswith("POST /head")
    assert {"Content-Type: application/x-www-form-urlencoded", "Cookie: a=b; c=d", "X-A: 1", "X-A: 2",
            "Authorization: Basic YW5hOnBhc3M=", "Content-Length: 3"} <= set(head)
    lines = times.read_text().splitlines()
    assert len(lines) == 102 and re.fullmatch(r"100,\d+\.\d{3}", lines[-1])
    assert lab("ab", "-m", "DELETE", url).returncode == 0
    assert server.counts(url)["head"][0].startswith("DELETE /head")


def test_ctrl_c_prints_what_was_done_so_far(server):
    url = server.url("/ok?ms=2")
    command = [sys.executable, "-m", "deploylab.cli", "ab", "-t", "600", "--json", url]
    with subprocess.Popen(command, cwd=paths.ROOT, env={**os.environ, "PYTHONPATH": str(paths.ROOT)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while "per second" not in (line := process.stderr.readline()) and not re.search(r"\d+/s", line):
            assert line, "it ended"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert process.returncode == 1 and "what was done so far" in err
    assert result["n_ok"] == server.counts(url)["requests"] > 0 and "stopped" in result["flags"]
