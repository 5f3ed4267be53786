"""Django's settings in running processes, as the guest reads them: here of servers that a test starts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import until

from deploylab.machine.guest import configured, django_settings

PROGRAM = Path(django_settings.__file__).read_text()
SETTINGS = '''
import os
from pathlib import Path
print("a word on standard output")
SECRET_KEY = "the-key-in-the-code"
ALLOWED_HOSTS, ROOT_URLCONF, urlpatterns = ["localhost"], "shop.settings", []
USE_CACHE = os.environ.get("SHOP_CACHE", "none")
KIND = "locmem.LocMemCache" if USE_CACHE == "memory" else "dummy.DummyCache"
CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{KIND}"}}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parents[2] / "shop.db",
                         "PASSWORD": os.environ["SHOP_PASSWORD"]}}
QUOTED = ["redis://me:hunter2@localhost/0", f"mysql -u me {os.environ['SHOP_PASSWORD']}", "?token=hunter2&x=1"]
API_TOKENS = {"one": "hunter2", "two": ["hunter3"]}
COMPUTED = [print, object(), {3, 1}, 60, None, b"x", lambda: 0]
'''
WSGI = '''
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
'''
# As `deploylab-apache.wsgi` does it.
MOD_WSGI = '''
import os, subprocess
said = subprocess.run(["sh", "-c", "set -a; . {}; env -0"], stdout=subprocess.PIPE, text=True).stdout
os.environ.update(line.split("=", 1) for line in said.split("\\0") if line)
from shop.wsgi import application
'''


def running(pattern: str) -> bool:
    """Whether such a process runs now."""
    configured.running.cache_clear()
    return bool(configured.matching([pattern]))


class Shop:
    """A small site in a folder, with a `.env` file, and the servers that a test starts of it."""

    def __init__(self, folder: Path):
        self.code, self.wsgi, self.env, self.more, self.log = (
            folder / name for name in ("app", "shop.wsgi", "shop.env", "more.env", "shop.log"))
        (self.code / "shop").mkdir(parents=True)
        for name, text in (("__init__", ""), ("settings", SETTINGS), ("wsgi", WSGI)):
            (self.code / "shop" / f"{name}.py").write_text(text)
        self.more.write_text("SHOP_PASSWORD=hunter2hunter2\n")
        self.env.write_text(f"DJANGO_SETTINGS_MODULE=shop.settings\n. {self.more}\n")
        self.servers: list[subprocess.Popen] = []

    def start(self, command: str, ready) -> None:
        """Start a server by a shell that has read the `.env` file.

        Args:
            ready: whether it is.
        """
        with open(self.log, "wb") as log:
            self.servers.append(subprocess.Popen(["sh", "-c", f"set -a; . {self.env}; {command}"], cwd=self.code,
                                                 stdout=log, stderr=log, start_new_session=True))
        until(ready, f"it does not start: {self.log}")
        time.sleep(0.1)  # what is changed from now on is newer, by more than the kernel's clock is coarse

    def runserver(self) -> None:
        self.start(f"exec {sys.executable} -B -u -m django runserver --noreload 127.0.0.1:0",
                   lambda: "Starting development server" in self.log.read_text())

    @property
    def patterns(self) -> list[str]:
        return ["^[^ ]*python[^ ]* -B -u -m django runserver "]

    def django(self, *paths: Path, patterns: list[str] | None = None) -> dict:
        configured.running.cache_clear()
        configured.evaluated.cache_clear()
        return configured.django([str(self.env), *map(str, paths)], patterns or self.patterns, str(self.code),
                                 "shop.wsgi", sys.executable, PROGRAM)

    def close(self) -> None:
        for server in self.servers:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.fixture
def shop(tmp_path):
    site = Shop(tmp_path)
    yield site
    site.close()


def test_a_default_that_the_code_chooses_from_a_variable(shop):
    shop.env.write_text(shop.env.read_text() + "SHOP_CACHE=memory\n")
    shop.runserver()
    result = shop.django()
    assert result["error"] is None and result["changed"] == []
    assert result["values"]["CACHES"] == {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert result["values"]["DATABASES"]["default"]["NAME"] == f"{shop.code.parent}/shop.db"
    assert result["values"]["DEBUG"] == "False" and result["values"]["MIDDLEWARE"] == []


def test_a_variable_that_was_changed_after_the_start_has_the_value_of_the_start(shop):
    shop.runserver()
    shop.env.write_text(shop.env.read_text() + "SHOP_CACHE=memory\n")
    result = shop.django()
    assert (result["values"]["USE_CACHE"], result["changed"]) == ("none", [])


def test_no_secret_is_told(shop):
    shop.runserver()
    values = shop.django()["values"]
    assert "hunter" not in json.dumps(values) and "the-key-in-the-code" not in json.dumps(values)
    assert values["SECRET_KEY"] == values["DATABASES"]["default"]["PASSWORD"] == values["API_TOKENS"] == "(not shown)"
    assert values["QUOTED"] == ["redis://(not shown)@localhost/0", "mysql -u me (not shown)", "?token=(not shown)&x=1"]
    assert values["EMAIL_HOST_PASSWORD"] == "", "an empty one tells nothing"
    assert values["PASSWORD_RESET_TIMEOUT"].isdecimal(), "it is none"


def test_values_that_are_no_plain_data_are_the_same_text_each_time(shop):
    shop.runserver()
    first, second = (shop.django()["values"]["COMPUTED"] for _ in range(2))
    assert first == second == ["function builtins.print", "<object object>", ["1", "3"], "60", "None", "b'x'",
                               "function shop.settings.<lambda>"]


def test_code_that_was_changed_after_the_start_is_named(shop):
    shop.runserver()
    settings = shop.code / "shop" / "settings.py"
    settings.write_text(f"{SETTINGS}DEBUG = True\n")
    result = shop.django()
    assert (result["values"]["DEBUG"], result["changed"]) == ("True", [str(settings)])


def test_a_file_that_was_removed_after_the_start_is_noticed_by_its_folder(shop):
    local = shop.code / "shop" / "local_settings.py"
    local.write_text("DEBUG = True\n")
    (shop.code / "shop" / "settings.py").write_text(
        f"{SETTINGS}\ntry:\n    from shop.local_settings import *\nexcept ImportError:\n    pass\n")
    shop.runserver()
    assert shop.django()["values"]["DEBUG"] == "True" and shop.django()["changed"] == []
    local.unlink()
    assert shop.django()["changed"] == [f"{shop.code}/shop/"]


def test_settings_that_fail_say_where_and_quote_nothing(shop):
    shop.runserver()
    (shop.code / "shop" / "settings.py").write_text('raise ValueError("hunter2")\n')
    result = shop.django()
    assert result["values"] is None
    assert result["error"] == f"ValueError in {shop.code}/shop/settings.py, line 1"
    (shop.code / "shop" / "settings.py").write_text("import os; os._exit(3)\n")
    assert "does not load the code" in shop.django()["error"]


def test_without_a_process_it_says_so_and_without_a_file_of_variables_there_is_no_django(shop):
    assert shop.django() == {"values": None, "changed": [], "error": f"no process runs the code in {shop.code}"}
    assert configured.django(["/etc/x.conf"], shop.patterns, str(shop.code), "shop.wsgi", "python", PROGRAM) is None


def test_a_process_in_another_folder_is_not_the_application(shop):
    pattern = "^[^ ]*python.* another-folder"
    shop.start(f"cd /; exec {sys.executable} -c 'import time; time.sleep(60)' another-folder", lambda: running(pattern))
    assert "no process" in shop.django(patterns=[pattern])["error"]


def test_the_workers_count_and_not_the_process_that_starts_them(shop):
    """gunicorn's main process stays when it is told to read the code again."""
    shop.start("sh -c 'sleep 60 & sleep 61 & wait' a-main-process", lambda: running("^sleep 61 "))
    lines = {configured.running()[pid].command for pid in configured.in_folder(["a-main-process"], str(shop.code))}
    assert lines == {"sleep 60", "sleep 61"}


