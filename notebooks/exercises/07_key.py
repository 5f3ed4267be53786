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
    'ask["query"].get("page", "1") is the part. Put something between the parts of the key that is in none of them: '
    '"/talks/1" with part "2" and "/talks/" with part "12" would be one key otherwise.',
]

SOLUTION = """
def key(ask):
    part = ask["query"].get("page", "1")
    return f"page:{ask['path']}|{part}|{ask['language']}"
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
    return ""
