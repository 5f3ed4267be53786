"""What several tests share."""

import contextlib
import io
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from unittest import mock

from django.core.management import call_command
from django.test import TestCase

from programme.seeding import rows

SITE = Path(__file__).resolve().parents[2]  # the folder with manage.py

# The digest of the seeded rows. It changes when somebody changes the seed, and then on purpose:
# `manage.py digest --expected` prints the new one.
DIGEST = "a9e5fbc95bb78dc6e43fc73e0fb9e1a27b45c1afff8122beb3c8cff15880dcf2"


made_once = cache(rows.make)  # always the same rows: one making serves all classes of tests


class SeededTestCase(TestCase):
    """A test that begins with the whole conference in its database."""

    @classmethod
    def setUpTestData(cls) -> None:
        with mock.patch.object(rows, "make", made_once):
            call("seed")


def call(*words: str) -> str:
    """What a management command prints."""
    out = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()):
        call_command(*words, stdout=out)
    return out.getvalue().strip()


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess:
    """`manage.py` in a process of its own, with no DJANGO_ variable but the given ones."""
    environment = {"DJANGO_SQLITE_PATH": ":memory:"} | environment  # leaves no file behind
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run([sys.executable, "manage.py", *words], cwd=SITE, env=clean | environment,
                          capture_output=True, text=True, timeout=60, check=False)
