"""The Spanish of every page: whole, and of the page as it is now."""

import re

import nbformat
import pytest
from conftest import STATE

from deploylab.core import paths
from deploylab.core.progress import Progress
from deploylab.course import load
from deploylab.lessons import notebooks
from deploylab.lessons import translations as translated
from deploylab.publish.site import translations

PAGES = ["index", *(f"guides/{path.stem}" for path in sorted((paths.ROOT / "guides").glob("*.md"))),
         *(f"notebooks/{path.stem}" for path in sorted(notebooks.folder().glob("*.ipynb")))]
MADE = re.compile(r"<!-- \w+: python -m .* -->\n([^<\n].*)\n")  # the first line that a program wrote into a page


@pytest.fixture(scope="module")
def templates():
    """The messages of every page, as Sphinx takes them out of it now."""
    return translations.templates(STATE / "site", Progress("test"))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_translated_as_it_is_now(page, templates):
    faults = translations.faults(page, templates[page])
    assert not faults, "\n".join([f"{translations.file_of(page)}:", *faults, f"Next: {translations.REFRESH}"])


@pytest.mark.parametrize("word", ["archivo", "registro", "huésped", "semiancho"])
def test_one_word_for_a_thing(word):
    """In Spanish: fichero, log, invitado, semianchura."""
    texts = {path: path.read_text(encoding="utf-8") for path in (
        *translations.file_of("index").parent.rglob("*.po"), *(paths.ROOT / "slides").glob("*es.*"))}
    assert len(texts) > len(PAGES)
    assert [path.name for path, text in texts.items() if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)] == []


@pytest.mark.slow
def test_every_page_is_asked_for_its_translation(templates):
    assert set(templates) == set(PAGES)
    assert {f"notebooks/{lesson.name}" for lesson in load().lessons} <= set(PAGES)


@pytest.mark.slow
def test_what_a_program_writes_into_a_page_is_asked_of_no_translator(templates):
    generated = {page: MADE.findall((paths.ROOT / f"{page}.md").read_text(encoding="utf-8")) for page in PAGES
                 if page.startswith("guides/")}
    assert generated["guides/references"]
    assert "What was measured" in templates["guides/references"]
    assert [text for page, texts in generated.items() for text in texts if text in templates[page]] == []


def test_no_translation_is_of_a_page_that_is_gone():
    """`sphinx` has the few words that the theme itself has in English only."""
    folder = translations.file_of("index").parent
    assert {str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.po")} <= {*PAGES, "sphinx"}


@pytest.mark.parametrize("text, other, seen", [
    ("`./lab up` takes 1,000 s: [guide I](guide_I.md)", "`./lab up` tarda 1.000 s: [guía I](guide_I.md)", []),
    ("a load of 0.05 s", "una carga de 0,05 s", []),
    ("type `./lab up`", "escribe `./lab subir`", ["code ['./lab up'] became ['./lab subir']"]),
    ("takes 20 s", "tarda 30 s", ["numbers ['20'] became ['30']"]),
    ("see [guide I](guide_I.md)", "véase la guía I", ["links ['guide_I.md'] became []"]),
])
def test_code_links_and_numbers_are_those_of_the_text(text, other, seen):
    assert list(translations.differing(text, other)) == seen


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """A page's catalogue in a folder of the test's own, made of {message: translation}; gives back how to make it."""
    from babel.messages import Catalog

    monkeypatch.setattr(paths, "LOCALE", tmp_path)

    def of(messages: dict[str, str]) -> Catalog:
        made = Catalog()
        for message, translation in messages.items():
            made.add(message, translation)
        return made

    return of


def test_what_is_missing_and_what_changed_is_named_until_somebody_translates_it(catalogue):
    old = catalogue({"The machine answers on port 8000.": "", "It is gone.": ""})
    assert translations.faults("page", old) == ["there is no page.po"]
    assert translations.update({"page": old}) == {"page": 2}
    assert translations.faults("page", old)[0] == "not translated: 'The machine answers on port 8000.'"

    file = translations.file_of("page")
    text = file.read_text(encoding="utf-8")
    for english, spanish in [("port 8000.", "La máquina responde en el puerto 8000."), ("gone.", "Ya no está.")]:
        text = text.replace(f'{english}"\nmsgstr ""', f'{english}"\nmsgstr "{spanish}"')
    file.write_text(text, encoding="utf-8")
    assert translations.faults("page", old) == []

    new = catalogue({"The machine answers on port 8003.": ""})
    assert translations.faults("page", new) == [
        "no longer in the page: 'The machine answers on port 8000.'", "no longer in the page: 'It is gone.'",
        "not translated: 'The machine answers on port 8003.'"]
    assert translations.update({"page": new}) == {"page": 1}
    assert translations.faults("page", new) == [
        "changed since it was translated: 'The machine answers on port 8003.'"]
    assert "#| msgid \"The machine answers on port 8000.\"" in file.read_text(encoding="utf-8")
    before = file.stat().st_mtime_ns
    translations.update({"page": new})
    assert file.stat().st_mtime_ns == before, "written though nothing changed"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("notebooks/")])
