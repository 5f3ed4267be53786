# Run by `manage.py shell`. Ends with an error unless the static root holds every static file
# of the site, byte for byte. (`collectstatic --dry-run` only compares dates.)
import filecmp
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

wanted = {}
for finder in get_finders():
    for path, storage in finder.list([]):
        prefix = getattr(storage, "prefix", None) or ""
        wanted.setdefault(str(Path(prefix, path)), storage.path(path))
for path, source in wanted.items():
    target = Path(settings.STATIC_ROOT, path)
    if not target.is_file() or not filecmp.cmp(source, target, shallow=False):
        raise SystemExit(f"{target} is not what {source} is")
