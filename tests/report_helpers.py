"""A reader of reports, and reports of made-up sessions."""

from dataclasses import asdict
from html.parser import HTMLParser

import synthetic

from deploylab import report
from deploylab.measure import compare
from deploylab.results import Session
from deploylab.results.record import Difference

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """What a reader of HTML finds: addresses, plots, ids, and the <data> of each table row."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses, self.svgs, self.ids, self.figures, self.rows = [], [], [], 0, {}
        self.open, self.row, self.words = [], None, []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [attrs[name] for name in ("src", "href", "xlink:href", "srcset", "action") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.figures += tag == "figure"
        if tag == "svg":
            self.svgs.append(attrs)
        if tag == "tr":
            self.row = next(((k, v) for k, v in attrs.items() if k.startswith("data-")), None)
        if tag == "data" and self.row:
            self.rows.setdefault(self.row, []).append(attrs["value"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag, f"</{tag}> closes the wrong element"

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.words.append(data)


def written(course, runs, finished=True, **plan):
    session = Session.create(n_rounds=5, cells=[{}] * 12, machine=synthetic.MACHINE, **plan)
    for one in runs:
        session.append(one)
    if finished:
        session.finish()
    return report.write(session, course).read_text()


TWO = synthetic.the_course("runserver", "nginx")
RUNS = synthetic.rounds(TWO)


# ------------------------------------------------------------------ contrasts

def with_contrasts(*raced, course=TWO, rounds=RUNS):
    """The text of a report with these contrasts: (contrast, differences, runs) each."""
    return written(course, [*rounds, *(run for *_, runs in raced for run in runs)],
                   contrasts=[compare.as_plan(one) for one, *_ in raced],
                   differences={one.name: [asdict(found) for found in differences] for one, differences, _ in raced})


PART = Difference(name="gunicorn worker_class", a="sync", b="gthread")
GZIP = Difference(name="nginx gzip", a="off in http", b="on in http")
