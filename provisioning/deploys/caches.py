"""Cache servers that the application asks: memcached and Redis. Both forget, and neither has a port."""

from provisioning import operations
from provisioning.deploys.common import place


def memcached() -> None:
    """memcached on a socket file, for its group and the application."""
    operations.packages(["memcached"])
    place("/etc/memcached.conf")
    operations.service("memcached", "/usr/bin/memcached .*", ["/etc/memcached.conf"],
                       ready=open_to("memcache", "/run/memcached/memcached.sock"))
    member("memcache")


def redis() -> None:
    """Redis on a socket file, for its group and the application."""
    operations.packages(["redis-server"])
    place("/etc/redis/redis.conf", mode="640", group="redis")
    operations.service("redis-server", "/usr/bin/redis-server .*", ["/etc/redis/redis.conf"],
                       ready=open_to("redis", "/run/redis/redis-server.sock"))
    member("redis")


def open_to(group: str, socket: str) -> str:
    """A test: the group may use the socket, and strangers may not."""
    return f'[ "$(stat -c "%a %G" {socket})" = "770 {group}" ]'


def member(group: str) -> None:
    """The application's user is in a group. A process learns of it when it starts."""
    operations.ensure(name=f"User deploylab is in the group {group}",
                      holds=f"id -nG deploylab | tr ' ' '\\n' | grep -qx {group}",
                      otherwise=f"usermod --append --groups {group} deploylab")
