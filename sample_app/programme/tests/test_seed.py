"""The same data on every machine."""

from django.core.management.base import CommandError

from programme.models import Comment, Speaker, Talk
from programme.seeding import rows
from programme.seeding.dice import Dice
from programme.tests.base import DIGEST, SeededTestCase, TestCase, call


class Generator(TestCase):
    def test_the_dice_fall_as_published(self):
        """The first numbers of splitmix64 for the seed 1234567, from its reference implementation."""
        dice = Dice(1234567)
        self.assertEqual([dice.below(2**64) for _ in range(3)],
                         [6457827717110365317, 3203168211198807973, 9817491932198370423])

    def test_the_digest_is_known(self):
        self.assertEqual(call("digest", "--expected"), DIGEST)

    def test_names_and_titles(self):
        made = rows.make()
        self.assertEqual(len({speaker.name for speaker in made.speakers}), len(made.speakers))
        titles = [talk.title for talk in made.talks if talk.kind != Talk.Kind.LIGHTNING]
        self.assertEqual(len(set(titles)), len(titles))
        self.assertLessEqual(max(map(len, titles)), 140)

    def test_nobody_is_in_two_rooms_at_once(self):
        seen = set()
        for link in rows.make().talk_speakers:
            key = (link.talk.day_id, link.speaker_id)
            self.assertNotIn(key, seen)
            seen.add(key)

    def test_comments_are_in_the_order_of_time(self):
        times = [comment.posted_at for comment in rows.make().comments]
        self.assertEqual(times, sorted(times))


class Seed(SeededTestCase):
    def test_thousands_of_rows(self):
        self.assertEqual(Talk.objects.count(), 810)
        self.assertGreater(Comment.objects.count(), 3000)

    def test_the_database_gives_back_what_it_got(self):
        self.assertEqual(call("digest"), DIGEST)
        self.assertEqual(call("digest", "--check"), DIGEST)

    def test_twice_changes_nothing_and_says_so(self):
        with self.assertNumQueries(len(rows.make().tables())):  # it reads each table and writes none
            said = call("seed")
        self.assertIn("Nothing to do", said)

    def test_it_mends_what_was_changed_and_keeps_what_was_added(self):
        mine = Comment.objects.create(talk_id=1, name="me", body="stays")
        Talk.objects.filter(pk=7).update(title="changed")
        Comment.objects.filter(pk__in=[1, 2, 3]).delete()
        Talk.objects.get(pk=8).speakers.set(Speaker.objects.filter(pk__in=[1, 2, 3]))
        self.assertNotEqual(call("digest"), DIGEST)
        with self.assertRaisesMessage(CommandError, "manage.py seed"):
            call("digest", "--check")
        self.assertIn("Seeded", call("seed"))
        self.assertEqual(call("digest"), DIGEST)
        self.assertTrue(Comment.objects.filter(pk=mine.pk).exists())

    def test_reset_keeps_nothing(self):
        Comment.objects.create(talk_id=1, name="me", body="goes")
        call("seed", "--reset")
        self.assertEqual(Comment.objects.count(), len(rows.make().comments))

    def test_new_rows_come_after_the_seeded_ones(self):
        mine = Comment.objects.create(talk_id=1, name="me", body="new")
        self.assertGreater(mine.pk, len(rows.make().comments))

    def test_the_digest_does_not_depend_on_the_time_zone(self):
        with self.settings(TIME_ZONE="Asia/Tokyo"):
            self.assertEqual(call("digest"), DIGEST)
