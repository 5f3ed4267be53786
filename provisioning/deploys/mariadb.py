"""The database server, shared by every stage that uses it."""

from pyinfra.operations import apt, mysql

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
    packages = ["mariadb-server", "mariadb-client"]
    apt.packages(name=f"Packages: {' '.join(packages)}", packages=packages, update=True,
                 _if=operations.missing(packages))
    place(CONFIG)
    operations.service(name="Service mariadb", unit="mariadb", process="/usr/sbin/mariadbd.*", files=[CONFIG])
    operations.secret(PASSWORD, "DJANGO_MYSQL_PASSWORD")
    mysql.database(name=f"Database {NAME}", database=NAME, charset="utf8mb4", collate="utf8mb4_unicode_ci")
    operations.database_user(NAME, USER, PASSWORD)
    mysql.privileges(name=f"User {USER} owns the database", user=USER, database=NAME, privileges="ALL")
