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


class MemcachedCache(memcached.PyMemcacheCache):
    """memcached. pymemcache itself answers "a miss" where the server is gone: see its options."""

    def close(self, **kwargs: Any) -> None:
        """Keep the connection: Django's own class drops it at the end of every request."""


class RedisCache(redis.RedisCache):
    """Redis. Django's own class raises an error where the server is gone, and the page with it.

    It covers what this site calls: get, set, add and delete, and `get_or_set`, which is made of them.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        from redis.exceptions import RedisError  # the package is only needed where Redis is used

        super().__init__(server, params)
        self._failures = (RedisError, OSError)
        self._ask_again_at = 0.0

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
            logger.warning("Redis does not answer, and is left alone for %s s: %s", LEFT_ALONE_S, error)
            self._ask_again_at = time.monotonic() + LEFT_ALONE_S
            return otherwise
