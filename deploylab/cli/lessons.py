"""open, record: commands for the lessons."""

import os
import sys
from typing import Annotated

import typer

from deploylab.cli import app, values
from deploylab.cli.options import Bundle, Kind, Yes, ensure_machine

# As `python -m jupyterlab`, but without a traceback if Ctrl-C comes during its imports.
JUPYTERLAB = """
import sys
try:
    from jupyterlab.labapp import main
    sys.exit(main())
except KeyboardInterrupt:
    print("\\nlab: Stopped.\\nNext: ./lab open", file=sys.stderr)
    sys.exit(130)
"""


@app.command("open")
def open_lessons(
    lesson: Annotated[str | None, typer.Argument(metavar="LESSON", autocompletion=values.lessons,
                                                 help="The lesson to open; the list of them if none is named.")] = None,
    port: Annotated[int, typer.Option(
        min=1, max=65_535, help="Where JupyterLab listens; the next free port if taken.")] = 8888,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
    recorded: Annotated[bool, typer.Option(
        "--recorded", help="Without a machine: show recorded answers, marked as such.")] = False,
    brief: Annotated[bool, typer.Option(
        "--brief", help="Short load tests, to rehearse: their numbers mean little.")] = False,
    language: Annotated[str, typer.Option(
        autocompletion=values.languages,
        help="The language of the lessons: en or es. What programs print stays English.")] = "en",
    yes: Yes = False,
    machine: Kind = None,
    bundle: Bundle = None,
) -> None:
    """Open the lessons in JupyterLab, with the machine running. Ctrl-C ends it.

    Example: `./lab open 00_the_lab`, or without a machine `./lab open --recorded`
    """
    from deploylab import course as courses
    from deploylab.core import paths
    from deploylab.core.progress import Progress
    from deploylab.lessons import notebooks, translations
    from deploylab.machine import lock

    course, folder = courses.load(), translations.folder(language)
    start = notebooks.path_of(course.lesson(lesson)).name if lesson else ""
    shell: list[str] = []
    if recorded:
        os.environ["DEPLOYLAB_MACHINE"] = "recorded"
    else:
        with lock.held("open"):
            running = ensure_machine(yes, Progress("open"))
        # A terminal in JupyterLab is one on the machine.
        shell = [f"--ServerApp.terminado_settings={{'shell_command': {list(running.login_words)!r}}}"]
    os.environ.update(PYTHONPATH=str(paths.ROOT), **({"DEPLOYLAB_BRIEF": "1"} if brief else {}))
    # JupyterLab looks for news and newer versions, or asks whether it may: a workshop needs neither.
    ours = str(paths.ROOT / "deploylab" / "lessons" / "jupyter")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [ours, os.environ.get("JUPYTER_CONFIG_PATH")]))
    os.execv(sys.executable, [
        sys.executable, "-c", JUPYTERLAB, f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", *([] if browser else ["--no-browser"]), *shell,
        *([f"--LabApp.default_url=/lab/tree/{start}"] if start else []),
        *(["--allow-root"] if os.getuid() == 0 else []),  # it has no more rights than the person who typed the command
    ])


@app.command()
def record(
    lessons: Annotated[list[str] | None, typer.Argument(metavar="LESSON", autocompletion=values.lessons,
                                                        help="The lessons to record; all if none is named.")] = None,
    yes: Yes = False,
) -> None:
    """Run the lessons on the machine and keep every answer, for readers without a machine.

    Example: `./lab record 05_nginx_gunicorn`
    """
    from deploylab import course as courses
    from deploylab.core import units
    from deploylab.core.progress import Progress
    from deploylab.lessons import notebooks, recording
    from deploylab.machine import lock

    course, progress = courses.load(), Progress("record")
    chosen = [course.lesson(name) for name in lessons or []] or list(course.lessons)
    files = [notebooks.path_of(chosen_lesson) for chosen_lesson in chosen]
    with lock.held("record"):
        ensure_machine(yes, progress)
    bad = []
    for path in files:  # each command in it takes the lock by itself
        with progress.phase(path.stem, path.stem):
            executed = notebooks.execute(path, environment={"DEPLOYLAB_RECORD": str(recording.folder())},
                                         on_cell=lambda number, of: progress.update(f"cell {number}", number, of))
        bad += [f"{path.stem}: {source!r}: {error}" for source, error in executed.failed]
    took = units.seconds(sum(progress.seconds.values()))
    progress.say(f"{units.count(len(files), 'lesson')} recorded in {recording.folder()}, in {took}")
    if bad:
        print("\n".join(["These cells failed:", *bad]), file=sys.stderr)
        raise typer.Exit(1)
