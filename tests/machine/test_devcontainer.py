"""The container for those without a machine of their own: what it starts is there, and makes it the machine itself."""

import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from deploylab import cli
from deploylab.core import paths
from deploylab.machine import local

FILE = paths.ROOT / ".devcontainer" / "devcontainer.json"
TEXT = "\n".join(line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("//"))
CONTAINER = json.loads(TEXT)
COMMANDS = {name: shlex.split(line) for name, line in CONTAINER.items() if name.endswith("Command")}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_is_one_of_the_lab_with_the_machine_local(name):
    entry, command, *options = COMMANDS[name]
    assert (paths.ROOT / entry).exists()
    assert options[options.index("--machine") + 1] == "local"
    known = re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(cli.with_commands(), [command, "--help"]).output)
    assert all(option in known for option in options if option.startswith("--"))


def test_the_machine_is_made_before_the_lessons_open_and_nobody_is_asked():
    assert COMMANDS["postCreateCommand"][1] == "up" and "--yes" in COMMANDS["postCreateCommand"]
    assert COMMANDS["postStartCommand"][1] == "up" and COMMANDS["postAttachCommand"][1] == "open"


def test_its_port_is_passed_on():
    options = COMMANDS["postAttachCommand"]
    port = int(options[options.index("--port") + 1])
    assert CONTAINER["forwardPorts"] == [port] and str(port) in CONTAINER["portsAttributes"]


def test_the_image_is_one_that_the_stages_are_made_for():
    assert "3.11" in CONTAINER["image"]  # the oldest that the kit takes, and what it is tested with
    assert CONTAINER["image"].endswith("bookworm") and "12" in local.SYSTEMS["debian"]
    assert CONTAINER["hostRequirements"]["cpus"] >= 2  # one is the load's
