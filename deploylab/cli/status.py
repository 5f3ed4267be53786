"""What is there right now: the machine, its stages, the newest session. Fast: ports are probed, nothing is asked."""

from typing import Any

from deploylab import results
from deploylab.core import units
from deploylab.course import Course
from deploylab.machine import OwnMachine, choose, copies, open_machine, usage
from deploylab.provision.on_demand import listening


def look(course: Course, *, deep: bool = False) -> dict[str, Any]:
    """The state of things, ready for JSON.

    Args:
        deep: ask Vagrant for its word, and the guest for its memory and disk; takes seconds.

    Returns:
        {machine: {kind, provider, name, host, running, …} or None, stages: [{name, port, title, url, open}],
        session: {id, finished, kind} or None}
    """
    saved = choose.saved()
    machine = open_machine(saved) if saved else None
    running = machine is not None and machine.answers()
    newest = results.latest()
    return {
        "machine": _machine(machine, running, deep) if machine else None,
        "stages": _stages(course, machine if running else None),
        "session": {"id": newest.id, "finished": newest.finished, "kind": newest.plan.get("kind")} if newest
        else None,
    }


def lines(seen: dict[str, Any]) -> list[str]:
    """The state of things, for a person."""
    machine = seen["machine"]
    if machine is None:
        return ["No machine yet.", "Next: ./lab up"]
    word = f"running at {machine['host']}" if machine["running"] else "not running"
    kind = ", ".join(filter(None, (machine["kind"], machine["provider"])))
    text = [f"Machine {machine['name']} ({kind}): {word}"]
    text += [f"  {key}: {machine[key]}" for key in ("vagrant", "memory", "disk", "boot", "copies") if key in machine]
    if machine["running"]:
        text.append(f"  log in: {machine['login']}")
    width = max(len(stage["name"]) for stage in seen["stages"])
    for stage in seen["stages"]:
        where = "sleeps until it is needed" if stage["sleeps"] and stage["open"] else stage["url"] or "–"
        text.append(f"  {stage['name']:{width}} {stage['port']}  {where:26} {stage['title']}")
    if seen["session"]:
        goes_on = "; ./lab run goes on with it" if seen["session"]["kind"] == "run" else ""
        text.append(f"Newest session: {seen['session']['id']}"
                    + ("" if seen["session"]["finished"] else f" (unfinished{goes_on})"))
    if not machine["running"]:
        text.append("Next: ./lab up")
    elif not any(stage["open"] for stage in seen["stages"]):
        text.append(f"Next: ./lab goto {seen['stages'][0]['name']}")
    return text


def _machine(machine: OwnMachine, running: bool, deep: bool) -> dict[str, Any]:
    seen: dict[str, Any] = {"kind": machine.kind, "provider": machine.provider, "name": machine.name,
                            "running": running, "host": machine.host if running else None,
                            "login": machine.login if running else None}
    if deep:
        seen["vagrant"] = machine.state()
        if machine.provider == "lxc" and (kept := copies.every()):
            seen["copies"] = f"{len(kept)} of its disk for ./lab reset, {units.size(sum(c.n_bytes for c in kept))}"
        if running:
            # Not `free`: in a container it may tell the host's memory.
            held_bytes = usage.sample(machine, ["."], memory=True)["pss_bytes"]
            free_bytes = int(machine.check_output("df -B1 --output=avail / | tail -1"))
            all_bytes = machine.facts()["memory_bytes"]
            seen["memory"] = f"{units.size(held_bytes)} held by processes, of {units.size(all_bytes)}"
            seen["disk"] = f"{units.size(free_bytes)} free"
            seen["boot"] = machine.run("systemctl is-system-running").out.strip()
    return seen


def _stages(course: Course, machine: OwnMachine | None) -> list[dict[str, Any]]:
    is_open = listening(machine, course.targets) if machine else set()
    return [{"name": target.name, "port": target.port, "title": target.title, "open": target.name in is_open,
             "sleeps": bool(target.start),
             "url": f"http://{machine.host}:{target.port}/" if machine and target.name in is_open else None}
            for target in course.targets]
