"""Operations that pyinfra lacks; each says why it is needed. For the rest the deploys use pyinfra's own operations.

pyinfra evaluates an operation when its turn comes (`check_for_changes=False` in `deploylab.provision.worker`), so a
test sees the effect of the operations before it. Never write `if host.get_fact(...)` in a deploy: that is decided
before any operation has run. For an operation that depends on a condition use pyinfra's `_if`, with `unless` or
`missing`.
"""

from provisioning.operations.base import LIB, VENV, ensure, missing, placed, unless, with_address
from provisioning.operations.servers import asleep, background, dormant, port_for, service, supervised
from provisioning.operations.site import checkout, collected, database_user, migrated, secret, seeded
from provisioning.operations.system import certificates, links, only, owned

__all__ = ["LIB", "VENV", "asleep", "background", "certificates", "checkout", "collected", "database_user", "dormant",
           "ensure", "links", "migrated", "missing", "only", "owned", "placed", "port_for", "secret", "seeded",
           "service", "supervised", "unless", "with_address"]
