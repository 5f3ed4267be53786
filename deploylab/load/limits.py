"""Limits for a load test: `p95>500ms` or `failed>1%` says when its result is not good enough."""

import re
from dataclasses import dataclass

from deploylab.core.errors import LoadError
from deploylab.core.units import NS_PER_MS, NS_PER_S
from deploylab.results.record import LoadResult

LATENCIES = ("p50", "p90", "p95", "p99", "p999", "max", "mean")
SHARE, COUNT, RATE = "%", "", "/s"
UNITS = {**dict.fromkeys(LATENCIES, ("ms", "s")), "failed": (SHARE, COUNT), "rps": (RATE, COUNT)}
NS = {"ms": NS_PER_MS, "s": NS_PER_S}
FORM = re.compile(r"\s*(\w+)\s*([<>])\s*(\d+(?:\.\d+)?)\s*(ms|s|%|/s|)\s*")


@dataclass(frozen=True)
class Limit:
    """One limit. `exceeded` judges a result.

    Example:
        >>> parse("p95 > 500ms")
        Limit(figure='p95', above=True, value=500.0, unit='ms')
    """

    figure: str   # a key of UNITS
    above: bool   # the result fails above the value, else below it
    value: float  # in `unit`
    unit: str

    def exceeded(self, result: LoadResult) -> str:
        """A sentence if the result is beyond the limit, or if that cannot be known; else ""."""
        measured = self._measured(result)
        limit = f"{self.value:g}{_spaced(self.unit)}"
        if measured is None:
            return f"{self.figure} is not known, because there are too few answers, so it may be beyond {limit}."
        if measured > self.value if self.above else measured < self.value:
            side = "above" if self.above else "below"
            return f"{self.figure} is {measured:.4g}{_spaced(self.unit)}, {side} the limit of {limit}."
        return ""

    def _measured(self, result: LoadResult) -> float | None:
        """The figure in the limit's unit; None if it is not known."""
        if self.figure == "rps":
            return result.rps
        if self.figure == "failed":
            if self.unit == COUNT:
                return result.n_errors
            return 100 * result.n_errors / result.n_sent if result.n_sent else None
        ns = result.latency_mean_ns if self.figure == "mean" else result.latency_ns.get(self.figure)
        return None if ns is None else ns / NS[self.unit]


def parse(text: str) -> Limit:
    """The limit that a person wrote.

    Raises:
        LoadError: it is not one; the message shows how to write it.

    Example:
        >>> parse("failed>1%").unit
        '%'
    """
    match = FORM.fullmatch(text)
    figure, sign, value, unit = match.groups() if match else ("", "", "", "")
    if unit not in UNITS.get(figure, ()):
        raise LoadError(f"{text!r} is not a limit. Figures: {', '.join(UNITS)}.",
                        "--fail-if 'p95>500ms'   or 'failed>1%', 'failed>0', 'rps<100'")
    return Limit(figure, sign == ">", float(value), unit)


def _spaced(unit: str) -> str:
    return f" {unit}" if unit in NS or unit == SHARE else unit
