"""ab and wrk, started as a person would, and what they print."""

import re
import shutil
import subprocess

MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def ab(url: str, n: int, clients: int, *flags: str, kept: bool = True) -> str:
    """What ab prints for n requests, on kept connections or on a new one for each."""
    return _output([program("ab"), "-q", *(["-k"] if kept else []), *flags, "-n", str(n), "-c", str(clients), url])


def wrk(url: str, seconds: int, clients: int, *, kept: bool = True) -> str:
    """What wrk prints, which knows no number of requests."""
    closing = [] if kept else ["-H", "Connection: close"]
    return _output([program("wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", *closing, url])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.stdout + (f"\nexit status {done.returncode}" if done.returncode else "")


def ab_latency_ms(text: str) -> dict[str, float | None]:
    """ab's percentiles and its longest request.

    >>> ab_latency_ms("  50%      6\\n  90%     60\\n 100%     63 (longest request)")
    {'p50': 6.0, 'p90': 60.0, 'p99': None, 'max': 63.0}
    """
    shares = {share: float(ms) for share, ms in re.findall(r"^\s*(\d+)%\s+(\d+)", text, re.MULTILINE)}
    return {name: shares.get(share) for name, share in
            {"p50": "50", "p90": "90", "p99": "99", "max": "100"}.items()}


def wrk_latency_ms(text: str) -> dict[str, float | None]:
    """wrk's percentiles and its longest request.

    >>> wrk_latency_ms("    Latency    17.08ms   21.60ms  61.02ms   79.65%\\n     50%    6.55ms\\n     99%    1.20s")
    {'p50': 6.55, 'p90': None, 'p99': 1200.0, 'max': 61.02}
    """
    shares = {share: _ms(value) for share, value in re.findall(r"^\s*(\d+)%\s+([\d.]+\w+)\s*$", text, re.MULTILINE)}
    longest = re.search(r"Latency\s+\S+\s+\S+\s+(\S+)", text)
    return {"p50": shares.get("50"), "p90": shares.get("90"), "p99": shares.get("99"),
            "max": _ms(longest[1]) if longest else None}


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * MS[unit]


def ab_failures(text: str) -> str:
    """What ab says of failures, in a few words.

    >>> ab_failures("Complete requests:      400\\nFailed requests:        0\\nNon-2xx responses:      20")
    '0 failed; 20 "Non-2xx"'
    """
    if (status := re.search(r"exit status (\d+)", text)) and "Complete requests" not in text:
        done = re.search(r"Total of (\d+) requests completed", text)
        return f"gives up after {done[1] if done else 'some'} requests, exit status {status[1]}"
    failed, non_2xx = (re.search(rf"{label}:\s+(\d+)", text) for label in ("Failed requests", "Non-2xx responses"))
    return f"{failed[1]} failed" + (f'; {non_2xx[1]} "Non-2xx"' if non_2xx else "")


def wrk_failures(text: str) -> str:
    """What wrk says of failures, in a few words.

    >>> wrk_failures("  Socket errors: connect 0, read 21, write 0, timeout 0")
    '21 read'
    """
    kinds = re.search(r"Socket errors: (.*)", text)
    parts = [f"{n} {kind}" for kind, n in re.findall(r"(\w+) (\d+)", kinds[1] if kinds else "") if int(n)]
    non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return ", ".join(parts + ([f'{non_2xx[1]} "Non-2xx or 3xx"'] if non_2xx else [])) or "none"