def test_in_apache_the_file_of_mod_wsgi_gives_the_variables_and_new_ones_are_named(shop):
    shop.wsgi.write_text(MOD_WSGI.replace("{}", str(shop.env)))
    # A stand-in for Apache, which has no such variables and another working folder, and for its daemon.
    apache = shop.code.parent / "apache.sh"
    apache.write_text('cd /\nbash -c \'exec -a "(wsgi:django)    -k start" sleep 60\' &\n'
                      'exec -a "/usr/sbin/apache2 -k start" sleep 61\n')
    shop.start(f"exec env -i bash {apache}", lambda: running(r"^\(wsgi:django\)    -k start 60"))
    patterns = ["^/usr/sbin/apache2 -k start 61"]
    result = shop.django(shop.wsgi, patterns=patterns)
    assert (result["error"], result["changed"], result["values"]["USE_CACHE"]) == (None, [], "none")
    shop.more.write_text("SHOP_PASSWORD=hunter2hunter2\nSHOP_CACHE=memory\n")
    result = shop.django(shop.wsgi, patterns=patterns)
    assert (result["changed"], result["values"]["USE_CACHE"]) == ([str(shop.more)], "memory")
    assert "hunter" not in json.dumps(result)


def test_mod_wsgi_s_daemons_count_or_without_any_apache_s_own_processes(shop):
    process = configured.Process
    main = process(1, "/usr/sbin/apache2 -k start", 0.0)
    table = {1: process(0, "init", 0.0), 2: main, 3: process(1, "mariadbd", 0.0), 4: main._replace(parent=2),
             5: process(2, "(wsgi:django)  -k start", 1.0)}
    patterns = ["^/usr/sbin/apache2 -k start", "mariadbd"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(configured, "running", lambda: table)
        assert configured.in_apache(patterns) == [5]
        del table[5]
        assert configured.in_apache(patterns) == [4]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_is_evaluated_as_the_user_of_the_process(shop):
    nobody = 65534
    process = subprocess.Popen(["sleep", "60"], user=nobody, group=nobody, extra_groups=[nobody, 12])
    try:
        identity = configured.identity(process.pid)
        done = subprocess.run(["id", "-u"], capture_output=True, text=True, **identity)
    finally:
        process.kill()
        process.wait()
    assert identity == {"user": nobody, "group": nobody, "extra_groups": [12, nobody]} and done.stdout == f"{nobody}\n"
