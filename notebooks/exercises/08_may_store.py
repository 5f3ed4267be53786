"""Which answers may a cache for everybody keep?"""

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

Write the rule that nginx and Varnish follow, and be too careful rather than too generous: `may_store(headers)` is
true if the cache may keep the answer and give it to somebody else. `headers` is a dictionary, with the names written
as above. The cell also tries answers that are not in the table.
"""

START = """
def may_store(headers):
    return True
"""

HINTS = [
    "Ask of each answer: what if the next visitor, a stranger, got exactly this?",
    "Three things each forbid it: a word in Cache-Control, a cookie, and that nobody said for how long. s-maxage "
    "says so too, but only to shared caches.",
    'says = headers.get("Cache-Control", "").lower(); then look for "private" and "no-store" in says, for "Set-Cookie" '
    'in headers, and for "max-age=" or "s-maxage=" in says.',
]

SOLUTION = """
def may_store(headers):
    says = headers.get("Cache-Control", "").lower()
    if "private" in says or "no-store" in says or "Set-Cookie" in headers:
        return False
    return "max-age=" in says or "s-maxage=" in says
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
