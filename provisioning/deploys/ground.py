"""Not a stage: what a guest has before the first lesson: package sources, the code and the configuration files.

Nothing is installed or configured yet: that is what the lessons do.
"""

import io
import tarfile

from pyinfra.operations import files

from provisioning import operations
from provisioning.deploys import app, common
from provisioning.lab import FILES, Lab

ARCHIVE, FOLDER = "/srv/deploylab/files.tar", "/srv/deploylab/files"


def deploy(lab: Lab) -> None:
    common.helpers()
    common.network(lab)
    common.rotation()
    common.hourly()
    for path in ("/srv/deploylab", FOLDER):
        files.directory(name=f"Folder {path}", path=path, user="root", group="root", mode="755")
    app.bundle(lab)
    operations.placed(name="The configuration files as an archive", files={ARCHIVE: (archive(), "644", "root")})
    files.unarchive(name=f"Files in {FOLDER}", src=ARCHIVE, dest=FOLDER, remote_src=True,
                    extra_opts=["--no-same-owner"], _if=operations.unless(f"tar --compare -f {ARCHIVE} -C {FOLDER}"))


def archive() -> bytes:
    """All of `files/` in one archive, the same bytes every time. Templates are left out: nobody copies one by hand."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(path for path in FILES.rglob("*") if path.is_file() and path.suffix not in (".j2", ".pyc")):
            member = tarfile.TarInfo(path.relative_to(FILES).as_posix())
            content = operations.with_address(path.read_text()).encode()
            member.size, member.mode = len(content), 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
