"""Cache servers for the application: memcached and Redis. Both lose their data on a restart, and neither has a port."""

from pyinfra.operations import apt, server

from provisioning import operations
from provisioning.deploys.common import place


def memcached() -> None:
    """memcached on a socket file, which its own group and the application may use."""
    apt.packages(name="Packages: memcached", packages=["memcached"], update=True, _if=operations.missing(["memcached"]))
    place("/etc/memcached.conf")
    operations.service(name="Service memcached", unit="memcached", process="/usr/bin/memcached .*",
                       files=["/etc/memcached.conf"],
                       ready=open_to("memcache", "/run/memcached/memcached.sock"))
    member("memcache")


def redis() -> None:
    """Redis on a socket file, which its own group and the application may use."""
    apt.packages(name="Packages: redis-server", packages=["redis-server"], update=True,
                 _if=operations.missing(["redis-server"]))
    place("/etc/redis/redis.conf", mode="640", group="redis")
    operations.service(name="Service redis-server", unit="redis-server", process="/usr/bin/redis-server .*",
                       files=["/etc/redis/redis.conf"],
                       ready=open_to("redis", "/run/redis/redis-server.sock"))
    member("redis")


def open_to(group: str, socket: str) -> str:
    """A test: the group may use the socket, and other users may not."""
    return f'[ "$(stat -c "%a %G" {socket})" = "770 {group}" ]'


def member(group: str) -> None:
    """The application's user is in this group. It takes effect when a process starts."""
    server.user(name=f"User deploylab is in the group {group}", user="deploylab", groups=[group], append=True,
                ensure_home=False, _if=operations.unless(f"id -nG deploylab | tr ' ' '\\n' | grep -qx {group}"))
