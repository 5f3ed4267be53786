"""One comparison as a lesson asks for it, and what the machine would answer."""

from deploylab import course as courses
from deploylab.lessons.answers import Compared
from deploylab.measure import compare
from tests import synthetic

COURSE = courses.load()
ASKED = {"a": "nginx:sync", "b": "nginx", "view": "wait", "concurrency": 32}
CONTRAST = compare.named(COURSE, **ASKED)
QUESTION = {**ASKED, "b_view": None, "pairs": 5, "seconds": 3.0, "slow_clients": None}


def answer(ratio: float) -> Compared:
    return Compared(session="s", contrast=CONTRAST, differences=(), runs=tuple(synthetic.pairs(CONTRAST, ratio=ratio)))
