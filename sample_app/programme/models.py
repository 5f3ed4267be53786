"""The tables: editions and their days, rooms, tracks, speakers, talks, comments."""

from datetime import datetime, time, timedelta

from django.db import models
from django.urls import reverse
from django.utils import timezone

from programme import lookups  # noqa: F401 (`name__exactly`)


class Edition(models.Model):
    """One year's conference."""

    year = models.PositiveSmallIntegerField(unique=True)
    town = models.CharField(max_length=60)
    motto = models.CharField(max_length=120)

    class Meta:
        ordering = ["-year"]

    def __str__(self) -> str:
        return f"{self.town} {self.year}"


class Day(models.Model):
    """One day of an edition."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="days")
    date = models.DateField(unique=True)
    number = models.PositiveSmallIntegerField(help_text="1 is the first day of its edition")
    theme = models.CharField(max_length=80)

    class Meta:
        ordering = ["date"]

    def __str__(self) -> str:
        return f"{self.date:%d.%m.%Y}"

    def get_absolute_url(self) -> str:
        return reverse("day", args=[self.date])


class Room(models.Model):
    """Where a talk is given."""

    name = models.CharField(max_length=40)
    floor = models.PositiveSmallIntegerField()
    seats = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class Track(models.Model):
    """What a talk is about. Its slug names its picture and its colour in the style sheet."""

    name = models.CharField(max_length=40)
    slug = models.SlugField(max_length=40, unique=True)
    summary = models.CharField(max_length=200)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def picture(self) -> str:
        """Its static file."""
        return f"programme/tracks/{self.slug}.svg"

    def get_absolute_url(self) -> str:
        return reverse("track", args=[self.slug])


class Speaker(models.Model):
    """Who gives talks."""

    name = models.CharField(max_length=80)
    organisation = models.CharField(max_length=80)
    about = models.TextField()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        """The first letters of the first and the last name."""
        parts = self.name.split() or ["?"]
        return (parts[0][0] + parts[-1][0]).upper()

    @property
    def hue(self) -> int:
        """One of six colours for the round with the initials; always the same for one person."""
        return (self.pk or 0) % 6 + 1

    def get_absolute_url(self) -> str:
        return reverse("speaker", args=[self.pk])


class Talk(models.Model):
    """Something on the programme.

    Date and time of day are apart: finding the talks of a day then needs no time zone tables,
    which a fresh MariaDB does not have.
    """

    class Kind(models.TextChoices):
        KEYNOTE = "keynote", "Keynote"
        TALK = "talk", "Talk"
        WORKSHOP = "workshop", "Workshop"
        LIGHTNING = "lightning", "Lightning talks"

    class Level(models.TextChoices):
        EVERYONE = "everyone", "For everyone"
        SOME = "some", "Some experience"
        DEEP = "deep", "In depth"

    title = models.CharField(max_length=140)
    abstract = models.TextField()
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TALK)
    level = models.CharField(max_length=10, choices=Level, default=Level.EVERYONE)
    day = models.ForeignKey(Day, on_delete=models.CASCADE, related_name="talks")
    starts = models.TimeField()
    minutes = models.PositiveSmallIntegerField(default=40)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="talks")
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="talks")
    speakers = models.ManyToManyField(Speaker, related_name="talks")

    class Meta:
        ordering = ["day", "starts", "room"]

    def __str__(self) -> str:
        return self.title

    @property
    def ends(self) -> time:
        """The time of day it ends."""
        return (datetime.combine(datetime.min, self.starts) + timedelta(minutes=self.minutes)).time()

    def get_absolute_url(self) -> str:
        return reverse("talk", args=[self.pk])


class Comment(models.Model):
    """What somebody said about a talk. Newer ones have higher numbers."""

    talk = models.ForeignKey(Talk, on_delete=models.CASCADE, related_name="comments")
    name = models.CharField(max_length=60)
    body = models.TextField(max_length=1000)
    posted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]  # the primary key is in order of time and needs no second index

    def __str__(self) -> str:
        return f"{self.name} on {self.talk_id}"

    def get_absolute_url(self) -> str:
        return f"{reverse('talk', args=[self.talk_id])}#comment-{self.pk}"
