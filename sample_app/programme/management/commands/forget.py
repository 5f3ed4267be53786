"""`manage.py forget NAME`: delete what somebody posted."""

from django.core.management.base import BaseCommand, CommandError

from programme.models import Comment
from programme.seeding.words import NICKNAMES


class Command(BaseCommand):
    help = "Delete the comments posted under this name, for example by a load test. The seed's rows stay."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name", help="as shown with the comments")

    def handle(self, *args, name: str, **options) -> None:
        if name in NICKNAMES:
            raise CommandError(f"{name} is one of the seed's people. manage.py seed puts the seed's comments back.")
        deleted, _ = Comment.objects.filter(name__exactly=name).delete()
        self.stdout.write(f"Deleted {deleted:,} comments by {name}.")
