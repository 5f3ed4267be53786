"""Runs the load engine as a visitor far away: at the other end of a long, narrow line. Runs on the guest, as root.

Before that, the line is measured: one that is not as it was asked for carries no load. Standard output is what the
engine prints, after one event that says what the line is made of, what connections took and how much went through.

Nothing is left behind (see `line`). The load ends when standard input does.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from urllib.parse import urlsplit

from deploylab.machine.guest import line

N_CONNECTS, CONNECT_S = 7, 10
# Frames sent at once, and how often: as many as a device's queue takes, on a slow line fewer.
N_BURSTS, QUEUE_FRAMES, BURST_S, LEAST_FRAMES = 3, 60, 0.2, 8
UDP_BYTES = line.FULL_BYTES - 14 - 20 - 8  # without the headers of Ethernet, IPv4 and UDP
N_LOOKS = 5
OFF, OFF_S = 0.15, 0.002       # a line may differ so much, as a share and for waking up, from what was asked for
LAST_WORDS_S = 5               # how long a stopped engine may take to end


def main(order, archive):
    """Load over a line. Returns the exit status: the engine's, or 1.

    Args:
        order: `rtt_ms` and `mbit_per_s` of the line, the `spec` of the load, and `most_s`, after which everything ends
            in any case. Standard input stays open after it.
        archive: the descriptor of a zip file with the engine.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parts, started = urlsplit(order["spec"]["url"]), []
    try:
        here = line.namespace()
        try:
            one_way_s, bytes_per_s = order["rtt_ms"] / 2000, order["mbit_per_s"] * 125_000
            means, near_ip, far_ip = line.make(here, parts.hostname, one_way_s, bytes_per_s, started)
            connect_ns, carried = as_asked(2 * one_way_s, bytes_per_s, lambda: (
                sorted(connects(parts.hostname, parts.port or 80))[N_CONNECTS // 2],
                rate(here, near_ip, far_ip, bytes_per_s)))
            tell("line", means=means, connect_ns=connect_ns, mbit_per_s=round(carried / 125_000, 3))
            return load(order, archive, started)
        finally:
            line.end(started, here)
    except (line.NoLine, OSError, subprocess.SubprocessError) as error:
        why = str(getattr(error, "stderr", "") or error).strip()
        tell("error", kind="MachineError", what=f"The machine can make no line to a visitor far away: {why}",
             next_step="./lab measure --view visit   measures the same visit from nearby")
        return 1


def tell(event, **fields):
    os.write(1, (json.dumps({"event": event, **fields}) + "\n").encode())


def as_asked(rtt_s, bytes_per_s, measure):
    """What was measured, once it is what was asked for: a busy computer wakes processes late, for a moment.

    Args:
        measure: returns what a connection took, in nanoseconds, and the bytes per second that went through.
    """
    for _ in range(N_LOOKS):
        connect_ns, carried = measure()
        if rtt_s <= connect_ns / 1e9 <= rtt_s * (1 + OFF) + OFF_S and abs(carried / bytes_per_s - 1) <= OFF:
            return connect_ns, carried
    raise line.NoLine(f"it was to be {rtt_s * 1000:g} ms and {bytes_per_s / 125_000:g} Mbit/s, and is "
                      f"{connect_ns / 1e6:.1f} ms and {carried / 125_000:.3g} Mbit/s. Is the computer busy?")


def connects(host, port):
    """How long each of some TCP connections to the server took, in nanoseconds: a round trip through the line."""
    took_ns = []
    for _ in range(N_CONNECTS + 1):
        begin_ns = time.monotonic_ns()
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError as error:
            raise line.NoLine(f"{host}, port {port}, does not answer through it ({error}).") from error
        took_ns.append(time.monotonic_ns() - begin_ns)
    return took_ns[1:]  # the first one also had to ask for the other end's hardware address


def rate(here, near_ip, far_ip, bytes_per_s):
    """Bytes per second that the line carries to the visitor: full frames sent at once arrive one after the other."""
    n_frames = int(max(LEAST_FRAMES, min(QUEUE_FRAMES, BURST_S * bytes_per_s / line.FULL_BYTES)))
    there = line.namespace()
    line.enter(here)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:  # it stays in the namespace that it was made in
        near.bind((near_ip, 0))
        line.enter(there)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind((far_ip, 0))
            far.settimeout(CONNECT_S)
            try:
                return sorted(burst(near, far, n_frames) for _ in range(N_BURSTS))[N_BURSTS // 2]
            except TimeoutError:
                raise line.NoLine(f"of {n_frames} frames sent at once, some were lost.") from None


def burst(near, far, n_frames):
    """Bytes per second, by the time from the first frame's arrival to the last one's."""
    for _ in range(n_frames):
        near.sendto(bytes(UDP_BYTES), far.getsockname())
    arrived_ns = []
    for _ in range(n_frames):
        far.recv(UDP_BYTES)
        arrived_ns.append(time.monotonic_ns())
    return (n_frames - 1) * line.FULL_BYTES * 1e9 / (arrived_ns[-1] - arrived_ns[0])


def load(order, archive, started):
    """Run the engine, until it has ended or standard input has."""
    engine = subprocess.Popen([sys.executable, "-P", "-m", "deploylab.load"], stdin=subprocess.PIPE, pass_fds=[archive],
                              env={**os.environ, "PYTHONPATH": f"/proc/self/fd/{archive}"},
                              preexec_fn=line.dies_with_us)
    started.append(engine.pid)
    engine.stdin.write(json.dumps(order["spec"]).encode() + b"\n")
    engine.stdin.flush()
    ended = os.pidfd_open(engine.pid)
    deadline_s = time.monotonic() + order["most_s"]
    while (left_s := deadline_s - time.monotonic()) > 0:
        ready = select.select([0, ended], [], [], left_s)[0]
        if ended in ready or not ready or not os.read(0, 4096):
            break
    engine.stdin.close()  # which stops it
    with suppress(subprocess.TimeoutExpired):
        status = engine.wait(LAST_WORDS_S)
        started.remove(engine.pid)
        return status
    return 1
