"""Prints what Django's settings are, as JSON and without secrets. Run by the application's own Python, as its user.

    python - ENTRY < django_settings.py

ENTRY is what the server loads: a module, such as `programme.wsgi`, or the path of mod_wsgi's file. It is loaded here in
the same way, so that apps which add settings when Django starts have added theirs.
"""

import importlib
import json
import os
import re
import runpy
import sys
import traceback

HIDDEN = re.compile("secret|passw|token|credential|key", re.IGNORECASE)  # in the name of a setting or variable
# Names of Django's own that match, and hold no secret.
OPEN = {"KEY_PREFIX", "KEY_FUNCTION", "PASSWORD_HASHERS", "PASSWORD_RESET_TIMEOUT", "AUTH_PASSWORD_VALIDATORS"}
IN_ADDRESS = re.compile(r"://\S*@")
IN_TEXT = re.compile(r"((?:secret|passw|token|key)\w*\s*[=:]\s*)[^\s&;,]+", re.IGNORECASE)
NOT_SHOWN = "(not shown)"
SHORTEST = 8  # characters of a secret that is looked for everywhere: a shorter one may be part of any word


def look(entry):
    """The settings, and the files of the application's modules that were loaded; or why they cannot be read.

    Returns:
        `values`: as `plain` makes them; `files`: paths. Or instead of both `error`, without the error's own text, which
        may quote a secret.
    """
    try:
        runpy.run_path(entry) if "/" in entry else importlib.import_module(entry)
        from django.conf import settings

        everything = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
        known = [text for text in [*secrets(dict(os.environ)), *secrets(everything)] if len(text) >= SHORTEST]
        return {"values": plain(everything, known), "files": files()}
    except BaseException as error:  # whatever the application's code raises, SystemExit too
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"{type(error).__name__} in {last.filename}, line {last.lineno}"}


def hidden(name):
    """Whether a value of this name may be a secret.

    >>> hidden("EMAIL_HOST_PASSWORD"), hidden("KEY_PREFIX")
    (True, False)
    """
    return bool(HIDDEN.search(name)) and name not in OPEN


def secrets(value, whole=False):
    """The secrets in a value, as text.

    Args:
        whole: whether the value itself is one.
    """
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in secrets(item, whole or hidden(str(key)))]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text for item in value for text in secrets(item, whole)]
    return [str(value)] if whole else []


def plain(value, known=()):
    """The same as text, in dictionaries and lists: always the same text for the same value, and without secrets.

    Args:
        known: secrets that may be part of another value.

    >>> plain({"TIMEOUT": 60, "LOCATION": "redis://me:hunter2@localhost", "PASSWORD": "hunter2"})
    {'TIMEOUT': '60', 'LOCATION': 'redis://(not shown)@localhost', 'PASSWORD': '(not shown)'}
    """
    if isinstance(value, dict):
        return {str(key): NOT_SHOWN if item and hidden(str(key)) else plain(item, known)
                for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, known) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item, known) for item in value), key=str)
    return without(told(value), known)


def told(value):
    """A value that is no dictionary and no list, as text without addresses in memory.

    >>> told(print), told(None), told("a text")
    ('function builtins.print', 'None', 'a text')
    """
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return os.fspath(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{'class' if isinstance(value, type) else 'function'} {value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def without(text, known):
    """The text with every secret in it replaced: the known ones, those in an address, those after `password=`."""
    for secret in known:
        text = text.replace(secret, NOT_SHOWN)
    return IN_TEXT.sub(rf"\1{NOT_SHOWN}", IN_ADDRESS.sub(f"://{NOT_SHOWN}@", text))


def files():
    """The files of the modules that are loaded now, but for Python's own and those of installed packages."""
    modules = list(sys.modules.values())
    paths = {os.path.realpath(path) for module in modules if (path := getattr(module, "__file__", None))}
    installed = tuple(os.path.realpath(prefix) + os.sep for prefix in (sys.prefix, sys.base_prefix))
    return sorted(path for path in paths if os.path.isfile(path) and not path.startswith(installed))


if __name__ == "__main__":
    print("\n" + json.dumps(look(sys.argv[1])))  # on a line of its own: the application may have printed something
