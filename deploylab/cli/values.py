"""What TAB offers for a value: names from the course, and sessions on disk. No machine is needed.

Each function returns pairs of a value and its description. Typer leaves out those that do not match what was typed.
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
    """Everything that can be set up: stages, their variants, and the deployments that others teach."""
    return [(target.name, target.title) for target in _course().all_targets]


def views() -> list[tuple[str, str]]:
    """The pages that can be loaded."""
    return [(view.name, view.title) for view in _course().app.views.values()]


def states() -> list[tuple[str, str]]:
    """The states of a cache in which both sides can be offered the same load."""
    from deploylab.course import STATES

    return [*STATES.items()]


def lessons() -> list[tuple[str, str]]:
    """The lessons, by the name of their notebook."""
    return [(lesson.name, lesson.title) for lesson in _course().lessons]


def languages() -> list[tuple[str, str]]:
    """The languages of the lessons."""
    from deploylab.core import paths  # not `lessons.translations`: its imports take too long

    return [("en", "English"), *((folder.name, "translated") for folder in sorted(paths.LOCALE.glob("*")))]


def sessions() -> Iterator[tuple[str, str]]:
    """The sessions of this clone, the newest first; then those that ship with the course."""
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
