"""The application's settings with what cookiecutter-django adds to them that a load test can feel.

Source: the project that cookiecutter-django generates, as of August 2026: config/settings/base.py (ATOMIC_REQUESTS)
and config/settings/production.py (CONN_MAX_AGE 60, CACHES, STORAGES).
Not reproduced: its cache in Redis (the application uses none here), static files on S3 (a service on the Internet),
TLS, and its middleware for languages and accounts (LocaleMiddleware, allauth): the application is the same everywhere.
"""

import os

from programme.settings import *  # noqa: F403
from programme.settings import DATABASES, MIDDLEWARE

# Every view in a transaction: two more words with the database for each page that asks it.
DATABASES["default"]["ATOMIC_REQUESTS"] = True

if os.environ.get("DJANGO_WHITENOISE") == "1":
    # use_whitenoise = y: static files by the application itself: hashed names, compressed ahead, a far-future date.
    MIDDLEWARE.insert(MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1,
                      "whitenoise.middleware.WhiteNoiseMiddleware")
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
