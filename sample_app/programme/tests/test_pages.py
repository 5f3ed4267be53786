"""What visitors see."""

from django.urls import reverse

from programme.models import Comment, Day, Edition, Speaker, Talk, Track
from programme.tests.base import SeededTestCase, TestCase


class Pages(SeededTestCase):
    def addresses(self) -> list[str]:
        rows = [Talk.objects.first(), Speaker.objects.first(), Track.objects.first(), Day.objects.first()]
        names = ["home", "editions", "search", "hello", "wait", "cpu"]
        return [reverse(name) for name in names] + [row.get_absolute_url() for row in rows]

    def test_every_page_is_whole(self):
        for address in self.addresses():
            with self.subTest(address):
                response = self.client.get(address)
                self.assertEqual(response.status_code, 200)
                self.assertTrue(response.content.rstrip().endswith(b"</html>"))

    def test_no_page_asks_another_host(self):
        for address in self.addresses():
            with self.subTest(address):
                self.assertNotRegex(self.client.get(address).content.decode(), r'(src|href)="(https?:)?//')

    def test_the_page_costs_eight_queries(self):
        with self.assertNumQueries(8):
            self.client.get("/")

    def test_the_page_is_long_and_always_the_same(self):
        first, second = self.client.get("/"), self.client.get("/")
        self.assertEqual(first.content, second.content)
        self.assertGreater(len(first.content), 20_000)

    def test_the_page_shows_the_first_day_of_the_newest_edition(self):
        newest = Edition.objects.get(year=2026)
        self.assertEqual(self.client.get("/").context["day"], newest.days.first())

    def test_each_talk_of_the_day_is_on_the_page_once(self):
        response = self.client.get("/")
        for talk in response.context["day"].talks.all():
            self.assertContains(response, f'<h4 class="talk-card__title"><a href="/talks/{talk.pk}/">', 1)

    def test_most_discussed_counts_the_comments_of_the_day(self):
        for talk in self.client.get("/").context["page"].discussed:
            self.assertEqual(talk.n_comments, Comment.objects.filter(talk=talk).count())

    def test_templates_alone_ask_the_database_nothing(self):
        for name in ["hello", "wait", "cpu"]:
            with self.subTest(name), self.assertNumQueries(0):
                self.client.get(reverse(name))

    def test_a_talk_lists_what_runs_beside_it(self):
        talk = Talk.objects.filter(kind=Talk.Kind.TALK).first()
        beside = self.client.get(talk.get_absolute_url()).context["page"].beside
        self.assertEqual({other.starts for other in beside}, {talk.starts})
        self.assertNotIn(talk, beside)

    def test_a_track_lists_the_newest_edition_only(self):
        talks = self.client.get("/tracks/web/").context["talks"]
        self.assertEqual({talk.day.edition.year for talk in talks}, {2026})


class Search(SeededTestCase):
    def test_finds_by_title_whatever_the_case(self):
        talk = Talk.objects.filter(title__contains="weather stations").last()
        self.assertContains(self.client.get("/search/", {"q": "WEATHER Stations"}), talk.title)

    def test_says_when_there_is_nothing(self):
        self.assertContains(self.client.get("/search/", {"q": "zzzz"}), "Nothing found")

    def test_an_empty_question_asks_the_database_nothing(self):
        with self.assertNumQueries(0):
            self.client.get("/search/", {"q": "  "})

    def test_the_question_is_escaped(self):
        response = self.client.get("/search/", {"q": '"><script>alert(1)</script>'})
        self.assertNotContains(response, "<script>alert")
        self.assertContains(response, "&lt;script&gt;")

    def test_shows_no_more_than_a_page(self):
        response = self.client.get("/search/", {"q": "e"})
        self.assertEqual(len(response.context["talks"]), 40)
        self.assertContains(response, "These are the newest 40.")


class EmptyDatabase(TestCase):
    def test_the_home_page_says_what_to_do(self):
        self.assertContains(self.client.get("/"), "manage.py seed")

    def test_the_lists_are_empty_but_there(self):
        for address in ["/editions/", "/search/?q=a"]:
            self.assertEqual(self.client.get(address).status_code, 200)
