"""What the two long pages read from the database.

Each part is asked for when a template first needs it, and not at all where the template has a
cached fragment instead. `remember` is the cache of the level `data`; with it off, it only calls.
"""

from datetime import date as Date
from datetime import time
from functools import cached_property
from itertools import groupby

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404

from programme.caching import comments_key, remember
from programme.models import Comment, Day, Speaker, Talk, Track

COMMENTS_SHOWN = 40


def newest_day() -> Day | None:
    """The first day of the newest edition, whatever today's date: the same work at every measurement."""
    return remember("newest-day", lambda: _days().order_by("-edition__year", "number").first())


def day_of(date: Date) -> Day:
    """The day with this date.

    Raises:
        Http404: there is none. That is not remembered.
    """
    return remember(f"day:{date}", lambda: get_object_or_404(_days(), date=date))


def _days():
    return Day.objects.select_related("edition").prefetch_related("edition__days")


class DayPage:
    """One day's programme, in 8 queries with the two that found the day and its neighbours."""

    def __init__(self, day: Day) -> None:
        self.day = day

    @cached_property
    def talks(self) -> list[Talk]:
        """The day's talks, each with its speakers and `n_comments`."""
        return remember(f"talks:{self.day.pk}", self._read_talks)

    def _read_talks(self) -> list[Talk]:
        counts = dict(
            Comment.objects.filter(talk__day=self.day).order_by().values_list("talk").annotate(Count("id"))
        )
        talks = list(self.day.talks.select_related("track", "room").prefetch_related("speakers"))
        for talk in talks:
            talk.n_comments = counts.get(talk.pk, 0)
        return talks

    @cached_property
    def slots(self) -> list[tuple[time, list[Talk]]]:
        """The talks by the time at which they start."""
        return [(starts, list(group)) for starts, group in groupby(self.talks, key=lambda talk: talk.starts)]

    @cached_property
    def tracks(self) -> list[Track]:
        """All tracks, each with `n_talks` of this day."""
        # A query that groups forgets the order in the model's Meta.
        counted = Track.objects.annotate(n_talks=Count("talks", filter=Q(talks__day=self.day))).order_by("id")
        return remember(f"tracks:{self.day.pk}", lambda: list(counted))

    @cached_property
    def discussed(self) -> list[Talk]:
        """The five talks with the most comments."""
        return sorted(self.talks, key=lambda talk: (-talk.n_comments, talk.pk))[:5]

    @cached_property
    def speakers(self) -> list[Speaker]:
        """Who is on stage, in the order of the day."""
        return list(dict.fromkeys(who for talk in self.talks for who in talk.speakers.all()))[:18]

    @cached_property
    def comments(self) -> list[Comment]:
        """The latest of the whole site."""
        # Not select_related: MariaDB then begins with the talks, and sorts every comment there is.
        return remember("latest-comments", lambda: list(Comment.objects.prefetch_related("talk")[:6]))


class TalkPage:
    """One talk, what people said about it and what runs beside it, in 5 queries.

    Raises:
        Http404: there is no such talk. That is not remembered.
    """

    def __init__(self, pk: int) -> None:
        whole = Talk.objects.select_related("day__edition", "track", "room")
        self.talk: Talk = remember(f"talk:{pk}", lambda: get_object_or_404(whole, pk=pk))

    @cached_property
    def speakers(self) -> list[Speaker]:
        return remember(f"speakers:{self.talk.pk}", lambda: list(self.talk.speakers.all()))

    @cached_property
    def _discussion(self) -> tuple[int, list[Comment]]:
        comments = self.talk.comments.all()
        return remember(comments_key(self.talk.pk), lambda: (comments.count(), list(comments[:COMMENTS_SHOWN])))

    @property
    def n_comments(self) -> int:
        return self._discussion[0]

    @property
    def comments(self) -> list[Comment]:
        return self._discussion[1]

    @cached_property
    def beside(self) -> list[Talk]:
        """The other talks that begin at the same time."""
        at_once = self.talk.day.talks.filter(starts=self.talk.starts).exclude(pk=self.talk.pk)
        return remember(f"beside:{self.talk.pk}", lambda: list(at_once.select_related("track", "room")))
