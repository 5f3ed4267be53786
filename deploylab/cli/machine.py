"""doctor, up, status, halt, destroy: this computer, and the machine on it."""

from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Bundle, Json, Kind, Yes, agreed, ensure_machine, print_json


@app.command()
def doctor(
    share: Annotated[bool, typer.Option(
        "--share", help="Also write the result to a file that you can send, without names or secrets.")] = False,
    as_json: Json = False,
) -> None:
    """Check this computer: what the course needs, and how to get what is missing. Nothing is changed.

    The exit status is 1 if something would keep the course from working.

    Example: `./lab doctor`, or `./lab doctor --share` the day before a workshop
    """
    from dataclasses import asdict

    from deploylab.core import paths
    from deploylab.machine import doctor as doctors

    findings = []
    for finding in doctors.examine():
        findings.append(finding)
        if not as_json:
            print(doctors.line(finding), flush=True)
    problems = [finding for finding in findings if finding.state == doctors.PROBLEM]
    path = paths.results_dir() / "doctor.txt"
    if share:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(doctors.text(findings), encoding="utf-8")
    if as_json:
        print_json({"ready": not problems, "findings": [asdict(finding) for finding in findings],
                    "shared": str(path) if share else None})
    else:
        print(f"\n{len(problems)} to solve." if problems else "\nThis computer is ready. Next: ./lab up")
        if share:
            print(f"To send to the instructor: {path}")
    if problems:
        raise typer.Exit(1)


@app.command()
def up(yes: Yes = False, machine: Kind = None, bundle: Bundle = None) -> None:
    """Start the machine; create it if there is none.

    Example: `./lab up`, in a container `./lab up --machine local`, without a network
    `./lab up --bundle deploylab-lxc-amd64.tar`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import lock

    progress = Progress("up")
    with lock.held("up"):
        running = ensure_machine(yes, progress)
    progress.say(f"The machine is running at {running.host}. Next: ./lab goto runserver")


@app.command()
def status(
    deep: Annotated[bool, typer.Option(
        "--deep", help="Ask Vagrant and the machine too, which takes a few seconds.")] = False,
    as_json: Json = False,
) -> None:
    """Show the machine, which stages are running, and their addresses.

    Example: `./lab status --deep`
    """
    from deploylab import course as courses
    from deploylab.cli import status as overview

    now = overview.look(courses.load(), deep=deep)
    if as_json:
        print_json(now.to_json())
        return
    for line in overview.lines(now):
        print(line)


@app.command()
def halt() -> None:
    """Shut the machine down. Its disk is kept, and `./lab up` starts it again.

    Example: `./lab halt`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, lock, open_machine

    saved = choose.saved()
    if saved is None:
        print("There is no machine.")
        return
    with lock.held("halt"):
        open_machine(saved).halt(Progress("halt"))


@app.command()
def destroy(yes: Yes = False) -> None:
    """Remove the machine, and what the kit made for it on this computer. Results are kept.

    Example: `./lab destroy --yes`
    """
    from deploylab.core.progress import Progress
    from deploylab.machine import choose, https, lock, lost, open_machine

    saved = choose.saved()
    machine = open_machine(saved) if saved else lost()
    if machine is None:
        print("There is no machine.")
        return
    question = ("Remove everything that the kit put on this computer?" if machine.kind == "local"
                else f"Destroy {machine.name} and everything on it?")
    if not yes:
        agreed(question, "./lab destroy --yes")
    with lock.held("destroy"):
        machine.destroy(Progress("destroy"))
        choose.forget()
        if https.forget():
            print("If a browser or a system was told to trust this machine's authority, it still does. How to take "
                  "that away, and the line in the file with names: guides/guide_VII.md, at its end.")
