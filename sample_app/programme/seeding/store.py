"""The rows into the database, and the digest that says whether they are the right ones.

The digest covers the rows that the seed makes, by their ids. What people add later, comments
above all, gets higher ids and does not count; what they change in the seed's rows, or delete, does.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from django.db import connection, models, transaction

from programme.seeding.rows import Rows, TalkSpeaker

BATCH = 500  # rows in one INSERT


def digest(tables: Iterable[tuple[type[models.Model], Iterable[tuple]]]) -> str:
    """The SHA-256 of the rows, in hexadecimal digits; the same for every database.

    Args:
        tables: each model with the values of its columns, in the order of their ids.
    """
    sha = hashlib.sha256()
    for model, rows in tables:
        sha.update(f"{model._meta.db_table}\n".encode())
        for row in rows:
            sha.update(json.dumps([_plain(value) for value in row], ensure_ascii=False).encode() + b"\n")
    return sha.hexdigest()


def expected_digest(rows: Rows) -> str:
    """The digest of rows in memory."""
    return digest(
        (type(table[0]), ([getattr(row, name) for name in _columns(type(row))] for row in table))
        for table in rows.tables()
    )


def stored_digest(rows: Rows) -> str:
    """The digest of the same rows as the database has them."""
    return digest(
        (model := type(table[0]),
         model.objects.order_by("id").filter(id__lte=len(table)).values_list(*_columns(model)))
        for table in rows.tables()
    )


@transaction.atomic  # all or nothing: an interrupted seed leaves no half-filled tables
def save(rows: Rows) -> None:
    """Put every row as it should be; leave rows that people added alone."""
    # A speaker whom somebody added to one of our talks would clash with the list put back.
    TalkSpeaker.objects.filter(talk_id__lte=len(rows.talks)).delete()
    for table in rows.tables():
        _upsert(table)


@transaction.atomic
def clear(rows: Rows) -> None:
    """Delete every row of these tables, people's too."""
    for table in reversed(rows.tables()):
        type(table[0]).objects.all().delete()


def _upsert(table: list[models.Model]) -> None:
    """INSERT, or UPDATE where a row of that id is there."""
    model = type(table[0])
    # MySQL looks at every unique key by itself; SQLite wants to be told which one.
    named = connection.features.supports_update_conflicts_with_target
    model.objects.bulk_create(
        table,
        batch_size=BATCH,
        update_conflicts=True,
        update_fields=[name for name in _columns(model) if name != "id"],
        unique_fields=["id"] if named else None,
    )


def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _plain(value: object) -> object:
    """The value as JSON has it. Times are in UTC, whatever the connection's time zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return value
