"""How many round trips are there before the first byte of a page?"""

TASK = """
## Exercise: how many round trips?

A visitor wants the first byte of a page. The site is on https alone, and sends everybody there who comes by http.
Count the round trips, as in the table above:

`round_trips(begins, tls, kept, hsts)`

- `begins`: `"http"` or `"https"`, the scheme that the visitor typed
- `tls`: `"1.2"` or `"1.3"`
- `kept`: whether the browser still has an open connection to the site's https port
- `hsts`: whether the browser remembers a `Strict-Transport-Security` of this site

Nothing is resumed, and no name has to be looked up.
"""

START = """
def round_trips(begins, tls, kept, hsts):
    return 3
"""

HINTS = [
    "Draw it: who sends what, and who waits for an answer? Each answer that somebody waits for is a round trip.",
    "A new connection: one round trip for TCP, then one (TLS 1.3) or two (TLS 1.2) for the handshake. A kept one: none "
    "of these. Then one for the request. Who begins by http has a whole connection and a request before that, unless "
    "the browser knows better.",
    'Begin with n = 1 for the request. Add 2 if begins == "http" and not hsts: TCP, and the answer 308. Add 1 + 2 or '
    "1 + 1 if not kept.",
]

SOLUTION = """
def round_trips(begins, tls, kept, hsts):
    n = 1  # the request
    if begins == "http" and not hsts:
        n += 2  # TCP, and the answer that sends the visitor to https
    if not kept:
        n += 1 + {"1.2": 2, "1.3": 1}[tls]  # TCP, and the handshake
    return n
"""

CASES = [
    (("https", "1.3", False, False), 3),
    (("https", "1.2", False, False), 4),
    (("http", "1.3", False, False), 5),
    (("http", "1.2", False, False), 6),
    (("https", "1.3", True, True), 1),
    (("https", "1.2", True, False), 1),
    (("http", "1.3", False, True), 3),
    (("http", "1.2", False, True), 4),
    (("http", "1.3", True, True), 1),
    (("http", "1.2", True, False), 3),
]


def check(lab, namespace) -> str:
    round_trips = namespace.get("round_trips")
    if not callable(round_trips):
        return "there is no function `round_trips`."
    for (begins, tls, kept, hsts), wanted in CASES:
        n = round_trips(begins, tls, kept, hsts)
        if n != wanted:
            return (f"who begins by {begins}, with TLS {tls}, {'a' if kept else 'no'} kept connection and "
                    f"{'' if hsts else 'no '}HSTS, needs {wanted} before the first byte; yours says {n!r}.")
    return ""
