"""A comparison of texts that means the same on every database."""

from django.db.models import CharField
from django.db.models.lookups import Exact


@CharField.register_lookup
class Exactly(Exact):
    """`name__exactly`: the same characters, each of them, and no other.

    `name=…` leaves it to the database's collation. MariaDB's usual ones do not tell capitals from small letters, nor
    `é` from `e`, and ignore spaces at the end; SQLite tells all of them apart.
    """

    lookup_name = "exactly"

    def get_rhs_op(self, connection, rhs):
        return f"= {rhs}"

    def as_mysql(self, compiler, connection):
        """By the collation first, which can use an index, and then byte by byte."""
        equal, parameters = self.as_sql(compiler, connection)
        column, of_column = self.process_lhs(compiler, connection)
        value, of_value = self.process_rhs(compiler, connection)
        return f"({equal} AND BINARY {column} = BINARY {value})", (*parameters, *of_column, *of_value)
