"""`manage.py forget NAME`: delete what somebody posted."""

from django.core.management.base import BaseCommand, CommandError

from programme.models import Comment
from programme.seeding.words import NICKNAMES


class Command(BaseCommand):
    help = "Delete the comments that somebody of this name posted: a load test, say. The seed's rows stay."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name", help="as it stands beside the comments")

    def handle(self, *args, name: str, **options) -> None:
        if name in NICKNAMES:
            raise CommandError(f"{name} is one of the seed's people. manage.py seed puts the seed's comments back.")
        deleted, _ = Comment.objects.filter(name=name).delete()
        self.stdout.write(f"Deleted {deleted:,} comments by {name}.")
