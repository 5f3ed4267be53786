"""The steps of a release, in an order in which no visitor meets half of it."""

TASK = """
## Exercise: in which order?

A release has eight steps. Visitors come all the time, so each step happens while somebody uses the site. And a worker
may stop and start again at any moment: it then loads the code that the name `current` points to.

| step | what it does |
|---|---|
| `unpack` | puts the new code into a folder of its own, beside the old one |
| `install` | installs what the new code requires |
| `migrate` | adds the table that the new code reads; the old code still works with it |
| `collect` | puts the new static files beside the old ones |
| `link` | makes the name `current` point to the new code |
| `reload` | tells gunicorn to load the code again, worker by worker |
| `look` | asks the new site for a page, to go back if it is broken |
| `clean` | deletes the old code and the old static files |

Put them in order. No visitor may run into a missing table, a missing file or a broken import, and until `look` there
must be a way back.
"""

START = """
release = ["unpack", "link", "reload", "install", "collect", "migrate", "clean", "look"]
"""

HINTS = [
    "Take the step after which visitors can meet the new code. What must be there before it?",
    "After `link` a worker may load the new code by chance, long before `reload`. So all that the new code needs "
    "comes before `link`, and whatever the old code needs goes last.",
    "unpack, install, then migrate and collect in any order; link, reload; look; and clean when all is well.",
]

SOLUTION = """
release = ["unpack", "install", "migrate", "collect", "link", "reload", "look", "clean"]
"""

STEPS = {"unpack", "install", "migrate", "collect", "link", "reload", "look", "clean"}
# Of each pair the first comes earlier, or this happens.
RULES = [
    ("unpack", "install", "the list of requirements is in the new code, which is not there yet"),
    ("unpack", "migrate", "the new migration is part of the new code, which is not there yet"),
    ("unpack", "collect", "the new static files are part of the new code, which is not there yet"),
    ("unpack", "link", "`current` points to a folder that is not there"),
    ("install", "migrate", "manage.py of the new code imports a package that is not there"),
    ("install", "collect", "manage.py of the new code imports a package that is not there"),
    ("install", "link", "a worker that starts again imports a package that is not there"),
    ("migrate", "link", "a worker that starts again reads a table that is not there: a visitor gets 500"),
    ("collect", "link", "a new page refers to a style sheet that is not there: a visitor gets 404 for it"),
    ("link", "reload", "gunicorn loads the old code again, and nothing was released"),
    ("reload", "look", "you looked at the old site, which says nothing about the new one"),
    ("look", "clean", "the new site turns out to be broken, and there is no way back"),
]


def check(lab, namespace) -> str:
    release = namespace.get("release")
    if not isinstance(release, (list, tuple)) or sorted(map(str, release)) != sorted(STEPS):
        return f"`release` must have each step once: {', '.join(sorted(STEPS))}."
    for first, second, harm in RULES:
        if release.index(first) > release.index(second):
            return f"`{second}` comes before `{first}`: {harm}."
    return ""
