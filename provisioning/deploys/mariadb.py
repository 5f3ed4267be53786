"""The database server, shared by every stage that uses it."""

from provisioning import operations
from provisioning.deploys.common import place

CONFIG = "/etc/mysql/mariadb.conf.d/60-deploylab.cnf"
PASSWORD = "/etc/deploylab/mariadb.env"
NAME = USER = "deploylab"
START_OVER = (f"mariadb-dump {NAME} > /var/backups/deploylab/{NAME}.sql; "
              f"echo 'DROP DATABASE {NAME}; CREATE DATABASE {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci' "
              "| mariadb")


def server() -> None:
    """MariaDB with our settings, a database in UTF-8 and its user."""
    operations.packages(["mariadb-server", "mariadb-client"])
    place(CONFIG)
    operations.service("mariadb", "/usr/sbin/mariadbd.*", [CONFIG])
    operations.secret(PASSWORD, "DJANGO_MYSQL_PASSWORD")
    operations.database(NAME, USER, PASSWORD)
