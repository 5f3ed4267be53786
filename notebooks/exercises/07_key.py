"""The key under which a page is kept: two visitors who must not see the same page must not share one."""

TASK = """
## Exercise: a key that leaves something out

A site keeps whole pages in a cache, for everybody. This function returns the key. A visitor's request has four parts:

| | for example | what the page does with it |
|---|---|---|
| `ask["path"]` | `"/talks/"` | which page it is |
| `ask["query"]` | `{"page": "2", "from": "mail"}` | it shows part 2; without `page`, part 1. Nothing else |
| `ask["language"]` | `"en"` | the language of its texts |
| `ask["browser"]` | `"Firefox 144"` | nothing |

The key leaves out some of that, and visitors see pages that were made for others. Fix it: where two pages differ,
their keys differ, and where two pages are the same, their keys are the same.
"""

START = """
def key(ask):
    return "page:" + ask["path"]
"""

HINTS = [
    "A visitor who asks for part 2 gets what the key finds. Does the key contain the part, and the language?",
    "The whole query is too much: a link from a mail has `from` in it, and would make a second copy of the same page. "
    "Only `page` counts, and a query without it means part 1.",
    'ask["query"].get("page", "1") is the part. Path "/talks/1" with part "2" and path "/talks/" with part "12" must '
    "have two keys. No character between the two is safe, because visitors type both: let Python write down where each "
    "of them ends, with repr((path, part, language)) or json.dumps.",
]

SOLUTION = """
def key(ask):
    part = ask["query"].get("page", "1")
    return "page:" + repr((ask["path"], part, ask["language"]))
"""


def _ask(path="/talks/", query=None, language="en", browser="Firefox 144") -> dict:
    return {"path": path, "query": dict(query or {}), "language": language, "browser": browser}


PLAIN = _ask()
# Two requests, whether they are answered with the same page, and what they are to the reader.
CASES = [
    (PLAIN, _ask(), True, "the same request twice"),
    (PLAIN, _ask("/speakers/"), False, "two paths"),
    (PLAIN, _ask(query={"page": "2"}), False, "part 1 and part 2 of a page"),
    (PLAIN, _ask(language="es"), False, "the same page in English and in Spanish"),
    (PLAIN, _ask(browser="Safari 26"), True, "the same page for two browsers"),
    (PLAIN, _ask(query={"from": "mail"}), True, "the same page, once by a link in a mail"),
    (PLAIN, _ask(query={"page": "1"}), True, "a page, and the same one asked for as part 1"),
    (_ask(query={"page": "2", "from": "mail"}), _ask(query={"from": "news", "page": "2"}), True,
     "part 2, by two links"),
    (_ask("/talks/1", {"page": "2"}), _ask("/talks/", {"page": "12"}), False,
     'part 2 of "/talks/1" and part 12 of "/talks/"'),
]


def check(lab, namespace) -> str:
    key = namespace.get("key")
    if not callable(key):
        return "there is no function `key`."
    for one, other, same, what in CASES:
        keys = [key(_ask(**ask)) for ask in (one, other)]
        if not all(isinstance(each, str) and each for each in keys):
            return f"a key is a string, and yours is {keys[0]!r}."
        if (keys[0] == keys[1]) != same:
            return (f"{what} have two keys, {keys[0]!r} and {keys[1]!r}: the page is made and kept twice." if same else
                    f"{what} have one key, {keys[0]!r}: one visitor gets the other's page.")
    return _forged(key)


def _forged(key) -> str:
    """Whether a visitor can type what stands between path and part in the key, and so meet another page's key."""
    path, part, more = "/talks/", "7777", "x"
    found = key(_ask(path, {"page": part}))
    begins = [found.find(path), found.find(part)]
    if -1 in begins:
        return ""  # a checksum, say
    if begins[0] < begins[1]:
        between = found[begins[0] + len(path):begins[1]]
        one, other = _ask(path + between + part, {"page": more}), _ask(path, {"page": part + between + more})
    else:
        between = found[begins[1] + len(part):begins[0]]
        one, other = _ask(part + between + path, {"page": more}), _ask(path, {"page": more + between + part})
    if key(one) != key(other):
        return ""
    return (f"path {one['path']!r} with part {one['query']['page']!r}, and path {other['path']!r} with part "
            f"{other['query']['page']!r}, have one key, {key(one)!r}: visitors may type {between!r} too.")
