"""The command line: help, bad input, messages that end in the next command."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from deploylab import bootstrap, cli
from deploylab import course as courses
from deploylab.bootstrap import HELP
from deploylab.core import paths
from deploylab.core.errors import CheckError, CourseError
from deploylab.measure.measure import chosen_targets


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A clone without a machine and without results."""
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))


def test_the_command_line_knows_the_version_that_the_bootstrap_says(lab):
    assert (done := lab("--version")).returncode == 0
    assert done.stdout == f"deploylab {bootstrap.version()}\n"
    assert "--version" in HELP and "--version" in lab("--help").stdout


@pytest.mark.slow
def test_a_switch_names_no_value_in_the_help(lab):
    assert "--recorded" in (shown := lab("open", "--help").stdout) and "<bool>" not in shown + lab("--help").stdout


def test_the_help_of_measure_lists_the_views_of_the_course(lab):
    shown = lab("measure", "--help").stdout
    assert set(courses.load().app.views) <= set(re.findall(r"\w+", shown))


def test_what_is_measured_lists_the_view_and_stands():
    course = courses.load()
    first, view = course.stages[0], course.view(course.stages[0].views[0])
    missing = replace(view, name="nowhere")
    assert chosen_targets(course, view, [first.name], [first.name]) == [first]
    assert chosen_targets(course, view, [], [first.name]) == [first]
    sleeper = replace(first, start="wake it", port=1)
    assert chosen_targets(replace(course, stages=(sleeper,)), view, [sleeper.name], []) == [sleeper]
    with pytest.raises(CourseError, match=f"no view '{missing.name}'. It has: {', '.join(first.all_views)}"):
        chosen_targets(course, missing, [first.name], [first.name])
    with pytest.raises(CheckError, match=f"./lab goto {first.name}"):
        chosen_targets(course, view, [first.name], [])
    with pytest.raises(CheckError, match=f"Nothing with the view '{view.name}'"):
        chosen_targets(course, view, [], [])


@pytest.mark.parametrize("arguments, status, message, next_step", [
    (["goto", "apache9"], 1, "no stage 'apache9'", "./lab status"),
    (["goto", ""], 1, "no stage ''", "./lab status"),
    (["goto", ":sync"], 1, "no stage ''", "./lab status"),
    (["goto", "nginx:nope"], 1, "no variant 'nope'", "./lab check nginx"),
    (["slides", "--session", "../.."], 1, "no session '../..'", "./lab run"),
    (["record", "nope"], 1, "no lesson 'nope'", "one of these"),
    (["open", "nope"], 1, "no lesson 'nope'", "one of these"),
    (["up", "--bundle", "/nowhere"], 1, "no bundle /nowhere", "./lab bundle"),
    (["run", "digitalocean"], 1, "not a step of the road", "./lab compare"),
    (["reset", "digitalocean"], 1, "not a step of the road", "./lab goto digitalocean"),
    (["check"], 1, "no machine yet", "./lab up"),
    (["check", "nginx"], 1, "no machine yet", "./lab up"),
    (["measure", "nginx"], 1, "no machine yet", "./lab up"),
    (["compare", "nginx:sync", "nginx"], 1, "no machine yet", "./lab up"),
    (["run", "apache9"], 1, "no stage 'apache9'", "./lab status"),
    (["report"], 1, "no results yet", "./lab run"),
    (["report", "--session", "1999"], 1, "no session '1999'", "./lab run"),
    (["open", "11_nowhere"], 1, "no lesson '11_nowhere'", "./lab open"),
    (["ab", "http://192.0.2.1/"], 2, "attack", "--own-up"),
    (["ab", "--resume", "http://127.0.0.1/"], 1, "plain HTTP", "https://"),
    (["ab", "--ca", "/no/such.pem", "https://127.0.0.1/"], 1, "Cannot read /no/such.pem", "--ca FILE"),
    (["ab", "nonsense"], 1, "not a URL", "http://HOST:PORT/PATH"),
    (["ab", "-H", "bad", "http://127.0.0.1:1/"], 1, "not a header", "Name: value"),
    (["ab", "-n", "1", "http://127.0.0.1:1/"], 1, "not one good answer", "./lab check"),
])
def test_a_failure_is_one_message_with_the_next_command(lab, nothing, arguments, status, message, next_step):
    done = lab(*arguments)
    assert done.returncode == status
    assert message in done.stderr and next_step in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [
    ["frobnicate"], ["ab"], ["ab", "-c", "0", "http://127.0.0.1/"], ["ab", "-t", "inf", "http://127.0.0.1/"],
    ["goto"], ["run", "--quick", "--thorough"], ["measure", "nginx", "--rate", "inf"],
    ["compare", "apache", "nginx", "--seconds", "nan"],
    ["sweep", "nginx", "--rates", "50,inf"], ["open", "--recorded", "--port", "70000"]])
