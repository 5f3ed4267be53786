"""Every address of the site."""

from datetime import date

from django.conf import settings
from django.contrib import admin
from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter
from django.views.static import serve

from programme import views


class DateConverter:
    """A date in an address: 2026-09-09."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)  # its ValueError means 404

    def to_url(self, value: date) -> str:
        return value.isoformat()


class IdConverter(IntConverter):
    """The number of a row. One with more digits is nobody's, and would be too long for a cache's key."""

    regex = "[0-9]{1,18}"


register_converter(DateConverter, "date")
register_converter(IdConverter, "id")

urlpatterns = [
    # The site
    path("", views.home, name="home"),
    path("days/<date:date>/", views.day, name="day"),
    path("editions/", views.editions, name="editions"),
    path("talks/<id:pk>/", views.talk, name="talk"),
    path("talks/<id:pk>/comment/", views.comment, name="comment"),
    path("speakers/<id:pk>/", views.speaker, name="speaker"),
    path("tracks/<slug:slug>/", views.track, name="track"),
    path("search/", views.search, name="search"),
    path("admin/", admin.site.urls),
    # For measuring
    path("test/", views.hello, name="hello"),
    path("wait/", views.wait, name="wait"),
    path("cpu/", views.cpu, name="cpu"),
    path("whoami/", views.whoami, name="whoami"),
    path("healthz/", views.healthz, name="healthz"),
]

if settings.SERVE_STATIC:
    # Django's manual says of this view: not for production. It is here for a comparison.
    urlpatterns.append(re_path(r"^static/(?P<path>.*)$", serve, {"document_root": settings.STATIC_ROOT}))
