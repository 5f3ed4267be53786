"""The guides are typed on a real machine, and leave it as `goto` leaves it."""

import os
import re
import subprocess

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine import snapshot
from deploylab.provision import converge

COURSE = courses.load()
# The steps of the road that a guide takes.
STEPS: dict[str, list[str]] = {}
for _stage in COURSE.stages:
    if _stage.ladder:
        STEPS.setdefault(_stage.guide, []).append(_stage.name)

# Each of these begins where the one before it ended: they are typed one after the other, on a machine of one reset.
IN_A_ROW = ["guide_III", "guide_IV", "guide_V"]
ALONE = [name for name in STEPS if name not in IN_A_ROW]
# The release takes no step. What its guide tells to type last builds a machine anew; lesson 09's test does that.
RELEASE, REBUILD = "guide_VI", "./lab reset runserver --yes"

# Loads are short here, and of several in a row only the first is typed: these tests are about what stands on the
# machine, not about the figures.
LOAD = re.compile(r"\./lab (?P<command>compare|measure) (?P<targets>[^-]+) --view (?P<view>\w+)")
SHORT = {"compare": "--pairs 1 --seconds 0.5", "measure": "--repeats 1 --seconds 0.5"}

# What may differ, and why. A kind of snapshot, a regular expression on the whole name, and the reason.
MAY_DIFFER = [
    ("files", r"/etc/deploylab/(secret-key|mariadb)\.env", "a secret is another one on every machine"),
    ("files", r"/etc/(passwd|group|g?shadow|subuid|subgid)-?", "numbers depend on who came first; see `users`"),
    ("files", r"/etc/(machine-id|\.pwd\.lock|ld\.so\.cache|ssh/.*)", "made at first boot or anew"),
    ("files", r"/etc/alternatives/.*", "links that depend on the order of packages"),
    ("files", r"/srv/deploylab/\w+/db\.sqlite3.*", "the same rows, in another order on the disk"),
    ("files", r"/srv/deploylab/files.*", "what reset lays out for a person's hand"),
    ("files", r"/etc/apache2/sites-available/(000-default|default-ssl)\.conf", "Debian's, used by nobody"),
    ("sockets", r"/run/apache2/wsgi\.[\d.]+\.sock", "its name holds the number of a process"),
    ("services", r"systemd-(hostnamed|timedated|localed)\.service", "started by a question, ends when nobody asks"),
    ("sockets", r"/run/systemd/io\.systemd\..*", "held by those"),
    ("processes", r"www-data nginx: cache loader process", "reads what is kept a minute after nginx began, and ends"),
    ("processes", r".*(sshd|systemd|sudo|python3 -|sh -c|dbus).*", "come and go, and serve no page"),
]


