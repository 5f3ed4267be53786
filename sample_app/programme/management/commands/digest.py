"""`manage.py digest`: one line that says whether the conference's rows are the right ones."""

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from programme.seeding import rows, store


class Command(BaseCommand):
    help = "Print the SHA-256 of the seeded rows. Comments posted later do not change it."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--expected", action="store_true",
                            help="print what it should be; this does not ask the database")
        parser.add_argument("--check", action="store_true",
                            help="end with an error where the two differ")

    def handle(self, *args, expected: bool, check: bool, **options) -> None:
        wanted = rows.make()
        should = store.expected_digest(wanted)
        if expected:
            self.stdout.write(should)
            return
        try:
            stored = store.stored_digest(wanted)
        except DatabaseError as error:
            raise CommandError(f"{error}. If a table is missing: manage.py migrate.") from error
        self.stdout.write(stored)
        if check and stored != should:
            raise CommandError(f"The rows should give {should}. manage.py seed puts them back.")
