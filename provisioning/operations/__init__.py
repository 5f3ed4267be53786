"""What pyinfra lacks for this course. Each operation asks first and acts only on a difference.

pyinfra evaluates an operation when its turn comes (`check_for_changes=False` in
`deploylab.provision.worker`), so a test sees what the operations before it did. Never write
`if host.get_fact(...)` in a deploy: that is decided before anything ran.
"""

from provisioning.operations.base import LIB, VENV, bundle, ensure, heard, placed
from provisioning.operations.servers import asleep, dormant, kept, port_for, service, supervised
from provisioning.operations.site import checkout, collected, database, migrated, secret, seeded, virtualenv
from provisioning.operations.system import (
    account,
    certificates,
    folder,
    link,
    links,
    only,
    owned,
    packages,
    unpacked,
)

__all__ = ["LIB", "VENV", "account", "asleep", "bundle", "certificates", "checkout", "collected", "database", "dormant",
           "ensure", "folder", "heard", "kept", "link", "links", "migrated", "only", "owned", "packages", "placed",
           "port_for", "secret", "seeded", "service", "supervised", "unpacked", "virtualenv"]
