"""backup, restore: what visitors wrote, as one file outside the machine."""

from pathlib import Path
from typing import Annotated

import typer

from deploylab.cli import app
from deploylab.cli.options import Json, Kind, StageOrVariant, Yes, agreed, ensure_machine, print_json

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, on this computer.")]


@app.command()
def backup(stage: StageOrVariant, file: File, as_json: Json = False) -> None:
    """Save a stage's database and media files to a file on this computer, while visitors go on.

    The database is loaded into a second one before it counts as saved. The file has what visitors wrote, and the
    passwords of users as Django keeps them: only you may read it. It does not have the code, or the site's secret key.

    Example: `./lab backup nginx ../monday.backup`
    """
    from deploylab import course as courses
    from deploylab.core import units
    from deploylab.core.progress import Progress
    from deploylab.machine import current, lock
    from deploylab.provision import backups

    course, progress = courses.load(), Progress("backup")
    target = course.target(stage)
    with lock.held(f"backup {stage}"):
        saved = backups.save(current(), course, target, file, progress)
    if as_json:
        print_json({"file": str(saved.file), "target": saved.target, "taken_utc": saved.taken_utc,
                    "digest": saved.digest, "rows": saved.rows, "media": saved.n_media, "bytes": saved.n_bytes,
                    "seconds": progress.seconds})
    progress.say(f"{file}: {saved}. It took {units.seconds(sum(progress.seconds.values()))}.")
    progress.say(f"It has what was written until {saved.taken_utc}, and nothing later.")


@app.command()
def restore(file: File, yes: Yes = False, machine: Kind = None, as_json: Json = False) -> None:
    """Put a backup back, onto this machine or a bare new one. What was written after the backup is lost.

    The machine is created if there is none, and set up for the backup's stage. Restore only what you saved yourself:
    the database runs what is in the file.

    Example: `./lab restore ../monday.backup`
    """
    from deploylab import course as courses
    from deploylab.core import units
    from deploylab.core.progress import Progress
    from deploylab.machine import lock
    from deploylab.provision import backups

    course, progress = courses.load(), Progress("restore")
    saved = backups.read(file)
    course.target(saved.target)
    if not yes:
        agreed(f"Replace the database of {saved.target}, and of every stage that shares it, by what it was at "
               f"{saved.taken_utc}? What was written later is lost.", f"./lab restore {file} --yes")
    with lock.held(f"restore {file}"):
        running = ensure_machine(yes, progress)
        restored = backups.restore(running, course, saved, progress)
    if as_json:
        print_json({"target": saved.target, "taken_utc": saved.taken_utc, "digest": saved.digest,
                    "rows": {table: {"before": before, "after": after}
                             for table, (before, after) in restored.differences.items()},
                    "changed": restored.changed, "seconds": progress.seconds})
    progress.say(f"Restored: {saved}. Every row was compared.")
    progress.say(f"Lost: whatever was written after {saved.taken_utc}.")
    for table, (before, after) in restored.differences.items():
        progress.say(f"    {table}: {units.count(before, 'row')} before the restore, {after:,} now")
    for line in progress.spent():
        progress.say(line)
