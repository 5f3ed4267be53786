"""Servers run with their files as they are now, or sleep, or make room for another on their port."""

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.operations import systemd

from provisioning.facts import Holds
from provisioning.operations.base import LIB, ensure, heard, until


@operation()
def service(unit: str, process: str, files: list[str], *, pids: str = "", ready: str = "true", test: str = "true",
            reload_if: str = "false"):
    """A service is enabled and runs with its files as they are now.

    pyinfra's `systemd.service` does it; it cannot know whether the files changed since the service started, tries no
    configuration before it is taken up, and does not wait until the service is ready.

    Args:
        process: the whole command line (a regular expression) of the processes that read the files.
        pids: a command that prints their ids, commas between, where the command line does not tell them.
        ready: a further test that must hold.
        test: a command that refuses bad configuration before it is taken up.
        reload_if: a test: reading the files again is enough.
    """
    holds = (f"systemctl -q is-enabled {unit} && systemctl -q is-active {unit} && {_fresh(process, files, pids)}"
             f" && [ $(systemctl show -P NeedDaemonReload {unit}) = no ] && {ready}")
    if host.get_fact(Holds, test=holds):
        return
    reload = host.get_fact(Holds, test=reload_if)
    yield StringCommand(test)
    yield from systemd.service._inner(service=unit, enabled=True, reloaded=reload, restarted=not reload,
                                      daemon_reload=True)
    # A reloaded server lets its old processes finish first.
    yield until(holds, 10, f"journalctl -q --no-pager -o cat -u {unit} -n 8")


@operation()
def dormant(unit: str, files: list[str], *, pids: str, test: str):
    """A service can start with its files as they are now, and does not start by itself.

    Somebody may have woken it: see `asleep`, which is the same for a program of supervisord. pyinfra's
    `systemd.service` stops it; with the same lacks as for `service`.

    Args:
        pids, test: as for `service`.
    """
    holds = (f"! systemctl -q is-enabled {unit} && {test}"
             f" && {{ ! systemctl -q is-active {unit} || {_fresh('', files, pids)}; }}")
    if host.get_fact(Holds, test=holds):
        return
    yield from systemd.service._inner(service=unit, running=False, enabled=False)
    yield until(holds, 0, test)


def supervised(program: str, process: str, files: list[str], ready: str):
    """supervisord runs a program with its files, and with its own table, as they are now.

    pyinfra knows nothing of supervisord.

    Args:
        process: a regular expression on the command line, as for `service`.
        files: what the program read when it started.
        ready: a test that holds once the program answers.
    """
    table = f"/etc/supervisor/conf.d/{program}.conf"
    return ensure(
        name=f"Program {program}",
        # `reread` only tells what differs from the tables in use; it puts nothing into effect.
        holds=f"supervisorctl status {program} | grep -q RUNNING"
              f" && ! supervisorctl reread | grep -q '^{program}: '"
              f" && {_fresh(process, [table, *files])} && {ready}",
        otherwise=f"supervisorctl reread; supervisorctl stop {program}; supervisorctl update {program};"
                  f" supervisorctl start {program} || true",
        within_s=15,
        evidence=f"tail -n 12 /var/log/deploylab/{program.removeprefix('deploylab-')}.log",
    )


def asleep(program: str, process: str, files: list[str]):
    """supervisord has a program's table as it is now, and does not run it by itself.

    Somebody may have woken it: then it may go on if it runs with its files as they are, else it is
    stopped. Whoever needs it wakes it again. pyinfra knows nothing of supervisord.

    Args:
        process: a regular expression on the command line, as for `service`.
        files: what the program reads when it starts.
    """
    table = f"/etc/supervisor/conf.d/{program}.conf"
    state = f"supervisorctl status {program} | awk '{{print $2}}'"
    return ensure(
        name=f"Program {program}, asleep",
        holds=f"! supervisorctl reread | grep -q '^{program}: ' && case $({state}) in STOPPED | EXITED) true ;;"
              f" RUNNING) {_fresh(process, [table, *files])} ;; *) false ;; esac",
        otherwise=f"supervisorctl reread; supervisorctl stop {program}; supervisorctl update {program}",
        within_s=15,
    )


def kept(name: str, port: int, command: str, process: str, files: list[str]):
    """A server runs in the background, kept by nobody: see the program `keep`.

    pyinfra's operations for servers all ask a supervisor, systemd or another.

    Args:
        process: its whole command line (a regular expression), and the only one on the port.
        files: what it read when it started.
    """
    command, process = heard(command), heard(process)
    holder = f"ss -Hltnp 'sport = :{port}' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"
    return ensure(name=f"Server on port {port}",
                  holds=f"[ \"$({holder})\" = \"$(pgrep -u deploylab -fx '{process}')\" ] && {_fresh(process, files)}",
                  otherwise=f"{LIB}/keep {name} {port} {command}")


def port_for(program: str, port: int, *, child: str = ""):
    """Nobody but this program listens on the port; a server started by hand there is ended.

    pyinfra's `server.kill` ends a process whose number is known before.

    Args:
        child: what its own children call themselves, where that is another name.
    """
    own = "|".join(name for name in (program, child) if name)
    others = f"ss -Hltnp 'sport = :{port}' | grep -o '(\"[^)]*' | grep -vE '^\\(\"({own})\"'"
    pids = f"{others} | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"
    return ensure(name=f"Port {port} is free for {program}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"kill $({pids}); for _ in 1 2 3 4 5 6 7 8 9 10; do"
                            f' [ "$({others})" ] || exit 0; sleep 0.3; done; kill -KILL $({pids}); sleep 0.3')


def _fresh(process: str, files: list[str], pids: str = "") -> str:
    """A test: there are such processes, and all started after the last change of the files."""
    pids = pids or f"pgrep -d, -fx '{process}'"
    return f"{LIB}/fresh \"$({pids})\" {' '.join(files)}"
