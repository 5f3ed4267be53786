"""Verifies that a stage is set up as it should be, by its behaviour, not by its files.

Each key of `[stage.expect]` in course.toml is one check: one function in `web`, `capacity`, `delivery`, `logs`,
`system`, `supervision` or `tls`. A 'no' comes with its cause and the command that repairs it.
"""

from collections.abc import Callable, Iterable

from deploylab.core.errors import CheckError, CourseError
from deploylab.course import Course, Target
from deploylab.machine import Completed, Machine
from deploylab.provision.checks import capacity, delivery, logs, supervision, system, tls, web
from deploylab.provision.checks.base import Check, Look

__all__ = ["CHECKS", "Check", "line", "require", "verify"]

CHECKS: dict[str, Callable[[Look], Check]] = {
    "server": web.server,
    "debug": web.debug,
    "database": web.database,
    "processes": web.processes,
    "threads": web.threads,
    "process_is": capacity.process_is,
    "max_request_workers": capacity.max_request_workers,
    "connections": capacity.connections,
    "database_connections": capacity.database_connections,
    "static_by": web.static_by,
    "hashed": delivery.hashed,
    "compressed": delivery.compressed,
    "whoami": web.whoami,
    "cached_by": delivery.cached_by,
    "fresh": delivery.fresh,
    "remembers": system.remembers,
    "app_socket": web.app_socket,
    "protocols": tls.protocols,
    "certificate": tls.certificate,
    "renewal": tls.renewal,
    "https_only": tls.https_only,
    "deploy_check": tls.deploy_check,
    "services": system.services,
    "logs": logs.logs,
    "restarts": supervision.restarts,
    "sandbox": supervision.sandbox,
    "config_test": system.config_test,
    "listens": system.listens,
    "migrated": system.migrated,
    "data": system.data,
    "private": system.private,
}


def verify(machine: Machine, course: Course, target: Target,
           managed: dict[str, Completed] | None = None) -> list[Check]:
    """What each check of a stage or variant saw, in the order of CHECKS: first what visitors meet.

    Args:
        managed: management commands that were run a moment ago for other targets: see `Look`. New ones are added.

    Raises:
        CourseError: `[stage.expect]` has a key for which there is no check.
        MachineError: the machine does not answer.

    Example:
        all(check.ok for check in verify(machine, course, course.target("nginx")))
    """
    if unknown := [key for key in target.expect if key not in CHECKS]:
        raise CourseError(f"Stage {target.name} expects '{unknown[0]}', and there is no such check. "
                          f"There are: {', '.join(CHECKS)}.", "correct [stage.expect] in provisioning/course.toml")
    look = Look(machine, course, target, {} if managed is None else managed)
    return [check(look) for key, check in CHECKS.items() if key in target.expect]


def require(checks: Iterable[Check]) -> None:
    """Do nothing if every check says yes.

    Raises:
        CheckError: a check says no; the message has every 'no' with its cause, and the cure of the first.
    """
    if no := [check for check in checks if not check.ok]:
        raise CheckError("The stage is not ready:\n" + "\n".join(line(check) for check in no), no[0].cure)


def line(check: Check) -> str:
    """One check for a person: one line for a yes, three for a no."""
    if check.ok:
        return f"  yes  {check.name}: {check.seen}"
    return f"  NO   {check.name}: {check.seen}\n       cause: {check.cause}\n       cure:  {check.cure}"
