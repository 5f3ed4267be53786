"""The lock of lesson 07: one makes an entry, the others wait; and no visitor waits for a lock that is nobody's."""

import shutil
import subprocess
import sys

import pytest

from deploylab import course as courses
from deploylab.core import paths

PATCH = paths.ROOT / "notebooks" / "cache" / "once.patch"
BEGIN = """
import threading, time
from unittest import mock
import django
django.setup()
from django.core.cache import caches
from django.test import override_settings
from programme import caching
from programme import settings as site
MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
GONE = site.memcached | {"LOCATION": "unix:/nowhere/memcached.sock"}
slept = []
really = time.sleep
"""


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    """The site with the lock in it; gives back how to run code there, with what it prints."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(paths.ROOT / courses.load().app.source, folder / "site")
    subprocess.run(["git", "apply", "--directory=site", PATCH], cwd=folder, check=True)

    def run(store: str, code: str) -> str:
        text = f"{BEGIN}\nwith override_settings(CACHES={{'default': {store}, 'data': {store}}}):\n"
        text += "\n".join(f"    {line}" for line in code.strip().splitlines())
        done = subprocess.run([sys.executable, "-c", text], cwd=folder / "site", capture_output=True, text=True,
                              timeout=60, env={"DJANGO_SETTINGS_MODULE": "programme.settings", "DJANGO_DEBUG": "1"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_of_many_at_once_one_makes_it(patched):
    assert patched("MEMORY", """
made = []
def make():
    made.append(1)
    really(0.05)
    return "the page"
everybody = threading.Barrier(16)
got = []
def visit():
    everybody.wait()
    got.append(caching.remember("page", make))
crowd = [threading.Thread(target=visit) for _ in range(16)]
for one in crowd: one.start()
for one in crowd: one.join()
print(len(made), len(got), set(got))
""") == "1 16 {'the page'}\n"


def test_a_cache_that_is_gone_makes_nobody_wait(patched):
    assert patched("GONE", """
with mock.patch.object(caching.time, "sleep", slept.append):
    print([caching.remember(f"part:{n}", lambda: n) for n in range(8)], len(slept))
""") == "[0, 1, 2, 3, 4, 5, 6, 7] 0\n"


def test_a_lock_that_was_left_behind_costs_one_visitor_a_fifth_of_a_second(patched):
    assert patched("MEMORY", """
caches["data"].add("making:page", 1, 5)
with mock.patch.object(caching.time, "sleep", slept.append):
    first = caching.remember("page", lambda: "made")
    waited_s = sum(slept)
    print(first, f"{waited_s:.2f}", caching.remember("page", lambda: "again"), f"{sum(slept) - waited_s:.2f}")
""") == "made 0.20 made 0.00\n"


def test_what_cannot_be_made_leaves_no_lock(patched):
    assert patched("MEMORY", """
with mock.patch.object(caching.time, "sleep", slept.append):
    for n in range(3):
        try:
            caching.remember("page", lambda: 1 / 0)
        except ZeroDivisionError:
            print("failed", len(slept))
    print(caching.remember("page", lambda: "made"), len(slept))
""") == "failed 0\nfailed 0\nfailed 0\nmade 0\n"
