"""A file that Apache sends by itself: one directive in the site's configuration, read again without a stop."""

from deploylab.lessons.exercises import Solved

TASK = """
## Exercise: an answer without Python

Many browsers and programs ask every site for `/favicon.ico`, whether a page names it or not. Django has no such
page, so it makes a 404 each time, in Python. Let Apache answer with the logo,
`/srv/deploylab/apache/static/programme/logo.svg`. One directive is enough, and the configuration has one of its kind
already.

The cell puts your line above that one, lets Apache check the configuration, and then tells it to reload without
stopping.
"""

START = r"""
%%guest
site=/etc/apache2/sites-available/deploylab-apache.conf
line='    # favicon: your directive comes here'
sudo sed -i -e '/favicon/d' -e "/^    Alias .static/i\\$line" $site
grep -n -A 1 favicon $site
sudo apache2ctl configtest && sudo systemctl reload apache2
"""

HINTS = [
    "Which directive makes Apache send what is asked for under /static/? It works for a single file too.",
    "It takes two things: the path that a visitor asks for, and the path on the disk.",
    "line='    Alias /favicon.ico ' and then the path of the logo, inside the quotes",
]

SOLUTION = START.replace("# favicon: your directive comes here",
                         "Alias /favicon.ico /srv/deploylab/apache/static/programme/logo.svg")

NEEDS = ["apache"]

READABLE = "sudo apache2ctl configtest 2>&1"
# A moment for Apache: until its old process has let go of the port, either one may answer.
HEAD = "sleep 1; curl -s -o /dev/null -D - http://127.0.0.1:8002{} | tr -d '\\r'"
LOGO = "/static/programme/logo.svg"


def check(lab, namespace) -> "str | Solved":
    if "Syntax OK" not in (said := lab.guest(READABLE).answer.out):
        return f"Apache cannot read this configuration. It says: {said.strip()}"
    icon, logo, page = (_head(lab, path) for path in ("/favicon.ico", LOGO, "/test/"))
    if page.get("status") != "200" or logo.get("status") != "200":
        return f"the site itself no longer works: /test/ gives {page.get('status')}, {LOGO} {logo.get('status')}."
    if "x-process" in icon:
        return f"/favicon.ico gives {icon['status']}, and a process of the application made it, {icon['x-process']}."
    if icon.get("status") != "200":
        return f"Apache itself answers, but with {icon['status']}. Is the path on the disk the right one?"
    if icon.get("content-length") != logo.get("content-length"):
        return "Apache sends a file, but it is not the logo."
    return Solved(f"Apache sent {icon['content-length']} bytes of {icon.get('content-type')}. No process of the "
                  "application was involved.")


def _head(lab, path: str) -> dict[str, str]:
    """The status and the header fields of an answer, their names in small letters."""
    first, *rest = lab.guest(HEAD.format(path)).answer.out.splitlines() or [""]
    fields = dict(line.split(": ", 1) for line in rest if ": " in line)
    return {"status": first.split(" ")[1] if " " in first else "nothing"} | {
        name.lower(): value for name, value in fields.items()}
