"""A search that reads every row, or one that asks an index: SQLite's steps are counted, and the drawback is shown."""

import sqlite3

from deploylab.core import units
from deploylab.lessons.exercises import Solved

TASK = """
## Exercise: LIKE, or full text?

The programme has a search box, and its search is one `LIKE`. With a `%` in front of the word no index helps: the
database reads every talk. A full-text index is made once, and says for each word where it occurs. SQLite has one built
in: FTS5.

Prepare one in `prepare`, and ask it in `search`. The answer stays the same: the ids of the talks with that word, in
order. The cell makes 200 talks, then 10,000, with the same few hits, and counts the **steps** that SQLite takes for one
search. Steps are the same on every computer. Time is not.
"""

START = """
def prepare(database):
    pass  # once, when all talks are in the table talk (id, abstract)

def search(database, word):
    found = database.execute("SELECT id FROM talk WHERE abstract LIKE ? ORDER BY id", [f"%{word}%"])
    return [row[0] for row in found]
"""

HINTS = [
    "Two statements in prepare: one makes the index, one fills it. Then search asks the index and not the table.",
    "CREATE VIRTUAL TABLE words USING fts5(abstract) is the index. Fill it with rowid and abstract: INSERT INTO words "
    "(rowid, abstract) SELECT id, abstract FROM talk",
    'In search: SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid, with [word].',
]

SOLUTION = """
def prepare(database):
    database.execute("CREATE VIRTUAL TABLE words USING fts5(abstract)")
    database.execute("INSERT INTO words (rowid, abstract) SELECT id, abstract FROM talk")

def search(database, word):
    found = database.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid", [word])
    return [row[0] for row in found]
"""

FEW, MANY, HITS = 200, 10_000, 5
WORD, PART, NOWHERE = "varnish", "varn", "typewriter"
MOST = 5.0  # times as many steps for 50 times as many talks; LIKE takes nearly 50 times as many


def check(lab, namespace) -> str | Solved:
    for name in ("prepare", "search"):
        if not callable(namespace.get(name)):
            return f"there is no function `{name}`."
    prepare, search = namespace["prepare"], namespace["search"]
    seen = {}
    for n in (FEW, MANY):
        seen[n], wrong = _tried(n, prepare, search)
        if wrong:
            return wrong
    few, many = seen[FEW], seen[MANY]
    times = many["search"] / max(1, few["search"])
    if times > MOST:
        return (f"with {MANY // FEW} times as many talks the search took {units.factor(times)} times as many steps: "
                f"{few['search']:,}, then {many['search']:,}. It still reads every talk.")
    return Solved(f"Of {FEW} talks LIKE took {few['like']:,} steps and your search {few['search']:,}; of {MANY:,}, "
                  f"{many['like']:,} and {many['search']:,}. The price: {many['prepare']:,} steps to prepare, and an "
                  f"index that must be updated for every new talk. And for {PART!r}, a part of the word, LIKE finds "
                  f"{HITS} talks and your search {many['parts']}.")


def _tried(n: int, prepare, search) -> tuple[dict[str, int], str]:
    """The steps with so many talks, and what is wrong with the answers."""
    database, wanted = _talks(n)
    seen = {"like": _steps(database, lambda: _like(database, WORD))[0],
            "prepare": _steps(database, lambda: prepare(database))[0]}
    seen["search"], found = _steps(database, lambda: list(search(database, WORD)))
    seen["parts"] = len(list(search(database, PART)))
    if found != wanted:
        return seen, f"of {n:,} talks {wanted} have the word {WORD!r}; your search gave {str(found)[:60]}."
    if list(search(database, NOWHERE)):
        return seen, f"no talk has the word {NOWHERE!r}, but your search found some."
    return seen, ""


def _talks(n: int) -> tuple[sqlite3.Connection, list[int]]:
    """So many talks in memory, and the ids of those with the word."""
    database, wanted = sqlite3.connect(":memory:"), [n // HITS * i for i in range(1, HITS + 1)]
    database.execute("CREATE TABLE talk (id INTEGER PRIMARY KEY, abstract TEXT)")
    database.executemany("INSERT INTO talk VALUES (?, ?)", [
        (i, f"How we deploy in room {i % 7}, part {i % 97}{f' with {WORD} in front' if i in wanted else ''}")
        for i in range(1, n + 1)])
    return database, wanted


def _like(database: sqlite3.Connection, word: str) -> list:
    return database.execute("SELECT id FROM talk WHERE abstract LIKE ? ORDER BY id", [f"%{word}%"]).fetchall()


def _steps(database: sqlite3.Connection, work):
    """How many steps SQLite's virtual machine takes for some work, and what the work gives."""
    n = 0

    def step() -> int:
        nonlocal n
        n += 1
        return 0  # go on

    database.set_progress_handler(step, 1)
    try:
        found = work()
        return n, found
    finally:
        database.set_progress_handler(None, 1)
