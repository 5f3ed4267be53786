"""How a notebook shows something broken on purpose: first the symptom, later the cause."""

from deploylab.core import units
from deploylab.lessons.answers import Broken, Mended
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown


def broken(answer: Broken, label: str = "") -> Shown:
    """The symptom only, and where to look."""
    return output.text(f"{answer.title}\n"
                      f"The site: {answer.url}. Look at the machine with %%guest, and find the cause.\n"
                      f'lab.hint() gives a hint, lab.check("{answer.target}") finds the cause, lab.mend() repairs it.',
                      label, answer)


def mended(answer: Mended, suspected: str, label: str = "") -> Shown:
    """The cause, what the attendee thought it was, and whether everything is right again."""
    fault, stages = answer.broken, answer.stages
    checks = [check for stage in stages for check in stage.checks]
    n_ok = sum(check.ok for check in checks)
    lines = ([f"Symptom: {fault.title}", f"Cause: {fault.cause}"] if fault else
             ["Nothing was broken with lab.break_it. The lesson's stages were set up again anyway."])
    lines += [f"Your guess: {suspected}"] if suspected else []
    lines += [f"{stage.stage}: {_changed(stage.changed)}, in {units.seconds(stage.seconds)}" for stage in stages]
    table = output.checks(checks)
    body = output.text("\n".join(lines)).body
    folded = f"<details{'' if table.ok else ' open'}><summary>{n_ok} of {len(checks)} checks say yes</summary>"
    return Shown("\n".join([*lines, table.text]), f"{body}{folded}{table.body}</details>", label, answer, table.ok)


def _changed(n: int) -> str:
    return "nothing had to change" if n == 0 else f"{units.count(n, 'thing')} repaired"
