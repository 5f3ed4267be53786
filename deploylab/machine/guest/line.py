"""Makes a long, narrow line on this computer, from a network namespace of its own to the one it is in. Takes root.

    servers, in this namespace  <-- device --- the line --- device -->  visitor, in the other

Where the kernel has `netem`, the devices are a veth pair, and the kernel delays what goes through it. Elsewhere `carry`
below is the line: a process that holds each frame for the delay and the rate. Either way TCP is real: its handshake
takes a round trip, and each connection begins slowly.

Nothing is left behind. The namespaces have no names, so they end with the processes in them, and the devices with the
namespaces. The processes end when the one that started them does.
"""

import ctypes
import fcntl
import ipaddress
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

CLONE_NEWNET = 0x40000000      # <linux/sched.h>
PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29  # <linux/prctl.h>
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # <linux/if_tun.h>
SIOCETHTOOL, SET_OFFLOADS = 0x8946, (0x17, 0x1F, 0x24)  # <linux/ethtool.h>: checksums, TCP segments, any segments
ETH_P_ALL = 0x0003             # <linux/if_ether.h>
# A frame that finds so many bytes waiting for the line is dropped. The first windows of six connections (6 x 10 x 1.5
# kB) come all at once: a visitor should wait for the line then, and not for TCP to notice a loss. At 10 Mbit/s it is a
# fifth of a second, about what a router at home holds.
QUEUE_BYTES = 250_000
FULL_BYTES = 1514              # a full frame: netem's queue counts frames
NETWORK = int(ipaddress.IPv4Address("198.18.0.0"))  # for measuring networks; Source: RFC 2544
NEAR, FAR = f"dl{os.getpid()}a", f"dl{os.getpid()}b"  # the devices
libc = ctypes.CDLL(None, use_errno=True)


class NoLine(Exception):
    """There can be no line here; the text says why."""


def make(here, host, one_way_s, bytes_per_s, started):
    """Make a line, and go to its far end. Returns what it is made of, and the addresses of its ends.

    Args:
        here: the namespace of the near end.
        host: the address that the visitor reaches over the line.
        one_way_s: how long each frame is on its way.
        started: processes that have to be ended; the line's is added, where it is one.
    """
    first = NETWORK + os.getpid() * 4 % 2**17  # a network of four addresses, so that two lines do not meet
    near_ip, far_ip = (str(ipaddress.IPv4Address(first + n)) for n in (1, 2))
    there = new_namespace()
    means, ends = devices(here, there, one_way_s, bytes_per_s)
    if ends:
        started.append(child(carry, ends, one_way_s, bytes_per_s))
        for descriptor in ends:
            os.close(descriptor)
    for where, name, address in ((here, NEAR, near_ip), (there, FAR, far_ip)):
        enter(where)
        ip("link", "set", name, "addrgenmode", "none")  # no IPv6, which would send frames of its own
        ip("addr", "add", f"{address}/30", "dev", name)
        ip("link", "set", name, "up")
        if ipaddress.ip_address(host).is_loopback:
            # A server that listens on loopback alone: these two devices, and no other, may bring packets for it.
            Path(f"/proc/sys/net/ipv4/conf/{name}/route_localnet").write_text("1")
    # The visitor's own loopback device stays down: 127.0.0.1 is at the near end as well.
    ip("route", "add", f"{host}/32", "via", near_ip, "dev", FAR)
    return means, near_ip, far_ip


def devices(here, there, one_way_s, bytes_per_s):
    """Make the two devices. Returns what delays between them, and the descriptors that `carry` reads, if it has to."""
    for means, making in (("netem", netem), ("tun", taps), ("packet sockets", pairs)):
        try:
            return means, making(here, there, one_way_s, bytes_per_s)
        except (OSError, subprocess.SubprocessError) as error:
            reason = error
            enter(here)
            ip("link", "del", NEAR, check=False)
    raise reason


def netem(here, there, one_way_s, bytes_per_s):
    """A veth pair that the kernel delays."""
    enter(here)
    ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", f"/proc/{os.getpid()}/fd/{there}")
    # netem's queue has place for the frames that wait, and for those that are on their way.
    limit = (QUEUE_BYTES + one_way_s * bytes_per_s) / FULL_BYTES
    for where, name in ((here, NEAR), (there, FAR)):
        enter(where)
        without_offloads(name)
        run("tc", "qdisc", "add", "dev", name, "root", "netem", "delay", f"{one_way_s * 1e6:.0f}us", "rate",
            f"{bytes_per_s * 8:.0f}bit", "limit", f"{limit:.0f}")
    return ()


