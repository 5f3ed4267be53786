"""The database server, shared by every stage that uses it."""

from provisioning import operations
from provisioning.deploys.common import place

CONFIG = "/etc/mysql/mariadb.conf.d/60-deploylab.cnf"
PASSWORD = "/etc/deploylab/mariadb.env"


def server() -> None:
    """MariaDB with our settings, a database in UTF-8 and its user."""
    operations.packages(["mariadb-server", "mariadb-client"])
    place(CONFIG)
    operations.service("mariadb", "/usr/sbin/mariadbd.*", [CONFIG])
    operations.secret(PASSWORD, "DJANGO_MYSQL_PASSWORD")
    operations.database("deploylab", "deploylab", PASSWORD)