def test_jupyterlab_and_the_site_take_the_same_words_out_of_a_lesson(page, templates):
    cells = nbformat.read(paths.ROOT / f"{page}.ipynb", as_version=4).cells
    text = [cell.source for cell in cells if cell.cell_type == "markdown"]
    blocks = {words.replace("\n", " ").strip() for one in text for _, _, words in translated.blocks(one)}
    alternatives = {words for one in text for words in re.findall(r"!\[([^\]]+)\]", one)}
    assert {one.id for one in templates[page] if one.id} - alternatives == blocks - alternatives


@pytest.mark.parametrize("text, expected", [
    ("## The lab\n\nOne line,\nand another.\n\nNot known.", "## El lab\n\nUna, y otra.\n\nNot known."),
    ("- The lab\n- One line,\n  and another.\n", "- El lab\n- Una, y otra.\n"),
    ("> The lab\n\n```\nThe lab\n```", "> El lab\n\n```\nThe lab\n```"),
    ("| The lab | a |\n|---|---|\n| a | The lab |", "| El lab | una |\n|---|---|\n| una | El lab |"),
])
def test_a_text_keeps_its_form_in_another_language(text, expected, catalogue):
    known = catalogue({"The lab": "El lab", "One line, and another.": "Una, y otra.", "a": "una"})
    assert translated.translated(text, known) == expected


def test_a_lesson_in_spanish_is_a_copy_that_keeps_what_was_written_into_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path))
    folder = translated.folder("es")
    copy = folder / "00_the_lab.ipynb"
    notebook = nbformat.read(copy, as_version=4)
    original = nbformat.read(notebooks.folder() / copy.name, as_version=4)
    assert notebook.cells[0].source != original.cells[0].source and (folder / "pictures" / "00_the_lab.svg").exists()
    assert [c.source for c in notebook.cells if c.cell_type == "code"] == \
        [c.source for c in original.cells if c.cell_type == "code"]

    notebook.cells[0].source = "mine"
    nbformat.write(notebook, copy)
    assert nbformat.read(translated.folder("es") / copy.name, as_version=4).cells[0].source == "mine"
    notebook.metadata[translated.MARK] = "an older one"
    nbformat.write(notebook, copy)
    assert nbformat.read(translated.folder("es") / copy.name, as_version=4).cells[0].source != "mine"
    assert nbformat.read(folder / "00_the_lab.old.ipynb", as_version=4).cells[0].source == "mine"


def test_a_language_that_nobody_wrote_is_said_so(lab):
    done = lab("open", "--language", "xx", "--recorded", "--no-browser")
    assert done.returncode == 1 and "one of: en, es" in done.stderr
