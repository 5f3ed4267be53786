"""How something broken on purpose looks in a notebook: the symptom before, the cause after."""

from deploylab.core import units
from deploylab.lessons.answers import Broken, Mended
from deploylab.lessons.display import output
from deploylab.lessons.display.output import Shown


def broken(answer: Broken, label: str = "") -> Shown:
    """The symptom alone, and where to look."""
    return output.text(f"{answer.title}\n"
                      f"The site: {answer.url}. Look at the machine with %%guest, and find the cause.\n"
                      f'lab.hint() helps, lab.check("{answer.target}") knows, lab.mend() puts it right.',
                      label, answer)


def mended(answer: Mended, suspected: str, label: str = "") -> Shown:
    """What it was, beside what the attendee thought, and that all is well again."""
    one, stages = answer.broken, answer.stages
    checks = [check for stage in stages for check in stage.checks]
    n_ok = sum(check.ok for check in checks)
    lines = ([f"What was seen: {one.title}", f"What it was: {one.cause}"] if one else
             ["Nothing was broken with lab.break_it. The lesson's stages were looked after all the same."])
    lines += [f"What you thought: {suspected}"] if suspected else []
    lines += [f"{one.stage}: {_changed(one.changed)}, in {units.seconds(one.seconds)}" for one in stages]
    inside = output.checks(checks)
    body = output.text("\n".join(lines)).body
    folded = f"<details{'' if inside.ok else ' open'}><summary>{n_ok} of {len(checks)} checks say yes</summary>"
    return Shown("\n".join([*lines, inside.text]), f"{body}{folded}{inside.body}</details>", label, answer, inside.ok)


def _changed(n: int) -> str:
    return "nothing had to change" if n == 0 else f"{units.count(n, 'thing')} put right"
