"""Which answers may a cache for everybody keep, and send without asking again?"""

TASK = """
## Exercise: what may it keep?

Five answers pass through a cache that is in front of a site, and shared by all its visitors:

| | answer | its headers |
|---|---|---|
| 1 | the programme of a day | `Cache-Control: public, max-age=30` |
| 2 | "Welcome back, Ada", with her talks | `Cache-Control: private, max-age=30` |
| 3 | a form with a token in it | `Cache-Control: no-store` |
| 4 | the programme, for a visitor who is new | `Cache-Control: public, max-age=30`, `Set-Cookie: sessionid=7f3a` |
| 5 | a page that says nothing about it | no `Cache-Control` |

Write the rule: `may_store(headers)` is true if the cache may keep the answer and give it to somebody else **without
asking the site again**. `headers` is a dictionary, with the names written as above. The cell also tries answers that
are not in the table: with `no-cache`, with `s-maxage`, with zero seconds, with `Vary`.

Whose rule is it? That of HTTP itself (RFC 9111) for caches that are shared, and more careful in two points, as nginx
and Varnish are in this course. HTTP allows a cache to keep an answer with a cookie, and to guess how long to keep one
that says nothing. Here it does neither.
"""

START = """
def may_store(headers):
    return True
"""

HINTS = [
    "Ask of each answer: what if the next visitor, a stranger, got exactly this, and the site did not know?",
    "Each of these forbids it: a word in Cache-Control (private, no-store, or no-cache, which means: ask again each "
    "time), a cookie, `Vary: *` (each request is different), and no number of seconds, or zero. Where there are two "
    "numbers, s-maxage counts: it is meant for shared caches.",
    'Make a dictionary of Cache-Control first: split it at ",", and each part at "=" (`name, _, value = '
    'part.strip().partition("=")`), in small letters. Then look for the three names in it, and for its "s-maxage", or '
    'else its "max-age".',
]

SOLUTION = """
def may_store(headers):
    says = {}
    for part in headers.get("Cache-Control", "").lower().split(","):
        name, _, value = part.strip().partition("=")
        says[name] = value
    if "private" in says or "no-store" in says or "no-cache" in says:
        return False
    if "Set-Cookie" in headers or headers.get("Vary") == "*":
        return False
    seconds = says.get("s-maxage", says.get("max-age", "0"))
    return seconds.isdigit() and int(seconds) > 0
"""

PUBLIC, COOKIE = "public, max-age=30", {"Set-Cookie": "sessionid=7f3a"}
CASES = [
    ("answer 1", {"Cache-Control": PUBLIC}, True),
    ("answer 2", {"Cache-Control": "private, max-age=30"}, False),
    ("answer 3", {"Cache-Control": "no-store"}, False),
    ("answer 4", {"Cache-Control": PUBLIC, **COOKIE}, False),
    ("answer 5", {"Content-Type": "text/html"}, False),
    ("one with `Cache-Control: s-maxage=60`", {"Cache-Control": "s-maxage=60"}, True),
    ("one with `Cache-Control: max-age=30`", {"Cache-Control": "max-age=30"}, True),
    ("one with `Cache-Control: max-age=30, Private`", {"Cache-Control": "max-age=30, Private"}, False),
    ("one with `Cache-Control: max-age=600, no-store`", {"Cache-Control": "max-age=600, no-store"}, False),
    ("one with `Cache-Control: public` alone", {"Cache-Control": "public"}, False),
    ("one with a cookie and no other word", COOKIE, False),
    ("one with `Cache-Control: no-cache, max-age=600`", {"Cache-Control": "no-cache, max-age=600"}, False),
    ("one with `Cache-Control: public, max-age=0`", {"Cache-Control": "public, max-age=0"}, False),
    ("one with `Cache-Control: s-maxage=0, max-age=600`", {"Cache-Control": "s-maxage=0, max-age=600"}, False),
    ("one with `Cache-Control: max-age=0, s-maxage=60`", {"Cache-Control": "max-age=0, s-maxage=60"}, True),
    ("one with `Vary: *`", {"Cache-Control": PUBLIC, "Vary": "*"}, False),
    ("one with `Vary: Accept-Encoding`", {"Cache-Control": PUBLIC, "Vary": "Accept-Encoding"}, True),
    ("the programme of this site", {"Cache-Control": f"{PUBLIC}, stale-while-revalidate=60"}, True),
]


def check(lab, namespace) -> str:
    may_store = namespace.get("may_store")
    if not callable(may_store):
        return "there is no function `may_store`."
    for name, headers, wanted in CASES:
        if bool(may_store(dict(headers))) != wanted:
            return (f"{name} may be kept, and your rule says no: everybody waits for it each time." if wanted else
                    f"{name} must not be kept, and your rule says yes: the next visitor would get it.")
    return ""
