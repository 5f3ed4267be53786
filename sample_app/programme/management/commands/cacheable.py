"""`manage.py cacheable`: the addresses of the pages that anybody's cache may keep."""

import re
from collections.abc import Iterator

from django.core.management.base import BaseCommand
from django.urls import URLPattern, get_resolver

END = re.compile(r"(\$|\\[Zz])$")  # of an address, as Django writes it


class Command(BaseCommand):
    help = "Print a pattern for each address whose view is marked `public`, for a cache in front: one a line."

    def handle(self, *args, **options) -> None:
        for pattern in patterns(get_resolver().url_patterns):
            self.stdout.write(pattern)


def patterns(entries: list, before: str = "/") -> Iterator[str]:
    r"""Regular expressions for addresses as a request has them: from the first slash, with any query.

    Names of groups are left out, because nginx would make a variable of each. What these say is what
    PCRE, which nginx and Varnish use, understands as Python does.

    Args:
        before: the pattern of what these addresses begin with.

    Example:
        ^/talks/(?:[0-9]+)/(?:\?|$)
    """
    for entry in entries:
        here = before + re.sub(r"\(\?P<\w+>", "(?:", entry.pattern.regex.pattern.removeprefix("^"))
        if not isinstance(entry, URLPattern):
            yield from patterns(entry.url_patterns, here)
        elif getattr(entry.callback, "public", False):
            yield f"^{re.sub(END, '', here)}(?:\\?|$)"
