"""What is installed is what is pinned, and nothing that is pinned has a hole that was closed long ago.

The advisories themselves lie on the network, where `pip-audit` asks for them; this asks nobody. Whoever hears of a
new hole raises the version here, and the test says what else must be renewed.
"""

import re
import subprocess
import sys
from importlib.metadata import distributions

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from deploylab.core import paths

PINS = ("constraints.txt", "sample_app/requirements.txt", "sample_app/requirements-production.txt")
WITH_PYTHON = {"pip", "setuptools"}
CLOSED = {  # the version that closed it
    "brotli": ("1.2.0", "CVE-2025-6176"),
    "certifi": ("2024.7.4", "CVE-2024-39689"),
    "cryptography": ("44.0.1", "CVE-2024-12797"),
    "django": ("5.2.9", "CVE-2025-64460"),
    "flask-cors": ("6.0.0", "CVE-2024-6839"),
    "fonttools": ("4.60.2", "CVE-2025-66034"),
    "gunicorn": ("22.0.0", "CVE-2024-1135"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "idna": ("3.7", "CVE-2024-3651"),
    "ipython": ("8.10.0", "CVE-2023-24816"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "jupyter-server": ("2.14.1", "CVE-2024-35178"),
    "jupyterlab": ("4.4.8", "CVE-2025-59842"),
    "paramiko": ("3.4.0", "CVE-2023-48795"),
    "pillow": ("11.3.0", "CVE-2025-48379"),
    "redis": ("4.5.4", "CVE-2023-28859"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "sqlparse": ("0.5.0", "CVE-2024-4340"),
    "tornado": ("6.5.0", "CVE-2025-47287"),
    "urllib3": ("2.6.0", "CVE-2025-66418"),
    "werkzeug": ("3.1.4", "CVE-2025-66221"),
    "zipp": ("3.19.1", "CVE-2024-5569"),
}


def pinned(*files: str) -> dict[str, str]:
    """{name: version} of these files."""
    lines = (line.partition("#")[0].strip() for name in files for line in (paths.ROOT / name).read_text().splitlines())
    pairs = (line.partition("==") for line in lines)
    return {canonicalize_name(name): version for name, sign, version in pairs if sign}


def test_what_is_installed_here_is_what_is_pinned():
    here = {canonicalize_name(one.name): one.version for one in distributions()}
    unknown = {name: version for name, version in here.items() if pinned(*PINS).get(name) != version}
    assert set(unknown) <= WITH_PYTHON


@pytest.mark.slow
def test_what_is_installed_fits_together():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n")


def test_the_server_and_the_tests_have_the_same():
    """A package that both have is tested in the version that is deployed."""
    here, there = pinned(PINS[0]), pinned(*PINS[1:])
    assert {name: version for name, version in there.items() if here.get(name, version) != version} == {}


@pytest.mark.parametrize(("name", "version", "hole"), [(name, *closed) for name, closed in CLOSED.items()])
def test_no_pin_has_a_hole_that_was_closed(name, version, hole):
    assert re.fullmatch(r"CVE-\d{4}-\d{4,}", hole)
    assert Version(pinned(*PINS)[name]) >= Version(version), hole
