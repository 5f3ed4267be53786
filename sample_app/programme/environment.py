"""Settings from environment variables: small helpers, each names the variable when it complains."""

import os

from django.core.exceptions import ImproperlyConfigured

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable's value without whitespace around it, or the default."""
    return os.environ.get(name, default).strip()


def flag(name: str, default: bool = False) -> bool:
    """True or False from 1/0, true/false, yes/no, on/off.

    Raises:
        ImproperlyConfigured: any other word. A typing error must never switch DEBUG on.
    """
    value = text(name, "1" if default else "0").lower()
    if value not in YES | NO:
        raise ImproperlyConfigured(f"{name} is '{value}'. Use 1 or 0.")
    return value in YES


def number(name: str, default: int = 0) -> int:
    """A whole number, zero or more.

    Raises:
        ImproperlyConfigured: it is no such number.
    """
    value = text(name) or str(default)
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is '{value}'. Use a whole number of seconds, for example 60.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """The parts of a list separated by commas; whitespace around a part does not count."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, *allowed: str) -> str:
    """One of the allowed words; the first where nothing is set.

    Raises:
        ImproperlyConfigured: another word.
    """
    value = text(name) or allowed[0]
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is '{value}'. Use {_any_of(allowed)}.")
    return value


def choices(name: str, *allowed: str) -> list[str]:
    """Any of the allowed words, commas between, in the order in which they are allowed.

    Raises:
        ImproperlyConfigured: another word among them.
    """
    chosen = words(name)
    for word in chosen:
        if word not in allowed:
            raise ImproperlyConfigured(f"{name} has '{word}'. Use {_any_of(allowed)}, commas between, or nothing.")
    return [word for word in allowed if word in chosen]


def _any_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
