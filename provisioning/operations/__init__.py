"""What pyinfra lacks for this course; each says what that is. The deploys use pyinfra's own operations for the rest.

pyinfra evaluates an operation when its turn comes (`check_for_changes=False` in
`deploylab.provision.worker`), so a test sees what the operations before it did. Never write
`if host.get_fact(...)` in a deploy: that is decided before anything ran. What shall happen only
under a condition gets pyinfra's `_if`, with `unless` or `missing`.
"""

from provisioning.operations.base import LIB, VENV, ensure, heard, missing, placed, unless
from provisioning.operations.servers import asleep, dormant, kept, port_for, service, supervised
from provisioning.operations.site import checkout, collected, database_user, migrated, secret, seeded
from provisioning.operations.system import certificates, links, only, owned

__all__ = ["LIB", "VENV", "asleep", "certificates", "checkout", "collected", "database_user", "dormant",
           "ensure", "heard", "kept", "links", "migrated", "missing", "only", "owned", "placed", "port_for", "secret",
           "seeded", "service", "supervised", "unless"]