def test_wrong_usage_ends_with_status_2(lab, nothing, arguments):
    done = lab(*arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_relative_folder_is_the_same_one_in_a_kernel(tmp_path):
    """A notebook's kernel begins in the notebooks' folder, with the environment of the command that opened it."""
    script = ("import os, sys; from deploylab import cli; from deploylab.core import paths; "
              "sys.argv = ['lab', '--help']; cli.main(); os.chdir('/'); "
              "print(paths.results_dir(), paths.state_dir(), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env={
        **os.environ, "PYTHONPATH": str(paths.ROOT), "DEPLOYLAB_RESULTS": "mine", "DEPLOYLAB_STATE": "there"})
    assert done.stderr == f"{tmp_path / 'mine'} {tmp_path / 'there'}\n"


def test_an_empty_folder_name_is_none(monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", "")
    assert paths.results_dir() == paths.ROOT / "results" and "DEPLOYLAB_RESULTS" not in paths.absolute()


HELD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.executable, [sys.executable, "-m", "deploylab.cli", "measure", "nginx apache"])
"""


def test_ctrl_c_while_python_still_imports_is_one_message(nothing):
    """As when `./lab` hands over: Ctrl-C during the imports takes effect in the command line."""
    done = subprocess.run([sys.executable, "-c", HELD], cwd=paths.ROOT, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert done.returncode in (130, -signal.SIGINT)  # to a shell, both are 130
    assert done.stderr == "\nlab: Stopped. What was done is kept.\nNext: ./lab measure 'nginx apache'\n"


def test_an_unexpected_error_is_one_message_and_its_report_is_kept(nothing, monkeypatch, capsys, tmp_path):
    def broken():
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(cli, "with_commands", broken)
    monkeypatch.setattr(sys, "argv", ["lab", "status"])
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    assert cli.main() == 1
    errors = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in errors and "Next: ./lab status" in errors and "Traceback" not in errors
    assert "in broken" in (tmp_path / "state" / "log" / "unforeseen.log").read_text()


@pytest.mark.slow
def test_a_terminal_that_is_not_utf_8_is_told_all_the_same(lab, nothing):
    for arguments in (["doctor"], ["--help"], ["goto", "--help"]):
        done = lab(*arguments, PYTHONIOENCODING="ascii")
        assert "unexpected error" not in done.stderr and len(done.stdout.splitlines()) > 8
    document = lab("doctor", "--json", PYTHONIOENCODING="ascii").stdout
    assert json.loads(document) and document.isascii()


def test_status_without_a_machine_says_what_to_do(lab, nothing):
    assert lab("status").stdout == "No machine yet.\nNext: ./lab up\n"
    assert json.loads(lab("status", "--json").stdout)["machine"] is None


def test_halt_and_destroy_without_a_machine_are_done_at_once(lab, nothing):
    assert lab("halt").returncode == 0
    assert lab("destroy", "--yes").returncode == 0


def test_json_is_one_document_even_for_a_failure(lab, nothing):
    assert json.loads(lab("goto", "apache9", "--json").stdout)["next"] == "./lab status"


def test_a_load_of_a_server_here_is_a_run_in_json(lab, nothing, tmp_path):
    import http.server
    import threading

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        done = lab("ab", "-n", "50", "-c", "3", "--json", url)
        printed = lab("ab", "-n", "50", "-c", "3", url)
        server.shutdown()
    run = json.loads(done.stdout)
    assert (run["n_sent"], run["n_ok"], run["errors"], run["concurrency"]) == (50, 50, {}, 3)
    assert run["stage"] == "" and run["url"] == url
    assert re.search(r"Complete requests: +50\n", printed.stdout)
    assert re.search(r"Failed requests: +0\n", printed.stdout)
