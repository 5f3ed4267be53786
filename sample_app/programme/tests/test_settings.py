"""Settings from the environment, each set tried in a process of its own."""

import json
import os
import re
import subprocess
import sys
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase

from programme import environment as env
from programme.tests.base import SITE, manage

PRODUCTION = {"DJANGO_SECRET_KEY": "an-example-for-this-test-only-0123456789-abcdefghijklmnop",
              "DJANGO_ALLOWED_HOSTS": "programme.example"}
TLS_CHECKS = {"security.W004", "security.W008", "security.W012", "security.W016"}


def setting(expression: str, **environment: str):
    """The value of an expression over the settings, through JSON."""
    code = f"import json; from programme import settings; print(json.dumps({expression}))"
    done = manage("shell", "--no-imports", "-c", code, **environment)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def plainly(expression: str, before: str = "pass", **environment: str):
    """The same without Django's start, which would want MySQL's driver."""
    code = f"import json; {before}; from programme import settings; print(json.dumps({expression}))"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    done = subprocess.run([sys.executable, "-c", code], cwd=SITE, env=clean | PRODUCTION | environment,
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class Environment(SimpleTestCase):
    def test_flags(self):
        for text, value in [("1", True), ("Yes", True), ("0", False), ("off", False), ("", False)]:
            with mock.patch.dict(os.environ, X=text):
                self.assertIs(env.flag("X"), value)

    def test_a_typing_error_is_not_a_yes(self):
        with mock.patch.dict(os.environ, X="ture"), self.assertRaisesMessage(ImproperlyConfigured, "X is 'ture'"):
            env.flag("X")

    def test_numbers_and_words(self):
        with mock.patch.dict(os.environ, X=" 60 ", Y=" a, b,,c "):
            self.assertEqual(env.number("X"), 60)
            self.assertEqual(env.words("Y"), ["a", "b", "c"])
        with mock.patch.dict(os.environ, X="-1"), self.assertRaises(ImproperlyConfigured):
            env.number("X")


    def test_one_word_or_several_of_a_few(self):
        with mock.patch.dict(os.environ, X="b", Y="c, a", Z=""):
            self.assertEqual(env.choice("X", "a", "b"), "b")
            self.assertEqual(env.choice("Z", "a", "b"), "a")
            self.assertEqual(env.choices("Y", "a", "b", "c"), ["a", "c"])
            self.assertEqual(env.choices("Z", "a", "b"), [])
            with self.assertRaisesMessage(ImproperlyConfigured, "Y has 'c'. Use a or b, commas between, or nothing."):
                env.choices("Y", "a", "b")


class SecretKey(SimpleTestCase):
    def test_without_one_nothing_starts_and_the_message_says_what_to_set(self):
        done = manage("check")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("DJANGO_SECRET_KEY is not set", done.stderr)
        self.assertIn("secrets.token_urlsafe", done.stderr)

    def test_with_debug_each_process_makes_its_own(self):
        first, second = (setting("settings.SECRET_KEY", DJANGO_DEBUG="1") for _ in range(2))
        self.assertNotEqual(first, second)

    def test_debug_is_off_unless_asked_for(self):
        self.assertIs(setting("settings.DEBUG", **PRODUCTION), False)


class Values(SimpleTestCase):
    def test_mysql(self):
        given = {"DJANGO_DATABASE": "mysql", "DJANGO_MYSQL_NAME": "n", "DJANGO_MYSQL_USER": "u",
                 "DJANGO_MYSQL_PASSWORD": "p", "DJANGO_MYSQL_HOST": "h", "DJANGO_CONN_MAX_AGE": "60"}
        database = plainly("settings.DATABASES['default']", **given)
        keys = ["NAME", "USER", "PASSWORD", "HOST", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"]
        self.assertEqual([database[key] for key in keys], ["n", "u", "p", "h", 60, True])
        self.assertEqual(database["OPTIONS"]["charset"], "utf8mb4")

    def test_a_query_may_be_bounded(self):
        for given, expected in ({}, 0), ({"DJANGO_MYSQL_TIMEOUT": "20"}, 20):
            options = plainly("settings.DATABASES['default']['OPTIONS']", DJANGO_DATABASE="mysql", **given)
            self.assertEqual([options["read_timeout"], options["write_timeout"]], [expected, expected])

    def test_a_socket_goes_before_a_host(self):
        given = {"DJANGO_DATABASE": "mysql", "DJANGO_MYSQL_SOCKET": "/run/db.sock", "DJANGO_MYSQL_HOST": "h"}
        self.assertEqual(plainly("settings.DATABASES['default']['HOST']", **given), "/run/db.sock")

    def test_sqlite_waits_for_the_disk_unless_told_not_to(self):
        pragma = "__import__('django.db').db.connection.cursor().execute('PRAGMA synchronous').fetchone()[0]"
        self.assertEqual(setting(pragma, **PRODUCTION), 2)  # FULL
        self.assertEqual(setting(pragma, **PRODUCTION, DJANGO_SQLITE_SYNCHRONOUS="normal"), 1)
        done = manage("check", **PRODUCTION, DJANGO_SQLITE_SYNCHRONOUS="off")
        self.assertIn("Use full or normal", done.stderr)

    def test_an_unknown_database(self):
        done = manage("check", **PRODUCTION, DJANGO_DATABASE="postgres")
        self.assertIn("Use sqlite or mysql", done.stderr)

    def test_lists_and_paths(self):
        given = {"DJANGO_FRAME_ANCESTORS": "http://localhost:8888", "DJANGO_STATIC_ROOT": "/srv/static",
                 "DJANGO_SQLITE_PATH": "/srv/db", "DJANGO_CSRF_TRUSTED_ORIGINS": "http://a:1,http://b:2"}
        expression = ("[settings.FRAME_ANCESTORS, settings.STATIC_ROOT, settings.DATABASES['default']['NAME'],"
                      " settings.CSRF_TRUSTED_ORIGINS]")
        self.assertEqual(setting(expression, **PRODUCTION, **given), [
            ["'self'", "http://localhost:8888"], "/srv/static", "/srv/db", ["http://a:1", "http://b:2"]])


class Cache(SimpleTestCase):
    CACHES = "[settings.CACHE, settings.CACHE_LEVELS, settings.CACHES]"

    def found(self, **given: str):
        return plainly(self.CACHES, **given)

    def test_none_keeps_nothing_whatever_the_levels_say(self):
        for given in [{}, {"DJANGO_CACHE": "none", "DJANGO_CACHE_LEVELS": "data,view"}]:
            cache, levels, caches = self.found(**given)
            self.assertEqual((cache, levels), ("none", []))
            self.assertEqual({store["BACKEND"].rpartition(".")[2] for store in caches.values()}, {"DummyCache"})

    def test_only_the_levels_that_are_on_have_the_server(self):
        for cache, backend in [("memcached", "MemcachedCache"), ("redis", "RedisCache")]:
            _, levels, caches = self.found(DJANGO_CACHE=cache, DJANGO_CACHE_LEVELS="view,fragment")
            self.assertEqual(levels, ["fragment", "view"])
            stores = {alias: store["BACKEND"].rpartition(".")[2] for alias, store in caches.items()}
            self.assertEqual(stores, {"default": backend, "fragment": backend, "data": "DummyCache", "view": backend})

    def test_where_it_is_and_what_the_keys_begin_with(self):
        for cache, address in [("memcached", "unix:/run/memcached/memcached.sock"), ("redis", "unix:///run/r.sock")]:
            given = {"DJANGO_CACHE": cache, "DJANGO_CACHE_SERVER": address, "DJANGO_CACHE_PREFIX": "cache-redis"}
            store = self.found(**given)[2]["default"]
            self.assertEqual((store["LOCATION"], store["KEY_PREFIX"]), (address, "cache-redis"))

    def test_a_typing_error_is_named(self):
        for given in [{"DJANGO_CACHE": "memcache"}, {"DJANGO_CACHE": "redis", "DJANGO_CACHE_LEVELS": "data,views"},
                      {"DJANGO_STATIC_FILES": "hash"}]:
            with self.subTest(given):
                done = manage("check", **PRODUCTION, **given)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, f"{[*given][-1]} (is|has) '.*'. Use ")


class LocalSettings(SimpleTestCase):
    def test_they_win_over_the_environment(self):
        before = ("import sys, types; local = types.ModuleType('programme.local_settings'); "
                  "local.ALLOWED_HOSTS = ['local.example']; sys.modules[local.__name__] = local")
        self.assertEqual(plainly("settings.ALLOWED_HOSTS", before), ["local.example"])

    def test_the_commented_database_is_python(self):
        example = (SITE / "programme" / "local_settings.example.py").read_text(encoding="utf-8")
        lines = example[example.index("# DATABASES"):].splitlines()
        values = {}
        exec("\n".join(line.removeprefix("# ") for line in lines), values)
        self.assertEqual(values["DATABASES"]["default"]["ENGINE"], "django.db.backends.mysql")


class Deploy(SimpleTestCase):
    def test_only_the_checks_about_tls_remain(self):
        done = manage("check", "--deploy", **PRODUCTION)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(re.findall(r"security\.W\d+", done.stderr)), TLS_CHECKS)

    def test_the_migrations_are_complete(self):
        done = manage("makemigrations", "--check", "--dry-run", **PRODUCTION)
        self.assertEqual(done.returncode, 0, done.stdout)
