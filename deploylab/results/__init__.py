"""Runs as records, sessions on disk, statistics over runs (`stats`), and numbers in words (`describe`)."""

from deploylab.results.session import (
    SCHEMA,
    DamagedResults,
    Session,
    latest,
    latest_run,
    latest_unfinished,
    recorded,
    resumable,
    sessions,
)

__all__ = ["SCHEMA", "DamagedResults", "Session", "latest", "latest_run", "latest_unfinished", "recorded",
           "resumable", "sessions"]
