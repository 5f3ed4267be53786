"""Every row of the conference, in memory: the same objects on every machine, with their ids."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from programme.models import Comment, Day, Edition, Room, Speaker, Talk, Track
from programme.seeding import texts
from programme.seeding.dice import Dice
from programme.seeding.words import (
    DAY_THEMES,
    EDITIONS,
    FIRST_NAMES,
    LAST_NAMES,
    NICKNAMES,
    ORGANISATIONS,
    ROOMS,
    TRACKS,
)

SEED = 2011
N_SPEAKERS = 540
SLOTS = [time(10, 30), time(11, 30), time(14, 0), time(15, 0), time(16, 15)]  # every room has a talk
MINUTES = {Talk.Kind.KEYNOTE: 60, Talk.Kind.TALK: 40, Talk.Kind.WORKSHOP: 50, Talk.Kind.LIGHTNING: 50}
SUBJECTS = {slug: subjects for slug, _, _, subjects in TRACKS}

TalkSpeaker = Talk.speakers.through


@dataclass
class Rows:
    """The rows, table by table; a table comes after those it points to."""

    editions: list[Edition] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    speakers: list[Speaker] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    talk_speakers: list = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    def tables(self) -> list[list]:
        return list(self.__dict__.values())

    def __len__(self) -> int:
        return sum(len(table) for table in self.tables())


def make() -> Rows:
    """All rows, from the first edition to the last."""
    dice, rows = Dice(SEED), Rows()
    rows.rooms = [Room(id=i, name=n, floor=f, seats=s) for i, (n, f, s) in enumerate(ROOMS, 1)]
    rows.tracks = [Track(id=i, slug=s, name=n, summary=t) for i, (s, n, t, _) in enumerate(TRACKS, 1)]
    rows.speakers = _speakers(dice)
    titles: set[str] = set()
    for edition in EDITIONS:
        _add_edition(dice, rows, edition, titles)
    return rows


def _subjects(dice: Dice, track: Track) -> tuple[str, str]:
    subject, other = dice.some(SUBJECTS[track.slug], 2)
    return subject, other


def _speakers(dice: Dice) -> list[Speaker]:
    names = dice.some([f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES], N_SPEAKERS)
    speakers = []
    for pk, name in enumerate(names, 1):
        organisation = dice.pick(ORGANISATIONS)
        subject, other = dice.some([s for subjects in SUBJECTS.values() for s in subjects], 2)
        work = organisation if organisation[0].isupper() else "home"
        about = texts.sentence(dice, dice.pick(texts.ABOUTS), subject, other, name=name.split()[0], org=work)
        speakers.append(Speaker(id=pk, name=name, organisation=organisation, about=about))
    return speakers


def _add_edition(dice: Dice, rows: Rows, edition: tuple, titles: set[str]) -> None:
    year, town, motto, month, first_day = edition
    row = Edition(id=len(rows.editions) + 1, year=year, town=town, motto=motto)
    rows.editions.append(row)
    first_talk = len(rows.talks)
    for number, theme in enumerate(DAY_THEMES, 1):
        when = date(year, month, first_day) + timedelta(days=number - 1)
        day = Day(id=len(rows.days) + 1, edition=row, date=when, number=number, theme=theme)
        rows.days.append(day)
        _add_talks(dice, rows, day, titles)
    _add_comments(dice, rows, rows.talks[first_talk:])


def _add_talks(dice: Dice, rows: Rows, day: Day, titles: set[str]) -> None:
    """One day: a keynote, then talks in every room, then the lightning talks."""
    main_deck, *small_rooms = rows.rooms
    free = dice.some(rows.speakers, 80)  # nobody speaks twice on one day
    _add_talk(dice, rows, day, time(9, 15), main_deck, Talk.Kind.KEYNOTE, titles, free)
    for starts in SLOTS:
        for room in rows.rooms:
            long = room is small_rooms[-1] and starts in (SLOTS[0], SLOTS[2])
            kind = Talk.Kind.WORKSHOP if long else Talk.Kind.TALK
            _add_talk(dice, rows, day, starts, room, kind, titles, free)
    _add_talk(dice, rows, day, time(17, 15), main_deck, Talk.Kind.LIGHTNING, titles, free)


def _add_talk(dice: Dice, rows: Rows, day: Day, starts: time, room: Room, kind: Talk.Kind,
              titles: set[str], free: list[Speaker]) -> None:
    track = dice.pick(rows.tracks)
    subject, other = _subjects(dice, track)
    talk = Talk(
        id=len(rows.talks) + 1, day=day, starts=starts, room=room, track=track, kind=kind,
        title=_title(dice, kind, day, subject, other, titles),
        abstract=texts.abstract(dice, subject, other),
        level=dice.pick([Talk.Level.EVERYONE, Talk.Level.EVERYONE, Talk.Level.SOME, Talk.Level.DEEP]),
        minutes=MINUTES[kind],
    )
    rows.talks.append(talk)
    for _ in range(2 if kind == Talk.Kind.WORKSHOP or dice.chance(15) else 1):
        rows.talk_speakers.append(TalkSpeaker(id=len(rows.talk_speakers) + 1, talk=talk, speaker=free.pop()))


def _title(dice: Dice, kind: Talk.Kind, day: Day, subject: str, other: str, titles: set[str]) -> str:
    """A title that nobody has used; after a few attempts with the year behind it."""
    if kind == Talk.Kind.LIGHTNING:
        return texts.LIGHTNING[day.number - 1]
    patterns = texts.KEYNOTES if kind == Talk.Kind.KEYNOTE else texts.TITLES
    for _ in range(5):
        title = texts.sentence(dice, dice.pick(patterns), subject, other)
        if title not in titles:
            break
    else:
        title = f"{title} ({day.date.year})"
    titles.add(title)
    return title


def _add_comments(dice: Dice, rows: Rows, talks: list[Talk]) -> None:
    """Comments on one edition, in the order in which they were posted; a few talks get most."""
    drafts = []
    for talk in talks:
        n = dice.below(6) + (dice.below(30) if dice.chance(12) else 0)
        ends = datetime.combine(talk.day.date, talk.ends, tzinfo=UTC)
        drafts += [(ends + timedelta(minutes=dice.below(2000)), talk) for _ in range(n)]
    drafts.sort(key=lambda draft: (draft[0], draft[1].id))
    for when, talk in drafts:
        subject, other = _subjects(dice, talk.track)
        body = " ".join(texts.sentence(dice, pattern, subject, other)
                        for pattern in dice.some(texts.COMMENTS, 1 + dice.below(3)))
        rows.comments.append(Comment(id=len(rows.comments) + 1, talk=talk, name=dice.pick(NICKNAMES),
                                     body=body, posted_at=when))