def taps(here, there, *_):
    """Two devices whose frames a process reads and writes."""
    ends = []
    for where, name in ((here, NEAR), (there, FAR)):
        enter(where)
        ends.append(os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
        fcntl.ioctl(ends[-1], TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return ends


def pairs(here, there, *_):
    """Two veth pairs, with a process between them: an LXC guest may not open /dev/net/tun."""
    between, ends = new_namespace(), []
    place = f"/proc/{os.getpid()}/fd/{between}"
    for where, name in ((here, NEAR), (there, FAR)):
        enter(where)
        ip("link", "add", name, "type", "veth", "peer", "name", f"{name}x", "netns", place)
        without_offloads(name)
        enter(between)  # nothing is configured there, so nothing but our process sees the frames
        ip("link", "set", f"{name}x", "addrgenmode", "none", "up")
        ends.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL)))
        ends[-1].bind((f"{name}x", ETH_P_ALL))
    return [end.detach() for end in ends]


def without_offloads(name):
    """Let a veth device send whole frames with their checksums, as a wire does; normally it leaves that to the next."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in SET_OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP16x", name.encode(), ctypes.addressof(value)))


class Way:
    """One direction of the line."""

    def __init__(self, source, goal):
        self.source, self.goal = source, goal
        self.on_their_way = deque()  # (when it arrives, frame)
        self.free_s = 0.0            # when the line has sent everything that waits

    def take(self, now_s, one_way_s, bytes_per_s):
        """Read the frames that are there. Each is sent after those before it, then it is on its way."""
        with suppress(BlockingIOError):
            while frame := os.read(self.source, 65536):
                begin_s = max(now_s, self.free_s)
                if (begin_s - now_s) * bytes_per_s > QUEUE_BYTES:
                    continue
                self.free_s = begin_s + len(frame) / bytes_per_s
                self.on_their_way.append((self.free_s + one_way_s, frame))

    def give(self):
        """Write the frames that have arrived."""
        while self.on_their_way and self.on_their_way[0][0] <= time.monotonic():
            with suppress(OSError):  # the other end is gone, or has no room: a lost frame
                os.write(self.goal, self.on_their_way.popleft()[1])


def carry(ends, one_way_s, bytes_per_s):
    """Pass frames between two descriptors, forever, each after its time."""
    libc.prctl(PR_SET_TIMERSLACK, 1)  # wake us on time
    with suppress(OSError):
        os.nice(-10)  # the line must not wait for the server that it leads to
    ways = {ends[0]: Way(*ends), ends[1]: Way(*reversed(ends))}
    while True:
        due_s = min((way.on_their_way[0][0] for way in ways.values() if way.on_their_way), default=None)
        wait_s = None if due_s is None else max(0.0, due_s - time.monotonic())
        for end in select.select(list(ends), [], [], wait_s)[0]:
            ways[end].take(time.monotonic(), one_way_s, bytes_per_s)
        for way in ways.values():
            way.give()


def end(started, here):
    """End our processes, and remove the near device where it has not ended with them."""
    for pid in started:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    with suppress(OSError):
        enter(here)
        ip("link", "del", NEAR, check=False)


def namespace():
    """The network namespace that we are in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def new_namespace():
    """Go into a new network namespace."""
    if libc.unshare(CLONE_NEWNET):
        raise NoLine("it may not make a network namespace; in a container, that takes more rights than this one has.")
    return namespace()


def enter(where):
    if libc.setns(where, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def ip(*words, check=True):
    run("ip", *words, check=check)


def run(*words, check=True):
    subprocess.run(words, check=check, capture_output=True, text=True)


def dies_with_us():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def child(function, *arguments):
    """Call a function that never returns, in a child that dies with us. Returns its process id."""
    parent, pid = os.getpid(), os.fork()
    if pid:
        return pid
    try:
        dies_with_us()
        os.closerange(0, 3)
        if os.getppid() == parent:  # it has not died before it could be our reason to
            function(*arguments)
    finally:
        os._exit(1)
