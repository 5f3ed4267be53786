# Run by `manage.py shell`. Ends with an error unless the static root holds what collecting again
# gives: no file missing, none changed, none left over from an older release. It does just that, in
# a folder of its own, and compares. (`collectstatic --dry-run` only compares dates.)
#
# DEPLOYLAB_BUNDLED: with the bundles of django-compressor and WhiteNoise's compressed copies. Its value is what
# WhiteNoise is called with: --no-brotli for those by gzip alone.
import gzip
import json
import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import call_command


def collect(folder):
    settings.STATIC_ROOT = settings.COMPRESS_ROOT = folder
    call_command("collectstatic", interactive=False, verbosity=0)
    if options := os.environ.get("DEPLOYLAB_BUNDLED"):
        from whitenoise.compress import main as compress

        call_command("compress", verbosity=0)
        compress([*options.split(), folder])


def contents(folder):
    return {str(path.relative_to(folder)): content(path) for path in Path(folder).rglob("*") if path.is_file()}


def content(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)  # two compressors may pack the same differently
    elif path.suffix == ".br":
        import brotli  # only stages with such copies need it

        data = brotli.decompress(data)
    return json.loads(data) if ".json" in path.suffixes else data  # a list of names is in any order


there = settings.STATIC_ROOT
with tempfile.TemporaryDirectory() as folder:
    collect(folder)
    wanted, found = contents(folder), contents(there)
wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
if wrong:
    raise SystemExit(f"{there}: {len(wrong)} files differ from a new collection, for example {wrong[0]}")
