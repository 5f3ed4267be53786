"""Numbers as a person reads them. The data keep nanoseconds, bytes and seconds."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def ms(ns: int | float | None) -> str:
    """A latency given in nanoseconds, as milliseconds with three figures; a dash for None.

    >>> ms(1_234_567), ms(98_760_000), ms(None)
    ('1.23 ms', '98.8 ms', '–')
    """
    return "–" if ns is None else f"{three_figures(ns / NS_PER_MS)} ms"


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
    """A throughput given in requests per second; a dash for None. Another unit is named.

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
