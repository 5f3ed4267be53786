"""Clients for the cache servers, made so that no page depends on one.

A cache may lose anything at any time. A server that is gone is therefore no error: everything is a
miss, and pages are made as if there were no cache. settings.py says how long anybody waits for it.

Django makes one client for each thread, with a connection of its own: threads share none, and
need no pool.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends import memcached, redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT

logger = logging.getLogger(__name__)

# Seconds for which a server that failed is left alone.
LEFT_ALONE_S = 5


class OptionalCache:
    """Mixed into a cache of Django's: a command that fails is a miss, and its server is left alone for a while.

    It covers what this site calls: get, set, add and delete, and `get_or_set`, which is made of them.
    """

    _failures: tuple[type[Exception], ...]  # what the client raises where the server is gone or silent
    _refusals: tuple[type[Exception], ...]  # and where it refuses one command: the value is too large, for example
    _ask_again_at = 0.0

    def get(self, key, default=None, version=None):
        return self._ask(default, super().get, key, default, version)

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        return self._ask(None, super().set, key, value, timeout, version)

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        return self._ask(False, super().add, key, value, timeout, version)

    def delete(self, key, version=None):
        return self._ask(False, super().delete, key, version)

    def _ask(self, otherwise: Any, command: Callable[..., Any], *words: Any) -> Any:
        """What the server says; `otherwise`, where it says nothing or has just failed."""
        if time.monotonic() < self._ask_again_at:
            return otherwise
        try:
            return command(*words)
        except self._failures as error:
            logger.warning("The cache server does not answer, and is left alone for %s s: %r", LEFT_ALONE_S, error)
            self._ask_again_at = time.monotonic() + LEFT_ALONE_S
            return otherwise
        except self._refusals as error:
            logger.warning("The cache server refuses a command: %r", error)
            return otherwise


class MemcachedCache(OptionalCache, memcached.PyMemcacheCache):
    """memcached, one server. Django's own class would spread the keys over several, and hide what fails."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        from pymemcache.client.base import Client  # the package is only needed where memcached is used
        from pymemcache.client.retrying import RetryingClient
        from pymemcache.exceptions import MemcacheError, MemcacheUnexpectedCloseError

        super().__init__(server, params)
        self._failures, self._refusals = (OSError, MemcacheUnexpectedCloseError), (MemcacheError,)
        # A kept connection is broken after the server was restarted: the second attempt opens a new one.
        self._class = lambda servers, **options: RetryingClient(
            Client(servers[0], **options), attempts=2, retry_for=[ConnectionError, MemcacheUnexpectedCloseError])

    def close(self, **kwargs: Any) -> None:
        """Keep the connection: Django's own class drops it at the end of every request."""


class RedisCache(OptionalCache, redis.RedisCache):
    """Redis. Its client opens a new connection where a kept one is broken."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        from redis.exceptions import ConnectionError, RedisError, TimeoutError  # only needed where Redis is used

        super().__init__(server, params)
        self._failures, self._refusals = (ConnectionError, TimeoutError, OSError), (RedisError,)
