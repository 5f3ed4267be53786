"""The command line: help, bad input, messages that end in the next command."""

import json
import re

import pytest
import typer.main

from deploylab import paths
from deploylab.bootstrap import HELP
from deploylab.cli import app, main  # noqa: F401 (main names the modules that register verbs)


@pytest.fixture(scope="module")
def verbs() -> dict[str, str]:
    """{verb: its help}, as registered."""
    from deploylab.cli import load_verbs, machine_verbs, road_verbs, stage_verbs, test_verb  # noqa: F401

    return {name: command.help or "" for name, command in typer.main.get_command(app).commands.items()}


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A clone without a machine and without results."""
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))


def test_every_verb_shows_an_example_that_names_it(verbs):
    for name, text in verbs.items():
        assert re.search(rf"Example: `\./lab {name}\b", text), name


def test_the_help_before_the_installation_lists_exactly_the_verbs(verbs):
    listed = re.findall(r"^  ((?:[a-z]+, )*[a-z]+)\b", HELP, re.MULTILINE)
    assert {word for group in listed for word in group.split(", ")} == set(verbs)


def test_the_readme_speaks_of_every_verb(verbs):
    assert set(re.findall(r"\./lab ([a-z]+)", (paths.ROOT / "README.md").read_text(encoding="utf-8"))) == set(verbs)


def test_no_text_sends_anybody_to_a_verb_that_is_not_there(verbs):
    places = [*paths.ROOT.glob("*.md"), *(path for folder in ("deploylab", "provisioning", "sample_app")
                                          for path in (paths.ROOT / folder).rglob("*"))]
    for path in places:
        if path.suffix in (".py", ".md", ".j2", ".html", ".toml"):
            named = set(re.findall(r"\./lab ([a-z]+)", path.read_text(encoding="utf-8")))
            assert named <= set(verbs), f"{path}: {named - set(verbs)}"


@pytest.mark.parametrize("arguments, status, seen, next_step", [
    (["goto", "apache9"], 1, "no stage 'apache9'", "./lab status"),
    (["check"], 1, "no machine yet", "./lab up"),
    (["check", "nginx"], 1, "no machine yet", "./lab up"),
    (["measure", "nginx"], 1, "no machine yet", "./lab up"),
    (["report"], 1, "no results yet", "./lab run"),
    (["report", "--session", "1999"], 1, "no session '1999'", "./lab run"),
    (["ab", "http://192.0.2.1/"], 2, "attack", "--own-up"),
    (["ab", "https://127.0.0.1/"], 1, "no TLS", "http://127.0.0.1/"),
    (["ab", "-n", "1", "http://127.0.0.1:1/"], 1, "not one good answer", "./lab check"),
])
def test_a_failure_is_one_message_with_the_next_command(lab, nothing, arguments, status, seen, next_step):
    done = lab(*arguments)
    assert done.returncode == status
    assert seen in done.stderr and next_step in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["frobnicate"], ["ab"], ["ab", "-c", "0", "http://127.0.0.1/"], ["goto"]])
def test_wrong_usage_ends_with_status_2(lab, nothing, arguments):
    done = lab(*arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr


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
