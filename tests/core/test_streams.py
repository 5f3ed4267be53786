"""Standard streams that are closed or full: one message, no traceback, nothing printed into a stranger's file."""

import os
import subprocess
import sys

import pytest

from deploylab.core import paths

LAB = ["lab", "--version"]                     # ends before the hand-over
LINE = ["-m", "deploylab.cli", "--version"]    # the command line itself
FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has /dev/full")


def ran(words: list[str], how: str, **environment: str) -> subprocess.CompletedProcess:
    """`python WORDS`, with its streams redirected by a shell."""
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(["bash", "-c", f'"$@" {how}', "bash", sys.executable, *words], cwd=paths.ROOT, text=True,
                          capture_output=True, timeout=60,
                          env={**environ, "PYTHONPATH": str(paths.ROOT), **environment})


@pytest.mark.parametrize("words", [LAB, LINE])
@pytest.mark.parametrize("how", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_like_dev_null(words, how):
    done = ran(words, how)
    assert (done.returncode, done.stderr) == (0, "")


@FULL
@pytest.mark.parametrize("words", [LAB, LINE])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_below_standard_output_is_one_message(words, unbuffered):
    done = ran(words, ">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1 and done.stderr.count("\nlab: ") == 1, done.stderr
    assert "No space left on device" in done.stderr and "./lab --version" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", [LAB, LINE])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_hears_nothing(words, unbuffered):
    done = ran(words, "> >(exec true)", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == ""


def test_a_program_that_we_start_does_not_print_into_the_next_file(tmp_path):
    """Without /dev/null in its place, the file would get number 1, and `echo` would write into it."""
    file = tmp_path / "results"
    script = ("import subprocess, sys; from deploylab.core import streams; streams.ensure(); "
              f"file = open({str(file)!r}, 'w'); subprocess.run(['echo', 'stray']); print('also')")
    assert ran(["-c", script], ">&-").returncode == 0
    assert file.read_text() == ""
