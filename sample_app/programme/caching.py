"""Three levels of caching, each with a switch of its own in DJANGO_CACHE_LEVELS.

    fragment   parts of a page: `{% cache %}` in day.html and talk.html
    data       what the database said: `remember`
    view       a whole answer: `public`

Each level has an alias of its name in CACHES. Where a level is off, Django's DummyCache stands
behind the alias: it keeps nothing, and the code here and in the templates need not check.

No cache is told when a row changes, except by `forget_comments`. Everything else
is right again when it has expired: after SECONDS, and once more as long in a visitor's browser
where the browser got it just before. Answers of the level `view` say in `Age` how old they are.
Where nobody asked in the meantime, one visitor may get a page that is OLD_SECONDS older still.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.cache.utils import make_template_fragment_key
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control, cache_page
from django.views.defaults import page_not_found

View = Callable[..., HttpResponse]

SECONDS = 30  # the templates' fragments say it too
# A cache in front may send the old page for so long after that, while it has a new one made: no visitor waits for it,
# and an application that restarts is not noticed. Some browsers do the same with their own copy.
OLD_SECONDS = 60
NO_SUCH_PAGE_SECONDS = 5  # somebody may just be adding it


def remember(key: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, or what it gave in the last SECONDS.

    A stampede is possible: when an entry that everybody wants expires, each request that comes before
    the first one has made it again makes it too. A lock, or an early renewal by chance, would help.

    Args:
        key: says what it is. Lists go in, not querysets: a queryset would ask the database again.
    """
    return caches["data"].get_or_set(key, make, SECONDS)


def comments_key(talk: int) -> str:
    return f"comments:{talk}"


def forget_comments(talk: int) -> None:
    """The next page of this talk shows every comment.

    Two entries whose keys are known: that is cheap. Not forgotten are the counts and the latest
    comments on the days' pages, and whole pages: their keys hold host and query, so that nobody
    knows them all. They stay old for SECONDS. The person who posted is sent to an address of its
    own (`?posted=…`), and sees the comment at once.
    """
    caches["data"].delete(comments_key(talk))
    caches["fragment"].delete(make_template_fragment_key("comments", [talk]))


def public(view: View) -> View:
    """Anybody's cache may keep this page for SECONDS: it is the same for every visitor.

    With the level `view` our own keeps it too, whole, and `X-Cache` says HIT or MISS. The header
    is set again at each answer, like those of the middleware: it is not part of what is kept.

    "No such page" is for everybody as well, and for less long: where a cache lets only one request
    for a page through at a time, those for a page that does not exist would queue.

    The mark `public` is for `manage.py cacheable`, which tells a cache in front the addresses of
    all these pages.
    """
    made = cache_control(public=True, max_age=SECONDS, stale_while_revalidate=OLD_SECONDS)(view)
    kept = cache_page(SECONDS, cache="view")(_noticed(made))

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if "view" not in settings.CACHE_LEVELS:
                return made(request, *args, **kwargs)
            response = kept(request, *args, **kwargs)
        except Http404 as error:
            if settings.DEBUG:
                raise
            return _no_such_page(request, error)
        response["X-Cache"] = "MISS" if hasattr(request, "made_now") else "HIT"
        return response

    answer.public = True
    return answer


def _no_such_page(request: HttpRequest, error: Http404) -> HttpResponse:
    """The site's own page for 404, which caches may keep for a moment."""
    response = page_not_found(request, error)
    patch_cache_control(response, public=True, max_age=NO_SUCH_PAGE_SECONDS)
    return response


def _noticed(view: View) -> View:
    """The view, leaving a note that it ran. An answer for one visitor alone is marked so that nobody keeps it."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.made_now = True
        response = view(request, *args, **kwargs)
        if _is_personal(request, response):
            patch_cache_control(response, private=True)
        return response

    return answer


def _is_personal(request: HttpRequest, response: HttpResponse) -> bool:
    """True where the answer sets a cookie, or the middleware will: for a session or a form's token."""
    # Both are sent by the middleware, after this level has kept the page.
    return bool(response.cookies) or request.session.accessed or "CSRF_COOKIE_NEEDS_UPDATE" in request.META
