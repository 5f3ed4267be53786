"""What others teach, as targets beside the course: found by name, and no part of the road."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import synthetic
from course_helpers import GOOD
from plan_helpers import plans

from deploylab import course as courses
from deploylab import results
from deploylab.core import paths
from deploylab.core.errors import CourseError, DeployLabError
from deploylab.core.progress import Progress
from deploylab.measure import compare
from deploylab.provision import checks, converge, prepare
from deploylab.provision.on_demand import answers
from deploylab.results import Session
from tests.benchmarks import marks
from tests.benchmarks.references import table

OTHERS = """
[[stage]]
name = "theirs"
port = 8100
title = "As they do it"
lesson = "10"
guide = "references"
changes = ["everything"]
deploy = "tests.benchmarks.references.deploy"
views = ["hello"]
processes = ["python"]
[stage.expect]
server = "x"
[[stage.variant]]
name = "published"
port = 8110
title = "As they wrote it"
"""


@pytest.fixture
def load(tmp_path):
    def load(text=OTHERS, path="others.toml"):
        (tmp_path / "others.toml").write_text(text)
        (tmp_path / "course.toml").write_text(f'references = "{path}"\n' + GOOD)
        return courses.load(tmp_path / "course.toml")

    return load


def test_a_reference_is_found_by_name_and_is_no_stage(load):
    course = load()
    assert course.stage("theirs").port == 8100
    assert course.target("theirs:published").title == "As they wrote it"
    assert [target.name for target in course.targets] == ["first", "first:other"]
    assert [target.name for target in course.all_targets][2:] == ["theirs", "theirs:published"]


def test_a_variant_may_leave_checks_of_its_stage_out(load):
    assert load().target("theirs:published").expect == {"server": "x"}
    assert load(OTHERS + 'unchecked = ["server"]\n').target("theirs:published").expect == {}


def test_an_unknown_name_lists_the_references_too(load):
    with pytest.raises(CourseError, match="first.*The references are: theirs"):
        load().stage("ours")


@pytest.mark.parametrize(("change", "word"), [
    (("port = 8110", "port = 8000"), "port 8000"),
    (('name = "theirs"', 'name = "first"'), "'first' is defined twice"),
    (('views = ["hello"]', 'views = ["helo"]'), "helo"),
    (("[[stage]]", "[[stage"), "others.toml is not valid TOML"),
    (('title = "As they do it"', ""), "title"),
])
def test_what_is_refused_is_named(load, change, word):
    with pytest.raises(CourseError, match=word) as raised:
        load(OTHERS.replace(*change, 1))
    assert raised.value.next_step


def test_a_missing_file_of_references_is_no_traceback(load):
    with pytest.raises(CourseError, match="none.toml"):
        load(path="none.toml")


# --------------------------------------------------------------- the references as they are shipped

COURSE = courses.load()
FOLDER = paths.ROOT / "tests/benchmarks/references"
FORMS = [target for target in COURSE.all_targets if target not in COURSE.targets]
each_reference = pytest.mark.parametrize("reference", COURSE.references, ids=lambda one: one.name)
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@each_reference
def test_a_reference_has_a_stage_of_ours_to_stand_against(reference):
    table = tomllib.loads((FOLDER / "references.toml").read_text(encoding="utf-8"))
    assert table["against"][reference.name] in {stage.name for stage in COURSE.stages}
    assert converge.deploy_path(COURSE, reference.name).is_file()
    assert not reference.ladder


@each_form
def test_a_form_sleeps_is_checked_and_tells_its_files(form):
    assert form.start and form.stop
    assert set(form.expect) <= set(checks.CHECKS) and form.expect["database"] == "mysql"
    assert form.environment or form.variant is None, "a published form differs from the normalised one"
    assert [path for path in form.configuration if path.endswith(f"/{form.slug}.env")]


def test_no_port_behind_a_server_clashes():
    sockets = [form.expect.get("app_socket", "") for form in FORMS]
    ports = [socket.rpartition(":")[2] for socket in sockets if ":" in socket]
    taken = [str(target.port) for target in COURSE.all_targets]
    assert len({*ports, *taken}) == len(ports) + len(taken)


@pytest.mark.parametrize("path", [path for path in (FOLDER / "files").rglob("*")
                                  if path.is_file() and path.suffix != ".pyc"],
                         ids=lambda path: path.name)
def test_every_file_says_why_and_names_no_port(path):
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r'^\s*(#|;|""")', text, re.MULTILINE)) >= 2
    assert not re.search(r"listen (0\.0\.0\.0:)?\d{2}", text)


@pytest.fixture(scope="module")
def planned():
    """{reference: the names of its operations}, of all references with all their variants."""
    return plans({one.name: [variant.variant for variant in one.variants] for one in COURSE.references})


@pytest.mark.slow
@each_reference
def test_a_plan_is_made_without_asking_the_machine(reference, planned):
    names = planned[reference.name]
    assert isinstance(names, list), names
    for form in (reference, *reference.variants):
        assert f"Environment of {form.name}" in names
    assert not [name for name in names if "operations." in name], "every operation has a name for a person"


def test_the_hash_of_a_reference_is_of_its_own_files(tmp_path):
    hashes = {form.stage: converge.config_hash(COURSE, form.stage) for form in FORMS}
    assert len(set(hashes.values())) == len(hashes)
    for name in hashes:
        others = set(hashes) - {name}
        files = [path.name for path in converge._files_of(COURSE, name) if FOLDER in path.parents]
        assert "deploy.py" in files and "reference.env.j2" in files
        assert not [file for file in files if any(other in file for other in others)]


