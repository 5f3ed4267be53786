"""The organisers' side."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from programme.models import Comment, Day, Edition, Room, Speaker, Talk, Track

admin.site.site_header = "Harbour: the organisers' side"
admin.site.site_title = "Harbour"
admin.site.index_title = "Programme"


class DayInline(admin.TabularInline):
    model = Day
    extra = 0


@admin.register(Edition)
class EditionAdmin(admin.ModelAdmin):
    list_display = ["year", "town", "motto"]
    inlines = [DayInline]


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    list_display = ["name", "floor", "seats"]


@admin.register(Track)
class TrackAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "summary"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Speaker)
class SpeakerAdmin(admin.ModelAdmin):
    list_display = ["name", "organisation", "n_talks"]
    search_fields = ["name", "organisation"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Speaker]:
        return super().get_queryset(request).annotate(n_talks=Count("talks"))

    @admin.display(description="talks", ordering="n_talks")
    def n_talks(self, speaker: Speaker) -> int:
        return speaker.n_talks


@admin.register(Talk)
class TalkAdmin(admin.ModelAdmin):
    list_display = ["title", "day", "starts", "room", "track", "kind"]
    list_filter = ["day__edition", "track", "kind", "level", "room"]
    list_select_related = ["day", "room", "track"]
    search_fields = ["title", "abstract", "speakers__name"]
    # Hundreds of speakers in a drop-down help nobody.
    autocomplete_fields = ["speakers"]


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin):
    list_display = ["posted_at", "name", "talk", "start"]
    list_select_related = ["talk"]
    search_fields = ["name", "body", "talk__title"]
    raw_id_fields = ["talk"]  # nor do hundreds of talks
    readonly_fields = ["posted_at"]
    show_full_result_count = False  # a load test may have posted very many

    @admin.display(description="comment")
    def start(self, comment: Comment) -> str:
        return comment.body[:80]
