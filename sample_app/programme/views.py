"""The pages. The first half is the site; the second half exists to be measured."""

import logging
import os
import socket
import threading
import time
from datetime import date as Date

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from programme.caching import forget_comments, public
from programme.forms import CommentForm
from programme.models import Comment, Day, Edition, Speaker, Talk, Track
from programme.reading import DayPage, TalkPage, day_of, newest_day

logger = logging.getLogger(__name__)

# These must be made again each time, or a measurement would measure a cache.
no_store = cache_control(no_store=True)

RESULTS_SHOWN = 40
WAIT_S = 0.05
PRIMES_BELOW = 20_000


# ------------------------------------------------------------------------------ the programme


@require_safe
@public
def home(request: HttpRequest) -> HttpResponse:
    newest = newest_day()
    if newest is None:
        return render(request, "programme/empty.html")
    return _day_page(request, newest)


@require_safe
@public
def day(request: HttpRequest, date: Date) -> HttpResponse:
    return _day_page(request, day_of(date))


def _day_page(request: HttpRequest, day: Day) -> HttpResponse:
    return render(request, "programme/day.html", {"day": day, "page": DayPage(day)})


@require_safe
@public
def editions(request: HttpRequest) -> HttpResponse:
    found = Edition.objects.prefetch_related("days").annotate(n_talks=Count("days__talks")).order_by("-year")
    return render(request, "programme/editions.html", {"editions": found})


@require_safe
@public
def talk(request: HttpRequest, pk: int) -> HttpResponse:
    page = TalkPage(pk)
    return render(request, "programme/talk.html", {"talk": page.talk, "page": page})


@require_safe
@public
def speaker(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Speaker, pk=pk)
    talks = found.talks.select_related("day__edition", "track", "room").order_by("-day__date", "starts")
    return render(request, "programme/speaker.html", {"speaker": found, "talks": talks})


@require_safe
@public
def track(request: HttpRequest, slug: str) -> HttpResponse:
    """A track's talks in the newest edition."""
    found = get_object_or_404(Track, slug__exactly=slug)
    edition = Edition.objects.first()
    talks = _talks().filter(track=found, day__edition=edition).select_related("day", "track", "room")
    context = {"track": found, "edition": edition, "talks": talks, "tracks": Track.objects.all()}
    return render(request, "programme/track.html", context)


@require_safe
@public
def search(request: HttpRequest) -> HttpResponse:
    """Talks by a word: SQL's LIKE, which reads every row. A search engine would not."""
    q = request.GET.get("q", "").strip()[:80]
    context = {"q": q}
    if q:
        hit = Q(title__icontains=q) | Q(abstract__icontains=q)
        found = Talk.objects.filter(hit)
        context["n_found"] = found.count()
        newest_first = found.select_related("day__edition", "track", "room").order_by("-day__date", "starts")
        context["talks"] = newest_first[:RESULTS_SHOWN]
    return render(request, "programme/search.html", context)


def _talks():
    return Talk.objects.prefetch_related("speakers")


# ------------------------------------------------------------------------------------ writing


@require_http_methods(["GET", "HEAD", "POST"])
@no_store
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    """A form of its own, so that no page that a cache may keep carries a visitor's CSRF token."""
    found = get_object_or_404(Talk, pk=pk)
    form = CommentForm(request.POST if request.method == "POST" else None, instance=Comment(talk=found))
    if form.is_valid():
        return _posted(request, form.save())
    status = 422 if form.is_bound else 200
    return render(request, "programme/comment.html", {"talk": found, "form": form}, status=status)


def _posted(request: HttpRequest, comment: Comment) -> HttpResponse:
    """To a browser a redirect, so that reloading does not post twice; to a program plain JSON."""
    forget_comments(comment.talk_id)
    if not request.accepts("text/html"):
        return JsonResponse({"comment": comment.pk, "talk": comment.talk_id}, status=201)
    # A new address, so that the browser's copy of the talk's page does not hide the comment.
    url = f"{reverse('talk', args=[comment.talk_id])}?posted={comment.pk}#comment-{comment.pk}"
    response = redirect(url)
    response.status_code = 303  # See Other: fetch it with GET
    return response


# ------------------------------------------------------------------------------ for measuring


@require_safe
@no_store
def hello(request: HttpRequest) -> HttpResponse:
    """A template and nothing else."""
    return render(request, "programme/hello.html")


@require_safe
@no_store
def wait(request: HttpRequest) -> HttpResponse:
    """Wait for something else: a payment service, say. The processor is free meanwhile."""
    time.sleep(WAIT_S)
    return render(request, "programme/wait.html", {"wait_ms": round(WAIT_S * 1000)})


@require_safe
@no_store
def cpu(request: HttpRequest) -> HttpResponse:
    """Compute. Nobody else in this process can run Python meanwhile."""
    context = {"n_primes": count_primes(PRIMES_BELOW), "below": PRIMES_BELOW}
    return render(request, "programme/cpu.html", context)


def count_primes(below: int) -> int:
    """How many primes are smaller than `below`. Source: the sieve of Eratosthenes."""
    is_prime = [False, False] + [True] * (below - 2)
    for number in range(2, int(below**0.5) + 1):
        if is_prime[number]:
            for multiple in range(number * number, below, number):
                is_prime[multiple] = False
    return sum(is_prime)


@require_safe
@no_store
def whoami(request: HttpRequest) -> JsonResponse:
    """Which process of which server answers. For the course: a public site would not say this."""
    thread = threading.current_thread()
    return JsonResponse(
        {
            "pid": os.getpid(),
            "thread": thread.ident,
            "thread_name": thread.name,
            "n_threads": threading.active_count(),
            "server": request.META.get("SERVER_SOFTWARE", ""),
            "host": socket.gethostname(),
            "visitor": request.META.get("REMOTE_ADDR", ""),
            "scheme": request.scheme,
            "database": connection.vendor,
            "conn_max_age": connection.settings_dict["CONN_MAX_AGE"],
            "sqlite_synchronous": settings.SQLITE_SYNCHRONOUS,
            "cache": settings.CACHE,
            "cache_levels": settings.CACHE_LEVELS,
            "static_files": settings.STATIC_FILES,
            "debug": settings.DEBUG,
            "multithread": bool(request.META.get("wsgi.multithread")),
            "multiprocess": bool(request.META.get("wsgi.multiprocess")),
        }
    )


@require_safe
@no_store
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503. Its reason goes to the log, not to the visitor."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        logger.exception("The database does not answer.")
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
