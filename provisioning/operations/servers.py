"""Operations for servers: they run with the current version of their files, or are asleep, or free a port."""

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.operations import systemd

from provisioning.facts import Holds
from provisioning.operations.base import LIB, ensure, until, with_address


@operation()
def service(unit: str, process: str, files: list[str], *, pids: str = "", ready: str = "true", test: str = "true",
            reload_if: str = "false"):
    """A service is enabled and runs with the current version of its files.

    pyinfra's `systemd.service` starts it, but does not know whether the files changed since then, does not test a
    configuration before it is used, and does not wait until the service is ready.

    Args:
        process: the whole command line (a regular expression) of the processes that read the files.
        pids: a command that prints their ids, separated by commas, if the command line is not enough to find them.
        ready: another test that must hold.
        test: a command that fails if the configuration is bad; it runs before the configuration is used.
        reload_if: a test; if it holds, a reload is enough.
    """
    holds = (f"systemctl -q is-enabled {unit} && systemctl -q is-active {unit} && {_fresh(process, files, pids)}"
             f" && [ $(systemctl show -P NeedDaemonReload {unit}) = no ] && {ready}")
    if host.get_fact(Holds, test=holds):
        return
    reload = host.get_fact(Holds, test=reload_if)
    yield StringCommand(test)
    yield from systemd.service._inner(service=unit, enabled=True, reloaded=reload, restarted=not reload,
                                      daemon_reload=True)
    # After a reload the old processes finish their work first.
    yield until(holds, 10, f"journalctl -q --no-pager -o cat -u {unit} -n 8")


@operation()
def dormant(unit: str, files: list[str], *, pids: str, test: str):
    """A service can start with the current version of its files, but does not start by itself.

    It may have been started for a measurement: see `asleep`, which is the same for a program of supervisord. pyinfra's
    `systemd.service` stops it, and lacks the same things as for `service`.

    Args:
        pids, test: as for `service`.
    """
    holds = (f"! systemctl -q is-enabled {unit} && {test} && [ $(systemctl show -P NeedDaemonReload {unit}) = no ]"
             f" && {{ ! systemctl -q is-active {unit} || {_fresh('', files, pids)}; }}")
    if host.get_fact(Holds, test=holds):
        return
    yield from systemd.service._inner(service=unit, running=False, enabled=False, daemon_reload=True)
    yield until(holds, 0, test)


def supervised(program: str, process: str, files: list[str], ready: str):
    """supervisord runs a program with the current version of its files and of its table.

    pyinfra knows nothing of supervisord.

    Args:
        process: a regular expression on the command line, as for `service`.
        files: the files that the program reads when it starts.
        ready: a test that holds as soon as the program answers.
    """
    table = f"/etc/supervisor/conf.d/{program}.conf"
    return ensure(
        name=f"Program {program}",
        holds=f"case $({_state(program)}) in 'RUNNING ') {_fresh(process, [table, *files])} && {ready} ;;"
              " *) false ;; esac",
        otherwise=f"supervisorctl reread; supervisorctl stop {program}; supervisorctl update {program};"
                  f" supervisorctl start {program} || true",
        within_s=15,
        evidence=f"tail -n 12 /var/log/deploylab/{program.removeprefix('deploylab-')}.log",
    )


def asleep(program: str, process: str, files: list[str]):
    """supervisord has the current version of a program's table, but does not start it by itself.

    The program may have been started for a measurement: then it may go on if it runs with the current version of its
    files, otherwise it is stopped, and started again when it is needed. pyinfra knows nothing of supervisord.

    Args:
        process: a regular expression on the command line, as for `service`.
        files: the files that the program reads when it starts.
    """
    table = f"/etc/supervisor/conf.d/{program}.conf"
    return ensure(
        name=f"Program {program}, asleep",
        holds=f"case $({_state(program)}) in 'STOPPED ' | 'EXITED ') true ;;"
              f" 'RUNNING ') {_fresh(process, [table, *files])} ;; *) false ;; esac",
        otherwise=f"supervisorctl reread; supervisorctl stop {program}; supervisorctl update {program}",
        within_s=15,
    )


def _state(program: str) -> str:
    """A command that prints a program's state and a space, and then `changed` if its table is not yet applied.

    `reread` only shows which tables have changed; it does not apply them. supervisorctl is started once for both, which
    takes half a second: without a command of its own it first prints the state of every program.
    """
    return (f"echo reread | supervisorctl | sed -nE -e 's/^{program} +([A-Z]+).*/\\1 /p'"
            f" -e 's/^(supervisor> )?{program}: .*/changed/p' | tr -d '\\n'")


def background(name: str, port: int, command: str, process: str, files: list[str]):
    """A server runs in the background without a supervisor: see the program `keep`.

    pyinfra's operations for servers all need a supervisor, systemd or another.

    Args:
        process: its whole command line (a regular expression); no other process may listen on the port.
        files: the files that it reads when it starts.
    """
    command, process = with_address(command), with_address(process)
    holder = f"ss -Hltnp 'sport = :{port}' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"
    return ensure(name=f"Server on port {port}",
                  holds=f"[ \"$({holder})\" = \"$(pgrep -u deploylab -fx '{process}')\" ] && {_fresh(process, files)}",
                  otherwise=f"{LIB}/keep {name} {port} {command}")


def port_for(program: str, port: int, *, child: str = ""):
    """Only this program listens on the port; any other server there, such as one started by hand, is ended.

    pyinfra's `server.kill` needs a process id that is known beforehand.

    Args:
        child: the name of the program's children, if they have another one.
    """
    own = "|".join(name for name in (program, child) if name)
    others = f"ss -Hltnp 'sport = :{port}' | grep -o '(\"[^)]*' | grep -vE '^\\(\"({own})\"'"
    pids = f"{others} | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"
    return ensure(name=f"Port {port} is free for {program}", holds=f'[ -z "$({others})" ]',
                  otherwise=f"kill $({pids}); for _ in 1 2 3 4 5 6 7 8 9 10; do"
                            f' [ "$({others})" ] || exit 0; sleep 0.3; done; kill -KILL $({pids}); sleep 0.3')


def _fresh(process: str, files: list[str], pids: str = "") -> str:
    """A test: there are such processes, and all of them started after the last change of the files."""
    pids = pids or f"pgrep -d, -fx '{process}'"
    return f"{LIB}/fresh \"$({pids})\" {' '.join(files)}"
