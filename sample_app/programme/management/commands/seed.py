"""`manage.py seed`: fill the database with the conference, always with the same rows."""

import time

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from programme.seeding import rows, store


class Command(BaseCommand):
    help = "Fill the database with the conference. A second run changes nothing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--reset", action="store_true",
                            help="first delete all rows, with the comments that people posted")

    def handle(self, *args, reset: bool, **options) -> None:
        try:
            self.seed(reset)
        except DatabaseError as error:
            raise CommandError(f"{error}. If a table is missing: manage.py migrate. If rows clash with "
                               f"your own: manage.py seed --reset.") from error

    def seed(self, reset: bool) -> None:
        started = time.perf_counter()
        wanted = rows.make()
        if reset:
            store.clear(wanted)
        digest = store.expected_digest(wanted)
        if store.stored_digest(wanted) == digest:
            self.stdout.write(f"Nothing to do: the {len(wanted):,} rows are there (digest {digest}).")
            return
        store.save(wanted)
        if store.stored_digest(wanted) != digest:
            raise CommandError("The database gives back other rows than it was given. Was it made with "
                               "CHARACTER SET utf8mb4?")
        seconds = time.perf_counter() - started
        self.stdout.write(f"Seeded {len(wanted):,} rows in {seconds:.1f} s (digest {digest}).")
