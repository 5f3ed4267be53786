"""Settings of the conference programme.

Every value that differs between machines comes from an environment variable (the list is in
README.md), or from `local_settings.py` beside this file. The defaults suit development, but for
one: DEBUG is off unless somebody asks for it.

A name in capitals is a setting. One in small letters is only what a setting is made of: Django does not see it.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from programme import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Who may see what ------------------------------------------------------------------------

DEBUG = env.flag("DJANGO_DEBUG")
SECRET_KEY = env.text("DJANGO_SECRET_KEY")  # verified at the end, after local_settings.py

# Django refuses a request whose Host header is not listed here, with 400. A proxy in front must
# pass on the Host the visitor typed, with its port (nginx: `proxy_set_header Host $http_host`).
# USE_X_FORWARDED_HOST stays off: anyone who can send that header could choose the host.
ALLOWED_HOSTS = env.words("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

# Needed only where the browser's Origin differs from the Host that Django sees: behind a proxy
# that ends TLS or drops the port. Each entry has its scheme: `http://192.0.2.10:8003`.
CSRF_TRUSTED_ORIGINS = env.words("DJANGO_CSRF_TRUSTED_ORIGINS")

# Pages that may show this site in a frame. `'self'` is always one of them.
FRAME_ANCESTORS = ["'self'", *env.words("DJANGO_FRAME_ANCESTORS")]

# The site is reached over https alone. A server in front ends TLS, and says so in X-Forwarded-Proto; it must put
# its own value in place of a visitor's. Where this is off, `check --deploy` names W004, W008, W012 and W016,
# deliberately not silenced: a site on the open internet must deal with them.
HTTPS = env.flag("DJANGO_HTTPS")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# For how many seconds a browser that has been here asks for nothing of this name by http. 0: it is not told.
SECURE_HSTS_SECONDS = env.number("DJANGO_HSTS_S")

# `check --deploy` asks for XFrameOptionsMiddleware (security.W002). X-Frame-Options knows only
# "same origin" and "nobody", so programme.middleware.frame_ancestors does that work instead.
# W005 and W021 ask that HSTS holds for every name below this one too, and be built into browsers: not for a site that
# begins, and not for one that does not own the whole name.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W005", "security.W021"]

# --- The application -------------------------------------------------------------------------

INSTALLED_APPS = [
    "programme",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "compressor",
]

MIDDLEWARE = [
    "programme.middleware.number_request",  # first, so that whatever is logged has its number
    "programme.middleware.name_process",  # before what can fail, so that error pages carry its header too
    "programme.middleware.visitor_address",
    "programme.middleware.frame_ancestors",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",  # ETag, and 304 where it matches
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "programme.urls"
WSGI_APPLICATION = "programme.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database --------------------------------------------------------------------------------

# full: a commit is on the disk before its visitor gets an answer, which is MariaDB's default too
# (innodb_flush_log_at_trx_commit = 1). normal: the system writes it a moment later. If the power
# goes then, the last commits are lost, but never the whole file.
SQLITE_SYNCHRONOUS = env.choice("DJANGO_SQLITE_SYNCHRONOUS", "full", "normal")

sqlite = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": env.text("DJANGO_SQLITE_PATH") or BASE_DIR / "db.sqlite3",
    "OPTIONS": {
        # Readers go on while somebody writes. SQLite then keeps two more files beside the
        # database, so its folder must be writable too.
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={SQLITE_SYNCHRONOUS};",
        # Ask for the write lock at the start of a transaction: two writers then wait for each
        # other, instead of one failing with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds
    },
}

mysql = {
    "ENGINE": "django.db.backends.mysql",  # MariaDB too
    "NAME": env.text("DJANGO_MYSQL_NAME", "programme"),
    "USER": env.text("DJANGO_MYSQL_USER", "programme"),
    "PASSWORD": env.text("DJANGO_MYSQL_PASSWORD"),
    "HOST": env.text("DJANGO_MYSQL_SOCKET") or env.text("DJANGO_MYSQL_HOST", "127.0.0.1"),
    "OPTIONS": {
        "charset": "utf8mb4",  # all of Unicode; MySQL's own "utf8" stops at three bytes
        # An over-long text is an error. And how many seconds a change of a table waits for those who use it; by default
        # it is a day, and everybody who asks for the table after it waits too. A release allows its migrations 3.
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES', "
                        f"lock_wait_timeout={env.number('DJANGO_MYSQL_LOCK_WAIT_S', 86_400)}",
        "connect_timeout": 5,  # seconds
        # Seconds for which a query may be silent: behind a lock, or with a server that is gone. Then the visitor gets
        # 500 and the log the reason. 0: for ever, and each such request keeps its thread.
        "read_timeout": env.number("DJANGO_MYSQL_TIMEOUT"),
        "write_timeout": env.number("DJANGO_MYSQL_TIMEOUT"),
    },
    # The test database gets the same alphabet.
    "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
}

database_choices = {"sqlite": sqlite, "mysql": mysql}
database = env.choice("DJANGO_DATABASE", *database_choices)
DATABASES = {"default": database_choices[database]}

# How long a connection stays open for the next request, in seconds; 0 opens one per request.
# Every thread keeps its own: processes x threads must stay below the server's limit.
DATABASES["default"]["CONN_MAX_AGE"] = env.number("DJANGO_CONN_MAX_AGE")
# A kept connection may have died in the meantime; ask before using it.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = DATABASES["default"]["CONN_MAX_AGE"] > 0

# --- Cache -----------------------------------------------------------------------------------

CACHE = env.choice("DJANGO_CACHE", "none", "memcached", "redis")
# What it is used for; programme/caching.py says what the three are. Without a cache: nothing.
CACHE_LEVELS = [] if CACHE == "none" else env.choices("DJANGO_CACHE_LEVELS", "fragment", "data", "view")

memcached = {
    "BACKEND": "programme.caches.MemcachedCache",
    "LOCATION": env.text("DJANGO_CACHE_SERVER", "127.0.0.1:11211"),
    "OPTIONS": {
        # Seconds that a page waits for it. A cache that is slower than this is of no use.
        "connect_timeout": 0.5,
        "timeout": 0.5,
        "no_delay": True,  # over TCP: send the last packet at once
    },
}

redis = {
    "BACKEND": "programme.caches.RedisCache",
    "LOCATION": env.text("DJANGO_CACHE_SERVER", "redis://127.0.0.1:6379/0"),
    "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},  # seconds
}

dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

# Two sites that share a server must not share entries. A release that changes what is stored needs
# another prefix too, or it reads what the old one wrote.
cache_store = {"none": dummy, "memcached": memcached, "redis": redis}[CACHE] | {
    "KEY_PREFIX": env.text("DJANGO_CACHE_PREFIX", "programme"),
}
# Never LocMemCache on a server: each process would have a cache of its own.
CACHES = {"default": cache_store} | {
    level: cache_store if level in CACHE_LEVELS else dummy for level in ["fragment", "data", "view"]
}

# --- Static files ----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = env.text("DJANGO_STATIC_ROOT") or BASE_DIR / "staticfiles"

# hashed: every name holds a hash of its file's content, so that a browser may keep it for ever. What
# changes gets a new name. It needs `collectstatic`, then `compress`, before the site starts.
STATIC_FILES = env.choice("DJANGO_STATIC_FILES", "plain", "hashed")
static_storages = {
    "plain": "django.contrib.staticfiles.storage.StaticFilesStorage",
    "hashed": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": static_storages[STATIC_FILES]},
}

# Style sheets and scripts, each kind in one file, without comments and whitespace. The files are made
# by `compress`, never by a page.
COMPRESS_ENABLED = STATIC_FILES == "hashed" and not DEBUG  # with DEBUG on, names have no hash
COMPRESS_OFFLINE = True
COMPRESS_OUTPUT_DIR = "bundles"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
COMPRESS_PARSER = "compressor.parser.HtmlParser"  # the same everywhere, whether lxml is there or not
COMPRESS_CSS_HASHING_METHOD = None  # names inside the sheets have their hash already

# Django itself serves /static/, DEBUG off. Only to measure what that costs: each file takes a
# worker's thread, goes through Python and comes without an ETag.
SERVE_STATIC = env.flag("DJANGO_SERVE_STATIC")

# --- Log: everything to stderr; who started the process decides where that goes ----------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # The number is the one that the server in front has in its own line for this request.
        "line": {"format": "{asctime} {process} {levelname} {name} id={request_number}: {message}", "style": "{"},
    },
    "filters": {"request": {"()": "programme.middleware.RequestNumber"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # Without this line Django would mail errors to ADMINS when DEBUG is off, and print nothing.
    "loggers": {"django": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}

# A request that takes this many seconds here is logged; 0: every request. The server in front logs all of them anyway.
SLOW_S = env.number("DJANGO_SLOW_S", 1)

# --- This machine's own settings, if it has any ------------------------------------------------

try:
    from programme.local_settings import *  # noqa: F403
except ModuleNotFoundError as error:
    # Absent is fine. A module that local_settings.py itself cannot find is not.
    if error.name != "programme.local_settings":
        raise

if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "DJANGO_SECRET_KEY is not set, and DEBUG is off. Set it to 50 or more random characters, "
            "for example from: python -c 'import secrets; print(secrets.token_urlsafe(50))'. "
            "To try the site on this computer only, set DJANGO_DEBUG=1 instead."
        )
    # Good for one process: sessions and forms end with it, and two workers would not agree on it.
    SECRET_KEY = get_random_secret_key()
