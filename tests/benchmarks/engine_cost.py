"""What a request costs our load engine, beside ab and wrk: CPU of the generator per request.

    python tests/benchmarks/engine_cost.py --rounds 5 --seconds 3
    python tests/benchmarks/engine_cost.py --tls
    python tests/benchmarks/engine_cost.py --http2

nginx answers a small page on loopback, on the first core; each generator runs on the last, one
after the other, in rounds whose order rotates. What counts are the ratios within a round.

Over HTTP/2 a visit is a new connection with a page and sixteen files. h2load asks as often over each of its own.

Over TLS wrk resumes its sessions without saying so: it is no measure for full handshakes.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from deploylab import load  # noqa: E402
from tests.certificates import ca_file, server_file  # noqa: E402

PAGE = "<html>" + "x" * 300 + "</html>"
N_FILES = 16
VISIT = "<html>" + "".join(f"<img src=/{number}>" for number in range(N_FILES)) + "</html>"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} backlog=4096{tls};
    location / {{ default_type text/html; return 200 "{page}"; }}
    location = /visit {{ default_type text/html; return 200 "{visit}"; }}
  }}
}}
"""


def main() -> None:
    options = arguments()
    missing = [tool for tool in ("nginx", *(("h2load",) if options.http2 else ("ab", "wrk"))) if not program(tool)]
    if missing:
        print(f"Missing here: {', '.join(missing)}. On Debian: apt-get install nginx-light apache2-utils wrk "
              "nghttp2-client")
    if "nginx" in missing:
        raise SystemExit("Without nginx there is nothing to load.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("One core only: server and generator share it, so the figures say little.")
    tools = {"ours, keep-alive": ours(True), "ours, no keep-alive": ours(False)}
    if options.tls:
        tools["ours, resumed"] = ours(False, resume=True)
    if "ab" not in missing:
        tools |= {"ab -k": ab("-k"), "ab": ab()}
    if "wrk" not in missing:
        tools |= {"wrk": wrk}
    if options.http2:
        tools = {"ours": visits, **({} if missing else {"h2load": h2load})}
    costs = {name: [] for name in tools}
    with tempfile.TemporaryDirectory() as folder, server(folder, cores[0], options.tls or options.http2) as url:
        for n in range(options.rounds):
            names = list(tools)
            for name in names[n % len(names):] + names[:n % len(names)]:
                costs[name].append(tools[name](url, options, cores[-1]))
                print(f"round {n + 1}: {name:<20} {costs[name][-1][0] * 1e6:6.1f} µs", flush=True)
    report(costs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--tls", action="store_true", help="over TLS 1.3, with an ECDSA certificate")
    parser.add_argument("--http2", action="store_true", help="the same over HTTP/2: visits")
    return parser.parse_args()


class server:
    """nginx in the foreground, on a free port and on one core; ended with the block."""

    def __init__(self, folder: str, core: int, tls: bool = False):
        self.folder, self.core, self.tls = folder, core, tls

    def __enter__(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = Path(self.folder, "nginx.conf")
        tls = f" ssl http2; ssl_certificate {server_file()}; ssl_certificate_key {server_file()}; " \
              "ssl_protocols TLSv1.3; ssl_session_cache shared:s:1m" if self.tls else ""
        config.write_text(NGINX.format(folder=self.folder, port=port, page=PAGE, visit=VISIT, tls=tls))
        os.chmod(self.folder, 0o755)
        self.process = subprocess.Popen([program("nginx"), "-c", str(config)], stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return f"http{'s' if self.tls else ''}://127.0.0.1:{port}/"
            except OSError:
                time.sleep(0.05)
        raise SystemExit("nginx does not start: " + Path(self.folder, "error.log").read_text())

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()


H2LOAD_AT_ONCE = 50  # connections of one call: one alone would cost mostly the start of the program


# Each of these returns CPU seconds per request, and requests per second.

def ours(keepalive: bool, **fields):
    def run(url, options, core):
        trust = {"ca_file": ca_file()} if options.tls else {}
        result = load.run(load.LoadSpec(url=url, duration_s=options.seconds, concurrency=options.concurrency,
                                        keepalive=keepalive, cpus=(core,), marker="</html>", **trust, **fields))
        if result.errors:
            print("  failures:", result.errors)
        # In the window: the interpreter's start, about 0.1 s of CPU, is not a cost of each request.
        return result.client_cpu_s / result.n_sent, result.rps
    return run


def visits(url, options, core):
    result = load.run(load.LoadSpec(url=f"{url}visit", duration_s=options.seconds, concurrency=options.concurrency,
                                    visitor="first", http2=True, ca_file=ca_file(), cpus=(core,), marker="</html>"))
    if result.errors:
        print("  failures:", result.errors)
    n = result.n_sent * (N_FILES + 1)
    return result.client_cpu_s / n, result.rps * (N_FILES + 1)


def h2load(url, options, core):
    n_visits, cpu_s, began_s = 0, 0.0, time.monotonic()
    while (took_s := time.monotonic() - began_s) < options.seconds:
        once_s, out = measured([program("h2load"), f"-c{H2LOAD_AT_ONCE}", f"-n{H2LOAD_AT_ONCE * (N_FILES + 1)}",
                                f"-m{N_FILES + 1}", url], core)
        if f", {H2LOAD_AT_ONCE * (N_FILES + 1)} succeeded" not in out:
            raise SystemExit(f"h2load failed: {out[-500:]}")
        n_visits, cpu_s = n_visits + H2LOAD_AT_ONCE, cpu_s + once_s
    n = n_visits * (N_FILES + 1)
    return cpu_s / n, n / took_s


def ab(*flags):
    def run(url, options, core):
        cpu_s, out = measured([program("ab"), "-q", *flags, "-c", str(options.concurrency), "-t", str(options.seconds),
                               "-n", "100000000", url], core)
        n = int(re.search(r"Complete requests:\s+(\d+)", out)[1])
        return cpu_s / n, n / options.seconds
    return run


def wrk(url, options, core):
    cpu_s, out = measured([program("wrk"), "-t1", f"-c{options.concurrency}", f"-d{options.seconds}s", url], core)
    n = int(re.search(r"(\d+) requests in", out)[1])
    return cpu_s / n, n / options.seconds


def measured(command: list[str], core: int) -> tuple[float, str]:
    """CPU seconds of a command on one core, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    out = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}: {out[-300:]}")
    return usage.ru_utime + usage.ru_stime, out


def report(costs: dict[str, list[tuple[float, float]]]) -> None:
    """The table: medians over the rounds; ratios are made round by round first."""
    others = ("h2load",) if "h2load" in costs else ("wrk", "ab")
    against = "".join(f"{f'against {name}':>16}" for name in others)
    print(f"\n{'':<22}{'µs CPU/request':>16}{'requests/s':>14}{against}")
    for name, rounds in costs.items():
        cells = [f"{1e6 * statistics.median(c for c, _ in rounds):.1f}",
                 f"{statistics.median(r for _, r in rounds):,.0f}"]
        for other in others:
            cells.append(f"{statistics.median(a / b for (a, _), (b, _) in zip(rounds, costs[other], strict=True)):.2f}"
                         if other in costs else "-")
        print(f"{name:<22}{cells[0]:>16}{cells[1]:>14}" + "".join(f"{cell:>16}" for cell in cells[2:]))


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


if __name__ == "__main__":
    main()
