"""What TAB offers for a value: names of the course, and sessions on disk. No machine is asked.

Each function gives back pairs of a value and what it is. Typer leaves out those that do not begin with what was typed.
"""

from collections.abc import Iterator

from deploylab.bootstrap import completion

# {kind of machine: what it is}
KINDS = {"auto": "the best that this computer can have", "vagrant": "a machine of its own",
         "local": "this computer itself"}
NEWEST = "newest"  # a session's name for `./lab slides`


def stages() -> list[tuple[str, str]]:
    """The stages of the course."""
    return [(stage.name, stage.title) for stage in _course().stages]


def targets() -> list[tuple[str, str]]:
    """Whatever can be set up: stages, their variants, and what others teach."""
    return [(target.name, target.title) for target in _course().all_targets]


def views() -> list[tuple[str, str]]:
    """The pages that can be asked for under load."""
    return [(view.name, view.title) for view in _course().app.views.values()]


def lessons() -> list[tuple[str, str]]:
    """The lessons, by the name of their notebook."""
    return [(lesson.name, lesson.title) for lesson in _course().lessons]


def languages() -> list[tuple[str, str]]:
    """The languages of the lessons."""
    from deploylab.core import paths  # not `lessons.translations`: what that imports takes longer than a person waits

    return [("en", "English"), *((folder.name, "translated") for folder in sorted(paths.LOCALE.glob("*")))]


def sessions() -> Iterator[tuple[str, str]]:
    """The sessions that can be shown, the newest first; then those that ship with the course."""
    from deploylab import results

    for session in (*reversed(results.sessions()), *reversed(results.recorded())):
        yield session.id, session.plan.get("kind", "a session") + (", recorded" if session.recorded else "")


def newest_and_sessions() -> Iterator[tuple[str, str]]:
    """`newest`, then every session."""
    yield NEWEST, "the last ./lab run"
    yield from sessions()


def kinds() -> list[tuple[str, str]]:
    """The machines that can be made."""
    return [*KINDS.items()]


def shells() -> list[tuple[str, str]]:
    """The shells in which TAB can complete."""
    return [(shell, f"a script for {shell}") for shell in completion.SHELLS]


def _course():
    from deploylab import course

    return course.load()
