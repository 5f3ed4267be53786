"""Numbers formatted for people. The data keep nanoseconds, bytes and seconds."""

from math import sqrt

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def ms(ns: int | float | None) -> str:
    """A latency given in nanoseconds, as milliseconds with three significant figures; a dash for None.

    >>> ms(1_234_567), ms(98_760_000), ms(None)
    ('1.23 ms', '98.8 ms', '–')
    """
    return "–" if ns is None else f"{three_figures(ns / NS_PER_MS)} ms"


def cpu(s: float | None) -> str:
    """Processor time given in seconds, as milliseconds; a dash for None.

    >>> cpu(0.00123), cpu(None)
    ('1.23 ms', '–')
    """
    return ms(None if s is None else s * NS_PER_S)


def seconds(s: float) -> str:
    """A duration given in seconds: '0.4 s', '12 s', '3 min 05 s'.

    >>> seconds(0.42), seconds(12.3), seconds(185)
    ('0.4 s', '12 s', '3 min 05 s')
    """
    if s < 10:
        return f"{s:.1f} s"
    whole = round(s)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def size(n_bytes: int | float | None) -> str:
    """A size given in bytes, in decimal units; a dash for None.

    >>> size(512), size(27_400), size(123_000_000)
    ('512 B', '27.4 kB', '123 MB')
    """
    if n_bytes is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{three_figures(n_bytes / factor)} {unit}"
    return f"{n_bytes:.0f} B"


def rate(per_s: float | None, unit: str = "requests") -> str:
    """A throughput given in requests per second; a dash for None. Any other unit is named.

    >>> rate(153.7), rate(12_400), rate(31.4, "visits")
    ('154/s', '12,400/s', '31.4 visits/s')
    """
    return "–" if per_s is None else f"{three_figures(per_s)}{'' if unit == 'requests' else f' {unit}'}/s"


def three_figures(x: float) -> str:
    """A number rounded to three significant figures, never in scientific notation.

    >>> three_figures(0.01234), three_figures(9.996), three_figures(12_437)
    ('0.0123', '10.0', '12,400')
    """
    if x == 0:
        return "0"
    from math import floor, log10

    decimals = 2 - floor(log10(abs(float(f"{x:.3g}"))))
    return f"{round(x, decimals):,.{max(decimals, 0)}f}"


def factor(ratio: float, like: float | None = None) -> str:
    """A ratio with as many figures as are useful.

    Args:
        ratio: B over A.
        like: use as many decimals as this ratio would get.

    >>> factor(1.043), factor(2.13), factor(63.7), factor(0.0042), factor(1.93, like=2.13)
    ('1.04', '2.1', '64', '0.0042', '1.9')
    """
    size = ratio if like is None else like
    if size < 0.1:
        return f"{ratio:.2g}"
    return f"{ratio:,.{0 if size >= 10 else 1 if size >= 2 else 2}f}"


def percent(share: float) -> str:
    """A share between 0 and 1, as a percentage.

    >>> percent(0.062), percent(0.004), percent(0.0)
    ('6 %', '0.4 %', '0 %')
    """
    value = 100 * share
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def interval(ci95: tuple[float, float] | None) -> str:
    """An interval of a ratio, both ends with the same decimals unless they are far apart.

    >>> interval((1.9, 2.33)), interval((0.004, 4331.0)), interval(None)
    ('1.9 to 2.3', '0.004 to 4,331', 'no interval')
    """
    if ci95 is None:
        return "no interval"
    low, high = ci95
    if high > 10 * low:
        return f"{factor(low)} to {factor(high)}"
    middle = sqrt(low * high)
    return f"{factor(low, like=middle)} to {factor(high, like=middle)}"


def within(width: float) -> str:
    """How large an error may be, given as a factor minus one.

    >>> within(0.06), within(1.5)
    ('within 6 %', 'within a factor of 2.5')
    """
    return f"within {half_width(width)}"


def half_width(share: float) -> str:
    """How far an interval reaches from its middle, given as a factor minus one.

    >>> half_width(0.06), half_width(1.5)
    ('6 %', 'a factor of 2.5')
    """
    return percent(share) if share < 1 else f"a factor of {factor(1 + share)}"


def count(n: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "run"), count(1200, "request")
    ('1 run', '1,200 requests')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