# ---------------------------------------------------------------------------------- the table


def wanted(*words):
    options = table.arguments(words)
    return table.wanted(COURSE, options.only or list(table.AGAINST), options.view or list(table.CLIENTS))


def test_every_form_races_our_stage_in_every_view_that_it_has():
    assert {one.a for one in wanted()} == {form.name for form in FORMS}
    assert {one.b for one in wanted()} == set(table.AGAINST.values())
    assert [(one.a, one.view, one.concurrency) for one in wanted("--only", "express", "--view", "wait")] == [
        ("express", "wait", 32), ("express:published", "wait", 32)]
    assert len({one.name for one in wanted()}) == len(wanted())


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session of two comparisons, one of them measured: ours has twice the throughput."""
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path))
    todo = wanted("--only", "digitalocean", "--view", "wait")
    session = Session.create(kind="references", contrasts=[compare.as_plan(one) for one in todo], n_pairs=5,
                             pair_seconds=2.0, machine={"kind": "vagrant", "n_cpu": 1},
                             differences={todo[0].name: [{"name": "gunicorn threads", "a": None, "b": "8"}]})
    for run in synthetic.pairs(todo[0], ratio=2.0, sd=0.01, a_side={"n_sent": 100, "n_ok": 97, "errors": {"reset": 3}}):
        session.append(run)
    return session


def test_the_table_has_a_row_for_what_was_measured(session):
    text = table.table(session)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == 1 and rows[0].startswith("| `digitalocean` | `nginx` | wait, 32 clients | 2.0")
    assert "15 of 500 →" in rows[0], "failures stand beside the ratio"
    assert "1 thing. gunicorn threads" in text and session.id in text and "1 processor" in text
    assert "Beware" in text and "failed" in text.partition("Beware")[2]


def test_a_visit_has_its_bytes_in_the_same_table(session):
    one = wanted("--only", "express", "--view", "visit")[0]
    session.update(contrasts=[*session.plan["contrasts"], compare.as_plan(one)])
    visit = {"notes": {"requests_per_visit": 9.0, "bytes_per_visit": 90_000}}
    for run in synthetic.pairs(one, a_side=visit, b_side=visit):
        session.append(run)
    rows = [line for line in table.table(session).splitlines() if line.startswith("| `express`")]
    assert len(rows) == 1 and rows[0].count(" | ") == len(table.COLUMNS) + 3
    assert "90.0 kB → 90.0 kB" in rows[0]


def test_a_ratio_of_few_answers_is_marked(session):
    assert "†" not in table.table(session)
    few = {"n_sent": 90, "n_ok": 90}
    for run in synthetic.pairs(wanted("--only", "digitalocean", "--view", "wait")[1], a_side=few, b_side=few):
        session.append(run)
    assert table.table(session).count(" † |") == 1 and "measure longer" in table.table(session)


def test_the_same_work_is_gone_on_with(session):
    plan = {key: session.plan[key] for key in ("kind", "contrasts", "n_pairs", "pair_seconds")}
    assert results.resumable(plan).id == session.id
    assert results.resumable({**plan, "n_pairs": 7}) is None
    session.finish()
    assert results.resumable(plan) is None


def test_the_table_is_put_between_its_marks():
    text = "before\n<!-- table: how -->\nold\n<!-- end of table -->\nafter\n"
    assert marks.between_marks(text, "new") == text.replace("old", "new")
    with pytest.raises(DeployLabError, match="no lines"):
        marks.between_marks("before\n<!-- table: how -->\nafter\n", "new")


def test_the_guide_has_the_marks_and_every_reference():
    text = (paths.ROOT / "guides/references.md").read_text(encoding="utf-8")
    assert marks.between_marks(text, "new") != text
    for reference in COURSE.references:
        assert f"`{reference.name}` | {reference.port}" in text
        assert f"`{table.AGAINST[reference.name]}`" in text


# ---------------------------------------------------------------------------------- the real machine


@pytest.mark.thorough
@pytest.mark.machine
@each_reference
def test_the_second_time_nothing_changes_and_it_is_what_it_claims(machine, reference):
    first = prepare.to_stage(machine, COURSE, reference, Progress("test"), reference.variants)
    assert first.ok, str(prepare.not_ready(first))
    again = converge.to_stage(machine, COURSE, reference.name, variants=[v.variant for v in reference.variants])
    assert again.changes == ()
    assert not any(answers(machine, form) for form in (reference, *reference.variants)), "they sleep again"


@pytest.mark.thorough
@pytest.mark.machine
def test_a_stage_leaves_the_references_alone(machine):
    reference = COURSE.references[0]
    converge.to_stage(machine, COURSE, reference.name)
    converge.to_stage(machine, COURSE, "nginx")
    assert converge.to_stage(machine, COURSE, reference.name).changed == 0


@pytest.mark.thorough
@pytest.mark.machine
def test_ours_has_more_places_for_a_page_that_waits(machine, tmp_path):
    """16 places against 3, so the ceilings are five times apart: on the noisiest machine one is above the other."""
    guide = tmp_path / "guide.md"
    guide.write_text("<!-- table: -->\n<!-- end of table -->\n")
    command = ["--only", "digitalocean", "--view", "wait", "--pairs", "3", "--seconds", "1", "--write", str(guide)]
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.references.table", *command], cwd=paths.ROOT,
                          text=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == ["| `digitalocean`", "| `digitalocean:published`"]
    assert all(float(row[3].split()[0]) > 1 for row in rows), rows
    assert "gunicorn workers" in done.stdout and done.stdout.strip() in guide.read_text()
