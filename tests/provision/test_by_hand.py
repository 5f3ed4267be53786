"""The guides are typed on a real machine, which must end as after `goto`."""

import os
import re
import subprocess

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.machine import snapshot
from deploylab.provision import converge

COURSE = courses.load()
# The stages that each guide sets up, and then checks.
STEPS: dict[str, list[str]] = {}
for _stage in COURSE.stages:
    if f"$ ./lab check {_stage.name}\n" in (paths.ROOT / f"guides/{_stage.guide}.md").read_text(encoding="utf-8"):
        STEPS.setdefault(_stage.guide, []).append(_stage.name)

# Each of these begins where the one before it ended: they are typed one after the other, after a single reset.
IN_A_ROW = ["guide_III", "guide_IV", "guide_V"]
ALONE = [name for name in STEPS if name not in IN_A_ROW]
# This guide sets up no stage. Its last commands build a machine from scratch; the test of lesson 09 does that.
RELEASE, REBUILD = "guide_VI", "./lab reset runserver --yes"

# Loads are short here, and only the first of several in a row is typed: these tests are about what is on the machine,
# not about the numbers.
LOAD = re.compile(r"\./lab (?P<command>compare|measure) (?P<targets>[^-]+) --view (?P<view>\w+)")
SHORT = {"compare": "--pairs 1 --seconds 0.5", "measure": "--repeats 1 --seconds 0.5"}

# What may differ: the kind of snapshot, a regular expression for the whole name, and the reason.
MAY_DIFFER = [
    ("files", r"/etc/deploylab/(secret-key|mariadb)\.env", "every machine has its own secret"),
    ("files", r"/etc/deploylab/(authority|pebble)\.(key|pem)", "every machine has its own authority"),
    ("files", r"/etc/letsencrypt/(accounts|archive|csr|keys|live|renewal)/.*", "and its own certificate"),
    ("files", r"/etc/ssl/deploylab/.*", "the same for nginx"),
    ("files", r"/var/(log|lib)/letsencrypt/.*", "what certbot did, and when"),
    ("files", r"/etc/(passwd|group|g?shadow|subuid|subgid)-?", "the ids depend on the order; see `users`"),
    ("files", r"/etc/(machine-id|\.pwd\.lock|ld\.so\.cache|ssh/.*)", "made at the first boot, or again later"),
    ("files", r"/etc/alternatives/.*", "links that depend on the order of the packages"),
    ("files", r"/srv/deploylab/\w+/db\.sqlite3.*", "the same rows, in another order on the disk"),
    ("files", r"/srv/deploylab/files.*", "what `reset` puts there for a person to copy"),
    ("files", r"/etc/apache2/sites-available/(000-default|default-ssl)\.conf", "Debian's, not used"),
    ("sockets", r"/run/apache2/wsgi\.[\d.]+\.sock", "its name contains a process id"),
    ("services", r"systemd-(hostnamed|timedated|localed)\.service", "started on demand, ends by itself"),
    ("sockets", r"/run/systemd/io\.systemd\..*", "opened by those services"),
    ("processes", r"www-data nginx: cache loader process", "reads the cache one minute after nginx starts, and ends"),
    ("processes", r".*(sshd|systemd|sudo|python3 -|sh -c|dbus).*", "start and end at any time, and serve no page"),
]


