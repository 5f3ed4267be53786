"""One comparison as a lesson asks for it, and what the machine would answer."""

from dataclasses import asdict

from deploylab import course as courses
from deploylab.measure import compare
from deploylab.measure.compare import as_plan
from tests import synthetic

COURSE = courses.load()
ASKED = {"a": "nginx:sync", "b": "nginx", "view": "wait", "concurrency": 32}
CONTRAST = compare.named(COURSE, **ASKED)
QUESTION = {**ASKED, "b_view": None, "pairs": 5, "seconds": 3.0, "slow_clients": None}


def answer(ratio: float) -> dict:
    runs = synthetic.pairs(CONTRAST, ratio=ratio)
    return {"session": "s", "contrast": as_plan(CONTRAST), "differences": [], "runs": [asdict(run) for run in runs]}
