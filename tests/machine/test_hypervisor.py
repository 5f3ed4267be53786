"""A guest behind a hypervisor: ssh comes in by whatever port of this computer was free, and the site has an address
of its own. Here the real guest plays it, with a forwarder before its ssh, as VirtualBox has one.
"""

import socket
import socketserver
import threading

import pytest

from deploylab import course
from deploylab.machine.vagrant import VagrantMachine

# What `vagrant ssh-config` says. Nobody asked for this port: 2222 was taken, and Vagrant took the next one.
VAGRANT = """#!/bin/sh
cat <<CONFIG
Host web
  HostName 127.0.0.1
  User {user}
  Port {port}
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "{key}"
  IdentitiesOnly yes
  LogLevel FATAL
CONFIG
"""
NAT = "192.0.2.15"  # nobody reaches it, as the first address that VirtualBox gives to every guest


class Forward(socketserver.BaseRequestHandler):
    """Hands on what comes, both ways."""

    def handle(self):
        with socket.create_connection(self.server.to) as there:
            threading.Thread(target=hand_on, args=(there, self.request), daemon=True).start()
            hand_on(self.request, there)


def hand_on(source, other):
    try:
        while chunk := source.recv(65536):
            other.sendall(chunk)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def forwarded(machine, tmp_path, monkeypatch):
    """The guest as a handle for VirtualBox finds it."""
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        server.to = (machine.ssh.host, machine.ssh.port)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        program = tmp_path / "bin" / "vagrant"
        program.parent.mkdir()
        program.write_text(VAGRANT.format(user=machine.ssh.user, port=server.server_address[1], key=machine.ssh.key))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        monkeypatch.setenv("DEPLOYLAB_STATE", str(tmp_path / "state"))
        handle = VagrantMachine("virtualbox")
        yield handle, server.server_address[1]
        handle.close()
        server.shutdown()


@pytest.mark.machine
def test_the_port_is_read_and_the_site_has_an_address_of_its_own(machine, forwarded, monkeypatch):
    handle, port = forwarded
    assert (handle.ssh.host, handle.ssh.port) == ("127.0.0.1", port)
    assert handle.check_output("hostname") == machine.check_output("hostname")
    assert handle.answers()
    asked = handle.check_output
    monkeypatch.setattr(handle, "check_output", lambda command: f"{NAT} fd00::15 {asked(command)}")
    assert handle.host == machine.host, "the first of its addresses that this computer reaches"
    stage = course.load().target("nginx")
    assert handle.url(stage, "/test/") == f"http://{machine.host}:{stage.port}/test/"