def blocks(text: str) -> list[tuple[str, str]]:
    """What a guide says to type, in order: ("sh", script for the machine) and ("console", line for this computer)."""
    result = []
    for kind, body in re.findall(r"^```(sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        result += [(kind, body)] if kind == "sh" else [(kind, line[2:]) for line in body.splitlines()]
    return result


def guide(name: str) -> str:
    return (paths.ROOT / f"guides/{name}.md").read_text(encoding="utf-8")


def test_the_commands_of_a_guide_are_found():
    text = "```console\n$ ./lab up\n```\nWhy.\n```sh\ncd /tmp\nls \\\n  -l\n```\n```ini\na = 1\n```\n"
    assert blocks(text) == [("console", "./lab up"), ("sh", "cd /tmp\nls \\\n  -l\n")]


def test_only_the_first_of_several_loads_is_typed():
    lines = ["./lab check a", "./lab compare a b --view page", "./lab measure b --view page", "ls",
             "./lab compare b c --view page"]
    typed = one_load_at_a_time([("console", line) for line in lines])
    assert [body for _, body in typed] == [*lines[:2], *lines[3:]]


def test_every_stage_of_the_road_has_its_guide():
    assert {"guide_I": ["runserver"], "guide_II": ["apache"], "guide_VII": ["tls"]}.items() <= STEPS.items()
    assert {stage.name for stage in COURSE.stages if stage.ladder} <= {name for step in STEPS.values() for name in step}


@pytest.mark.parametrize("name", STEPS)
def test_a_guide_begins_with_a_reset_and_ends_each_stage_with_its_check_and_a_load(name):
    on_host = [body for kind, body in blocks(guide(name)) if kind == "console"]
    assert on_host[0] == f"./lab reset {STEPS[name][0]} --yes"
    for stage in STEPS[name]:
        rest = on_host[on_host.index(f"./lab check {stage}") + 1:]
        load = LOAD.match(rest[0])
        assert load and load["targets"].split()[-1] == stage


@pytest.mark.parametrize("name", STEPS)
def test_every_target_that_a_guide_loads_has_the_view(name):
    loads = [LOAD.match(body) for _, body in blocks(guide(name)) if re.match(r"\./lab (compare|measure)", body)]
    assert loads
    for load in loads:
        assert all(load["view"] in COURSE.target(target).all_views for target in load["targets"].split())


@pytest.mark.parametrize("name", STEPS)
def test_a_guide_shows_every_file_that_it_puts_in_place(name):
    so_far = list(STEPS)[:list(STEPS).index(name) + 1]  # an earlier guide may have shown it
    shown = set(re.findall(r"^```\{literalinclude\} \.\./provisioning/files(\S+)$", "\n".join(map(guide, so_far)),
                           re.MULTILINE))
    assert all((paths.PROVISIONING / f"files{path}").exists() for path in shown)
    for stage in STEPS[name]:
        configured = {path for path in COURSE.stage(stage).configuration if not path.endswith(".load")}
        assert configured <= shown


@pytest.mark.parametrize("name", [*STEPS, RELEASE])
def test_every_file_that_a_guide_includes_exists(name):
    included = re.findall(r"^(?:```\{literalinclude\}|:diff:) (\S+)$", guide(name), re.MULTILINE)
    assert included
    assert [path for path in included if not (paths.ROOT / "guides" / path).exists()] == []


def test_the_release_begins_at_a_stage_and_ends_with_a_new_machine():
    on_host = [body for kind, body in blocks(guide(RELEASE)) if kind == "console"]
    assert on_host[0] == "./lab goto nginx --yes"
    assert on_host[-4:-1] == [REBUILD, "./lab goto nginx", "./lab check nginx"]
    file = next(line for line in on_host if line.startswith("./lab backup nginx ")).split()[-1]
    assert on_host[-1] == f"./lab restore {file} --yes"


# ------------------------------------------------------------------------------- the real machine


def by_hand(machine, commands: list[tuple[str, str]]) -> str:
    """Type the commands of a guide, in one shell for each stretch on one computer. The output of this computer."""
    variables, output = "", ""
    for kind, body in joined(one_load_at_a_time(commands)):
        if kind == "console":
            script = adapted(machine, variables + body)
            done = subprocess.run(["bash", "-e", "-c", script], cwd=paths.ROOT, env=os.environ, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert done.returncode == 0, f"{body}\n{done.stdout[-3000:]}"
            variables += "".join(re.findall(r"^\w+=.*\n", body, re.MULTILINE))  # a person's shell would remember them
            output += done.stdout
        else:
            machine.put(body.encode(), "/tmp/typed", mode="0644")
            done = machine.run("bash -e -x /tmp/typed", timeout_s=600)
            assert done.ok, done.out[-3000:]
    return output


def adapted(machine, body: str) -> str:
    """Commands for this computer, changed for the tests' own machine and with short loads."""
    for command, options in SHORT.items():
        body = re.sub(rf"^(\./lab {command} .*)$", rf"\1 {options}", body, flags=re.MULTILINE)
    return re.sub(r"(\.\./)*\.lab/ssh_config", str(machine.ssh_config), body)


def one_load_at_a_time(commands: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The commands without every load that follows another load."""
    return [command for before, command in zip([("", ""), *commands], commands, strict=False)
            if not (LOAD.match(command[1]) and LOAD.match(before[1]))]


def joined(commands: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Consecutive commands for the same computer in one: they are typed into one shell, which keeps its folder."""
    together: list[tuple[str, str]] = []
    for kind, body in commands:
        body = body.removesuffix("\n") + "\n"
        if together and together[-1][0] == kind:
            body = together.pop()[1] + body
        together.append((kind, body))
    return together


def unexplained(by_goto: snapshot.Snapshot, hand: snapshot.Snapshot) -> list[str]:
    return [str(change) for change in snapshot.changes(by_goto, hand)
            if not any(change.kind == kind and re.fullmatch(pattern, change.name) for kind, pattern, _ in MAY_DIFFER)]


def reset(lab, stage: str) -> None:
    done = lab("reset", stage, "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("name", ALONE)
def test_by_hand_and_by_goto_the_machine_ends_up_the_same(machine, lab, name):
    (stage,) = STEPS[name]
    reset(lab, stage)
    before = snapshot.take(machine)
    assert converge.to_stage(machine, COURSE, stage).changed > 5
    goto = snapshot.take(machine)

    by_hand(machine, blocks(guide(name)))
    hand = snapshot.take(machine)
    assert unexplained(before, goto), "the snapshots do not show what a stage changes"
    assert unexplained(goto, hand) == []
    assert converge.to_stage(machine, COURSE, stage).changes == ()


@pytest.mark.thorough
@pytest.mark.machine
def test_guides_in_a_row_end_up_where_goto_does(machine, lab):
    stages = [stage for name in IN_A_ROW for stage in STEPS[name]]
    for name in IN_A_ROW:
        commands = blocks(guide(name))
        by_hand(machine, commands if name == IN_A_ROW[0] else commands[1:])  # without its reset
    hand = snapshot.take(machine)
    assert {stage: converge.to_stage(machine, COURSE, stage).changes for stage in stages} == dict.fromkeys(stages, ())

    reset(lab, stages[0])
    before = snapshot.take(machine)
    assert all(converge.to_stage(machine, COURSE, stage).changed > 1 for stage in stages)
    goto = snapshot.take(machine)
    assert unexplained(before, goto), "the snapshots do not show what a stage changes"
    assert unexplained(goto, hand) == []


@pytest.fixture
def one_folder(machine):
    """Afterwards the stage's code is in one folder again, as the next test expects."""
    yield
    machine.run("cd /srv/deploylab/nginx && test -L app && sudo rm app static && sudo mv releases/0-first app"
                " && sudo mv app/static . && sudo rm -r releases good")


@pytest.mark.thorough
@pytest.mark.machine
def test_a_release_by_hand_and_by_program(machine, one_folder):
    commands = blocks(guide(RELEASE))
    output = by_hand(machine, commands[:commands.index(("console", REBUILD))])
    restart, reload, broken, expand, *_ = map(int, re.findall(r"^Failed requests: +(\d+)$", output, re.MULTILINE))
    assert restart > reload
    assert (broken, expand) == (0, 0), output
    assert "NOT RELEASED: / gave 500" in output
    assert "/0-first: good" in output
    patient, impatient = map(float, re.findall(r"([\d.]+) +\(longest request\)", output)[-2:])
    assert patient > 2 * 1000 + impatient > impatient > 1000
    good = machine.check_output("cat /srv/deploylab/nginx/good").split()
    assert good[-1] == machine.check_output("readlink -f /srv/deploylab/nginx/app").strip()
