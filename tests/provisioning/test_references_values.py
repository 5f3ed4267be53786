"""The values of the references are those of their sources, also where a rule depends on the machine."""

import os

import pytest

from deploylab import course as courses
from deploylab.core import paths
from deploylab.course import counted
from provisioning.deploys import common

COURSE = courses.load()
FOLDER = paths.ROOT / "tests/benchmarks/references"
FORMS = [target for target in COURSE.all_targets if target not in COURSE.targets]


def setting(form, name, monkeypatch, n_cpu):
    """What a form's gunicorn has for a setting, on a machine with so many processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(n_cpu)), raising=False)
    values = {"slug": form.slug, "app_port": form.port + 20}
    source = common.rendered(f"/etc/deploylab/gunicorn-{form.stage}.py", FOLDER / "files", **values)
    settings = {}
    exec(source, settings)  # noqa: S102 (our own file, as gunicorn reads it)
    return settings[name]


@pytest.mark.parametrize("n_cpu", [1, 2])
@pytest.mark.parametrize("form", [form for form in FORMS if any("gunicorn" in one for one in form.processes)],
                         ids=lambda form: form.name)
def test_gunicorn_has_the_processes_that_the_checks_expect_on_this_machine(form, n_cpu, monkeypatch):
    expected = counted(form.expect["processes"], n_cpu)
    assert setting(form, "workers", monkeypatch, n_cpu) == expected == form.slots_on(n_cpu)


def test_only_the_advice_that_counts_processors_depends_on_them(monkeypatch):
    gunicorn_docs = COURSE.stage("gunicorn-docs")
    assert [setting(gunicorn_docs, "workers", monkeypatch, n_cpu) for n_cpu in (1, 2)] == [3, 5]
    assert {form.stage for form in FORMS if isinstance(form.slots, str)} == {"gunicorn-docs"}


def test_cookiecutter_is_what_its_template_gives_by_default():
    default, option = COURSE.target("cookiecutter"), COURSE.target("cookiecutter:whitenoise")
    assert default.expect["processes"] == 4 and default.environment["DJANGO_CONN_MAX_AGE"] == "60"
    assert "DJANGO_WHITENOISE" not in default.environment and option.environment["DJANGO_WHITENOISE"] == "1"
    assert not default.expect["debug"] and not option.expect["debug"]


def test_every_reference_names_the_source_of_its_values():
    for reference in COURSE.references:
        heads = [path.read_text(encoding="utf-8") for path in (FOLDER / "files/etc").rglob(f"*-{reference.name}.*")
                 if path.suffix == ".j2"]
        assert heads and all("Source: " in text for text in heads), reference.name
