"""For how long may a browser keep an answer, by its path alone?"""

TASK = """
## Exercise: how long may it be kept?

You are the server, and all you have is the path. Say what goes into `Cache-Control`:

| the path | for example | `Cache-Control` |
|---|---|---|
| a file with a hash in its name | `/static/bundles/site.3c55d5ca26f9.css` | `public, max-age=31536000, immutable` |
| a file whose name stays when it changes | `/static/programme/site.css` | `public, max-age=60` |
| not a static file: the application decides, not you | `/talks/1/` | `""` |

Static files are below `/static/`. The hash is written as Django does it: a dot, twelve characters out of
`0123456789abcdef`, a dot, the extension. The cell also tries names that only look like this. One mistake costs some
bytes, the other one cannot be undone for a year.
"""

START = """
def cache_control(path):
    if "." in path:
        return "public, max-age=31536000, immutable"
    return ""
"""

HINTS = [
    "Two questions, in this order: is it below /static/ at all? Then: must the name change when the content does?",
    "A version, as in jquery.1.12.min.js, is given by a person, who may forget. Look at the last part of the path "
    "alone, and ask for exactly what Django writes.",
    r're.search(r"\.[0-9a-f]{12}\.[a-z0-9]+$", path) finds a hash just before the ending. nginx has the same line.',
]

SOLUTION = r"""
import re
def cache_control(path):
    if not path.startswith("/static/"):
        return ""
    if re.search(r"\.[0-9a-f]{12}\.[a-z0-9]+$", path):
        return "public, max-age=31536000, immutable"
    return "public, max-age=60"
"""

FOR_EVER, A_MINUTE, NOTHING = "public, max-age=31536000, immutable", "public, max-age=60", ""
CASES = [
    ("/static/bundles/site.3c55d5ca26f9.css", FOR_EVER),
    ("/static/programme/logo.00e7ff3b0a1c.svg", FOR_EVER),
    ("/static/fonts/text.9f86d081884c.woff2", FOR_EVER),
    ("/static/programme/site.css", A_MINUTE),
    ("/static/programme/jquery.1.12.min.js", A_MINUTE),
    ("/static/programme/photo.20261124.jpg", A_MINUTE),
    ("/static/3c55d5ca26f9/site.css", A_MINUTE),
    ("/static/old.3c55d5ca26f9.css/site.css", A_MINUTE),
    ("/static/programme/site.3c55d5ca26f9a0.css", A_MINUTE),
    ("/static/programme/site.3c55d5ca26fz.css", A_MINUTE),
    ("/static/LICENSE", A_MINUTE),
    ("/talks/1/", NOTHING),
    ("/", NOTHING),
    ("/papers/report.3c55d5ca26f9.pdf", NOTHING),
    ("/talks/static/", NOTHING),
]


def check(lab, namespace) -> str:
    cache_control = namespace.get("cache_control")
    if not callable(cache_control):
        return "there is no function `cache_control`."
    for path, wanted in CASES:
        if (said := cache_control(path)) != wanted:
            return f"`{path}`: your rule says {said!r}. {_harm(said, wanted)}"
    return ""


def _harm(said, wanted: str) -> str:
    """What a wrong answer does to visitors."""
    if wanted == NOTHING:
        return "That is not a static file, and the application decides: return \"\"."
    if wanted == FOR_EVER:
        return f"A file with this name never changes, yet browsers ask for it again. It may be {wanted!r}."
    if said == FOR_EVER:
        return "The next release changes it under the same name, and visitors keep the old one for a year."
    return f"It should be {wanted!r}: then a changed file is seen after a minute."
