"""The whole course on one real machine, bare at first: every stage and variant, all checks, the parts of contrasts."""

import shlex

import pytest
from check_helpers import COURSE, no_of

from deploylab.measure import compare, config_diff
from deploylab.provision import converge
from deploylab.provision.on_demand import awake
from deploylab.results import stats

STANDING = set()  # stages that have all their variants, by the second test


@pytest.mark.machine
@pytest.mark.parametrize("stage", COURSE.stages, ids=lambda stage: stage.name)
def test_a_stage_passes_every_check_and_the_second_time_nothing_changes(machine, stage):
    events = []
    first = converge.to_stage(machine, COURSE, stage.name, on_event=events.append)
    assert first.failed == 0
    assert [event["event"] for event in (events[0], events[-1])] == ["planned", "end"]
    assert no_of(machine, stage.name) == {}
    again = converge.to_stage(machine, COURSE, stage.name)
    assert (again.changes, again.changed, again.n_operations) == ((), 0, first.n_operations)


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("stage", [stage for stage in COURSE.stages if stage.variants], ids=lambda stage: stage.name)
def test_its_variants_pass_every_check_and_the_second_time_nothing_changes(machine, stage):
    variants = [target.variant for target in stage.variants]
    assert converge.to_stage(machine, COURSE, stage.name, variants=variants).failed == 0
    assert {target.name: no_of(machine, target.name) for target in (stage, *stage.variants)} == {
        target.name: {} for target in (stage, *stage.variants)}
    assert converge.to_stage(machine, COURSE, stage.name, variants=variants).changes == ()
    assert converge.to_stage(machine, COURSE, stage.name).changes == (), "the stage alone changes its variants"
    STANDING.add(stage.name)


@pytest.fixture(scope="module")
def complete(machine):
    """The machine with every stage and variant: nothing to do if the tests above have run."""
    for stage in (stage for stage in COURSE.stages if stage.name not in STANDING):
        converge.to_stage(machine, COURSE, stage.name, variants=[target.variant for target in stage.variants])
    return machine


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("contrast", [each for each in COURSE.contrasts if not each.state],
                         ids=lambda contrast: contrast.name)
def test_nothing_but_the_parts_of_a_contrast_differs(complete, contrast):
    with awake(complete, [cell.target for cell in compare.cells(COURSE, contrast)]):
        rows = compare.find_differences(complete, COURSE, contrast)
    if contrast.parts:
        assert sorted(row.name for row in rows) == sorted(contrast.parts), rows
    else:
        assert len(rows) > 1 and "for the whole step" in stats.differing(contrast, rows)


@pytest.mark.thorough
@pytest.mark.machine
def test_settings_that_mod_wsgi_may_have_read_otherwise_are_in_doubt(complete):
    """Its processes ask for the variables when they start: what they were told cannot be seen."""
    complete.check_output("touch /etc/deploylab/apache.env", sudo=True)
    try:
        rows = config_diff.differences(complete, COURSE.app, COURSE.target("apache"), COURSE.target("apache:proxy"))
    finally:
        complete.check_output("systemctl restart apache2 apache2@embedded", sudo=True)
    doubts = {row.name: (row.a, row.b) for row in rows if row.name.startswith("django")}
    assert doubts == {"django (changed after the start)": ("/etc/deploylab/apache.env", None)}


@pytest.mark.thorough
@pytest.mark.machine
@pytest.mark.parametrize("target", COURSE.targets, ids=lambda target: target.name)
def test_every_file_of_a_target_is_there(complete, target):
    paths = shlex.join(target.configuration)
    assert complete.check_output(f"for path in {paths}; do [ -s $path ] || echo $path; done", sudo=True) == ""