def blocks(text: str) -> list[tuple[str, str]]:
    """What a guide tells to type, in order: ("sh", script for the machine) and ("console", line for this computer)."""
    found = []
    for kind, body in re.findall(r"^```(sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found += [(kind, body)] if kind == "sh" else [(kind, line[2:]) for line in body.splitlines()]
    return found


def guide(name: str) -> str:
    return (paths.ROOT / f"guides/{name}.md").read_text(encoding="utf-8")


def test_a_guide_is_read_as_it_is_typed():
    text = "```console\n$ ./lab up\n```\nWhy.\n```sh\ncd /tmp\nls \\\n  -l\n```\n```ini\na = 1\n```\n"
    assert blocks(text) == [("console", "./lab up"), ("sh", "cd /tmp\nls \\\n  -l\n")]


def test_of_several_loads_the_first_is_typed():
    lines = ["./lab check a", "./lab compare a b --view page", "./lab measure b --view page", "ls",
             "./lab compare b c --view page"]
    typed = one_load_at_a_time([("console", line) for line in lines])
    assert [body for _, body in typed] == [*lines[:2], *lines[3:]]


def test_every_step_of_the_road_has_its_guide():
    assert {"guide_I": ["runserver"], "guide_II": ["apache"]}.items() <= STEPS.items()
    assert all((paths.ROOT / f"guides/{name}.md").exists() for name in [*STEPS, RELEASE])


@pytest.mark.parametrize("name", STEPS)
def test_a_guide_begins_at_the_stage_before_and_ends_each_step_with_its_check_and_a_load(name):
    on_host = [body for kind, body in blocks(guide(name)) if kind == "console"]
    assert on_host[0] == f"./lab reset {STEPS[name][0]} --yes"
    for stage in STEPS[name]:
        rest = on_host[on_host.index(f"./lab check {stage}") + 1:]
        load = LOAD.match(rest[0])
        assert load and load["targets"].split()[-1] == stage


@pytest.mark.parametrize("name", STEPS)
def test_what_a_guide_loads_has_such_a_page(name):
    loads = [LOAD.match(body) for _, body in blocks(guide(name)) if re.match(r"\./lab (compare|measure)", body)]
    assert loads
    for load in loads:
        assert all(load["view"] in COURSE.target(target).all_views for target in load["targets"].split())


@pytest.mark.parametrize("name", STEPS)
def test_a_guide_shows_every_file_that_it_puts_in_place(name):
    before = list(STEPS)[:list(STEPS).index(name) + 1]  # what an earlier one has shown stays as it is
    shown = set(re.findall(r"^```\{literalinclude\} \.\./provisioning/files(\S+)$", "\n".join(map(guide, before)),
                           re.MULTILINE))
    assert all((paths.PROVISIONING / f"files{path}").exists() for path in shown)
    for stage in STEPS[name]:
        configured = {path for path in COURSE.stage(stage).configuration if not path.endswith(".load")}
        assert configured <= shown


@pytest.mark.parametrize("name", [*STEPS, RELEASE])
def test_what_a_guide_includes_is_there(name):
    included = re.findall(r"^(?:```\{literalinclude\}|:diff:) (\S+)$", guide(name), re.MULTILINE)
    assert included
    assert [path for path in included if not (paths.ROOT / "guides" / path).exists()] == []


def test_the_release_begins_at_a_stage_and_ends_with_a_new_machine():
    on_host = [body for kind, body in blocks(guide(RELEASE)) if kind == "console"]
    assert on_host[0] == "./lab goto nginx --yes"
    assert on_host[-3:] == [REBUILD, "./lab goto nginx", "./lab check nginx"]


# ------------------------------------------------------------------------------- the real machine


def by_hand(machine, found: list[tuple[str, str]]) -> str:
    """Type blocks of a guide as they stand there; a shell for each stretch on one computer. What this one said."""
    names, said = "", ""
    for kind, body in joined(one_load_at_a_time(found)):
        if kind == "console":
            done = subprocess.run(["bash", "-e", "-c", here(machine, names + body)], cwd=paths.ROOT, env=os.environ,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert done.returncode == 0, f"{body}\n{done.stdout[-3000:]}"
            names += "".join(re.findall(r"^\w+=.*\n", body, re.MULTILINE))  # a person's shell would remember them
            said += done.stdout
        else:
            machine.put(body.encode(), "/tmp/typed", mode="0644")
            done = machine.run("bash -e -x /tmp/typed", timeout_s=600)
            assert done.ok, done.out[-3000:]
    return said


def here(machine, body: str) -> str:
    """A line for this computer, for the tests' own machine, and with a short load."""
    for command, less in SHORT.items():
        body = re.sub(rf"^(\./lab {command} .*)$", rf"\1 {less}", body, flags=re.MULTILINE)
    return re.sub(r"(\.\./)*\.lab/ssh_config", str(machine.ssh_config), body)


def one_load_at_a_time(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The blocks without each load that follows another."""
    return [one for before, one in zip([("", ""), *found], found, strict=False)
            if not (LOAD.match(one[1]) and LOAD.match(before[1]))]


def joined(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Blocks for one computer that follow each other are typed into one shell: its folder stays."""
    together: list[tuple[str, str]] = []
    for kind, body in found:
        body = body.removesuffix("\n") + "\n"
        if together and together[-1][0] == kind:
            body = together.pop()[1] + body
        together.append((kind, body))
    return together


def unexplained(by_goto: snapshot.Snapshot, hand: snapshot.Snapshot) -> list[str]:
    return [str(one) for one in snapshot.changes(by_goto, hand)
            if not any(one.kind == kind and re.fullmatch(pattern, one.name) for kind, pattern, _ in MAY_DIFFER)]


def reset(lab, stage: str) -> None:
    done = lab("reset", stage, "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("name", ALONE)
def test_by_hand_and_by_goto_the_machine_ends_the_same(machine, lab, name):
    (stage,) = STEPS[name]
    reset(lab, stage)
    before = snapshot.take(machine)
    assert converge.to_stage(machine, COURSE, stage).changed > 5
    goto = snapshot.take(machine)

    by_hand(machine, blocks(guide(name)))
    hand = snapshot.take(machine)
    assert unexplained(before, goto), "the snapshots do not see what a stage does"
    assert unexplained(goto, hand) == []
    assert converge.to_stage(machine, COURSE, stage).changes == ()


@pytest.mark.thorough
@pytest.mark.machine
def test_guides_in_a_row_lead_where_goto_leads(machine, lab):
    stages = [stage for name in IN_A_ROW for stage in STEPS[name]]
    for name in IN_A_ROW:
        found = blocks(guide(name))
        by_hand(machine, found if name == IN_A_ROW[0] else found[1:])  # without its reset
    hand = snapshot.take(machine)
    assert {stage: converge.to_stage(machine, COURSE, stage).changes for stage in stages} == dict.fromkeys(stages, ())

    reset(lab, stages[0])
    before = snapshot.take(machine)
    assert all(converge.to_stage(machine, COURSE, stage).changed > 1 for stage in stages)
    goto = snapshot.take(machine)
    assert unexplained(before, goto), "the snapshots do not see what a stage does"
    assert unexplained(goto, hand) == []


@pytest.fixture
def one_folder(machine):
    """The stage's code lies in one folder again, as the next one who comes expects it."""
    yield
    machine.run("cd /srv/deploylab/nginx && test -L app && sudo rm app && sudo mv releases/0-first app"
                " && sudo rm -r releases")


@pytest.mark.thorough
@pytest.mark.machine
def test_a_release_by_hand_and_by_program(machine, one_folder):
    found = blocks(guide(RELEASE))
    said = by_hand(machine, found[:found.index(("console", REBUILD))])
    restart, reload, _ = map(int, re.findall(r"^Failed requests: +(\d+)$", said, re.MULTILINE))
    assert restart > reload
    assert "NOT RELEASED: / gave 500" in said
    assert "Back at 0-first: good" in said
    assert machine.check_output("readlink /srv/deploylab/nginx/app").strip().endswith("/releases/0-first")
